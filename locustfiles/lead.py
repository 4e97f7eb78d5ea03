"""Who leads a run: the master, or the one process of a run without workers.

Follows Locust's life cycle: `begin` at test_start, `spawned` at spawning_complete, `finish` at
test_stopping, while all users still live, and `conclude` at test_stop, with the record and reports.
"""

import itertools
import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import gevent
from gevent.lock import BoundedSemaphore
from locust.env import Environment
from locust.runners import MasterRunner

from locustfiles.crew import Crew
from locustfiles.engine.accounting import Tally
from locustfiles.engine.clock import Clock
from locustfiles.engine.ledger import Ledger
from locustfiles.history import HistoryFile
from locustfiles.load import Load
from locustfiles.options import Options
from locustfiles.results import Outcome, build
from reports import record as report
from reports.files import ReportError
from reports.junit import write_junit
from reports.page import write_page

__all__ = ["COULD_NOT_RUN", "Lead"]

COULD_NOT_RUN: Final = 3
"""Exit code; 0 pass, 1 thresholds failed and 4 invalid come from the verdict, 2 is usage."""

_CONNECTED_S: Final = 30.0  # beyond it publishing begins all the same; who is missing is reported
_ASK_S: Final = 0.2
_LAST_POST_S: Final = 0.3  # the publishers begin a tenth of a second after they are asked to

_log = logging.getLogger(__name__)


class Lead:
    """A run from its first moment to its record; may lead several in a row (the web UI)."""

    def __init__(self, environment: Environment, crew: Crew) -> None:
        self._environment = environment
        self._crew = crew
        self._clock = Clock()
        self._publishing: gevent.Greenlet[..., None] | None = None
        self.options: Options | None = None
        self.run: int | None = None
        self.ledger = Ledger()
        self.tally = Tally()
        self.record: report.RunRecord | None = None
        self.refused = ""
        self.folder: Path | None = None
        self.publishing_since: float | None = None
        self.draining = False
        self.concluded = True
        self._finishing = BoundedSemaphore()
        self._started = 0.0
        self._began_us = 0
        self._workers = 0
        self._history: HistoryFile | None = None

    def refuse(self, sentence: str) -> None:
        """A run could not begin; what the last one left is no longer shown."""
        self.refused = sentence
        self.ledger, self.record = Ledger(), None

    def claim(self, options: Options) -> None:
        """Make the run's own folder, before it begins. Raises `ReportError`.

        A place that cannot be written to, or a run of the same name, must not come to light when
        everything has been measured.
        """
        self.folder = _claim(options)

    def begin(self, options: Options) -> None:
        """A run begins: its tag and its clock go to everyone."""
        self.refused = ""
        self.options = options
        self.ledger, self.tally = Ledger(), Tally()
        self.record = None
        self._started, self._began_us = time.time(), self._clock.now_us()
        self._publishing = None
        self.publishing_since, self.draining = None, False
        runner = self._environment.runner
        self._workers = runner.worker_count if isinstance(runner, MasterRunner) else 0
        self.run = Load.new_run()
        self._history = self._new_history(options)
        self._crew.begin(self.run)

    def spawned(self) -> None:
        """All users were started: publish once they are subscribed, for as long as was asked."""
        if self.run is not None and self._publishing is None:
            self._publishing = gevent.spawn(self._publish)

    def add(self, run: int | None, seen: Ledger) -> None:
        """Add what a process saw; what is left of another run is dropped."""
        if run == self.run:
            if self._history is not None:
                self._history.add(seen.history, self._clock.now_us())
                seen.history = b""
            self.ledger.merge(seen)

    def finish(self) -> None:
        """The run stops, its users still live: end the publishing, drain, collect the rest.

        Who comes while another is at it (Ctrl-C during the drain) waits until that one is done.
        """
        with self._finishing:
            if self.run is not None and self.options is not None:
                self._finish(self.options)

    def conclude(self) -> dict[str, Path]:
        """The run is over: write its reports, and say where. Raises `ReportError`."""
        self.concluded = True
        if self.record is None or self.folder is None:
            return {}
        files = {
            "report": self.folder / "report.html",
            "record": self.folder / "run.json",
            "junit": self.folder / "junit.xml",
        }
        report.write(self.record, files["record"])
        write_page(self.record, files["report"])
        write_junit(self.record, files["junit"])
        if self._history is not None:
            files["history"] = self._history.finish()
        return files

    def _finish(self, options: Options) -> None:
        if self._publishing is not None and self._publishing is not gevent.getcurrent():
            self._publishing.kill()
        since = self.publishing_since
        published_s = None if since is None else time.monotonic() - since
        self.draining = True
        streams = self._crew.finish_publishing()
        # Whatever a worker's clock says of its last post, it is no later than this.
        published_us = self._clock.now_us() + 2 * self._crew.clock_error_us
        tally, rest = self._crew.drain(streams, options.settle_seconds)
        self.add(self.run, rest)
        if self._history is not None:
            self._history.settle(published_us, self._clock.now_us(), self._crew.silent)
        self.tally = tally
        self.run = None
        self.record = build(self._outcome(options, published_s))
        self.concluded = False

    def _publish(self) -> None:
        """Runs in a greenlet of its own until the publishing has lasted long enough."""
        assert self.options is not None
        deadline = time.monotonic() + _CONNECTED_S
        while self._crew.waiting() and time.monotonic() < deadline:
            gevent.sleep(_ASK_S)
        self._crew.publish()
        self.publishing_since = time.monotonic()
        if self.options.publish_seconds:
            gevent.sleep(self.options.publish_seconds + _LAST_POST_S)
            self._end_run()

    def _end_run(self) -> None:
        runner, options = self._environment.runner, self._environment.parsed_options
        if runner is None:
            return
        if options is not None and options.headless:
            runner.quit()
        else:
            runner.stop()

    def _new_history(self, options: Options) -> HistoryFile | None:
        if not options.history or self.folder is None:
            return None
        about = f"load run {self.run} of {report.public_url(options.host)}"
        return HistoryFile(self.folder, options.history, self._began_us, about)

    def _outcome(self, options: Options, published_s: float | None) -> Outcome:
        runner = self._environment.runner
        return Outcome(
            options=options,
            users=runner.target_user_count if runner is not None else 0,
            started=self._started,
            began_us=self._began_us,
            ended_us=self._clock.now_us(),
            ledger=self.ledger,
            tally=self.tally,
            workers=self._workers,
            hosts=self._crew.hosts,
            clock_error_us=self._crew.clock_error_us,
            silent=self._crew.silent,
            published_s=published_s,
        )


def _claim(options: Options) -> Path | None:
    """Make the run's own folder; None where no reports are asked for. Raises `ReportError`."""
    if not options.out:
        return None
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    for number in itertools.count(1):
        unique = moment if number == 1 else f"{moment}-{number}"
        folder = Path(options.out) / (options.run_name or unique)
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            if options.run_name or not folder.is_dir():
                raise ReportError("write", folder, "it is there already") from None
        except OSError as error:
            raise ReportError("write", folder, error.strerror or str(error)) from None
    raise AssertionError("there is always a next number")
