"""How far a run is, on the terminal, once a second: a bar where there is one, lines elsewhere."""

import sys
import time
from typing import Final

import gevent
from locust.env import Environment
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from locustfiles.lead import Lead

__all__ = ["Progress"]

_BAR_S: Final = 0.5
_LINE_S: Final = 5.0  # a log of CI is read later: few lines


class Progress:
    """Shows a leading process's run on standard error, in headless runs."""

    def __init__(self, environment: Environment, lead: Lead) -> None:
        options = environment.parsed_options
        self._wanted = options is not None and options.headless
        self._environment = environment
        self._lead = lead
        self._greenlet: gevent.Greenlet[..., None] | None = None

    def begin(self) -> None:
        """Show progress until `end`."""
        if self._wanted:
            self._greenlet = gevent.spawn(self._bar if sys.stderr.isatty() else self._lines)

    def end(self) -> None:
        """Leave the terminal as it was."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None

    def _bar(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        # No thread of rich's own: under gevent it would be a greenlet that nobody ends.
        with Bar(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as bar:
            task = bar.add_task("", total=None)
            while True:
                done, total = self._share()
                bar.update(task, description=self._words(), completed=done, total=total)
                bar.refresh()
                gevent.sleep(_BAR_S)

    def _lines(self) -> None:
        while True:
            gevent.sleep(_LINE_S)
            print(self._words(), file=sys.stderr, flush=True)

    def _share(self) -> tuple[float, float | None]:
        """How much is done of what: of the connecting first, of the publishing then."""
        options = self._lead.options
        since = self._lead.publishing_since
        if since is None:
            return self._lead.ledger.subscribed, self._wanted_users()
        seconds = options.publish_seconds if options is not None else 0
        return time.monotonic() - since, seconds or None

    def _words(self) -> str:
        ledger = self._lead.ledger
        if self._lead.publishing_since is None:
            return f"Connecting: {ledger.subscribed:,} of {self._wanted_users():,} subscribed"
        received = sum(second.received for second in ledger.seconds.values())
        duplicates = sum(second.duplicates for second in ledger.seconds.values())
        step = "Draining" if self._lead.draining else "Publishing"
        again = f", {duplicates:,} twice" if duplicates else ""
        return f"{step}: {ledger.publishing.accepted:,} messages, {received:,} delivered{again}"

    def _wanted_users(self) -> int:
        runner = self._environment.runner
        return runner.target_user_count if runner is not None else 0
