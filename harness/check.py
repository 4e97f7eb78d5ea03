"""`chatengine-harness check`: what the checkers say of a history, whoever wrote it."""

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal

import click
import msgspec
from msgspec import Struct

from chatengine.history import VERSION, Began, History, Record
from conformance.history import (
    Anomaly,
    HistoryError,
    Invalid,
    Unknown,
    Valid,
    Verdict,
    judge,
    read,
)
from conformance.words import printable
from harness.exits import CouldNotRun
from reports.files import ReportError, write_file

__all__ = ["Progress", "check"]

Word = Literal["valid", "invalid", "unknown"]

_EXIT_CODES: Final[dict[Word, int]] = {"invalid": 1, "unknown": 4, "valid": 0}
"""The gravest first: it is what the whole command ends with."""

_COLORS: Final = {"valid": "green", "invalid": "red", "unknown": "yellow"}
_SILENCE_S: Final = 2.0
_LINES: Final = 10_000
_PATH: Final = click.Path(path_type=Path)
_SCOPES: Final = click.Choice(["conversation", "workspace"])


class Told(Struct, omit_defaults=True):
    """A checker's verdict, as `--json` tells it: `part` is the smallest that shows the first of
    `times` findings.
    """

    verdict: Word
    says: str | None = None
    times: int = 0
    part: tuple[Record, ...] = ()


class Judged(Struct):
    """A history, and what each checker says of it."""

    history: str
    records: int
    verdict: Word
    checkers: dict[Anomaly, Told]


class _NoHistory(CouldNotRun):
    exit_code = 2


@click.command(
    epilog="Exit codes: 0 valid, 1 invalid, 2 usage, or no history, 3 could not write, 4 unknown."
)
@click.argument("histories", nargs=-1, required=True, type=_PATH, metavar="HISTORY...")
@click.option("--message-scope", type=_SCOPES, help="Whom the server sends messages to.")
@click.option("--json", "target", type=_PATH, metavar="FILE", help="Write the verdicts here, too.")
def check(
    histories: tuple[Path, ...],
    message_scope: Literal["conversation", "workspace"] | None,
    target: Path | None,
) -> None:
    """Is anything lost, duplicated, reordered, or otherwise wrong in a HISTORY?

    \b
    HISTORY is a history.jsonl, or the folder of a load run that kept one (load --history N),
    or the failure of a drawn schedule (what conform --replay takes).

    Of each anomaly it prints the smallest part of the history that shows it. A history that leaves
    out what it would take to judge it is unknown, never valid. --message-scope workspace is for a
    server that sends messages to the whole workspace, where none leaks from a conversation.
    """
    progress = Progress()
    found = []
    for path in histories:
        found.append(_judged(path, message_scope, progress))
        _print(found[-1])
    verdict = _gravest(each.verdict for each in found)
    if target is not None:
        document = msgspec.json.encode({"verdict": verdict, "histories": found})
        try:
            write_file(target, msgspec.json.format(document) + b"\n")
        except ReportError as error:
            raise CouldNotRun(str(error)) from None
    sys.exit(_EXIT_CODES[verdict])


def _judged(
    path: Path, scope: Literal["conversation", "workspace"] | None, progress: "Progress"
) -> Judged:
    """Read a history and ask every checker; raises `_NoHistory`."""
    file = path / "history.jsonl" if path.is_dir() else path
    try:
        history = read(file, lambda lines: progress.passing(lines, str(file)))
    except HistoryError as error:
        raise _NoHistory(printable(str(error))) from None
    told: dict[Anomaly, Told] = {}
    for anomaly, verdict in judge(_scoped(history, scope)):
        told[anomaly] = _told(verdict)
        progress.say(f"{file}: {anomaly}: {told[anomaly].verdict}")
    return Judged(str(file), len(history), _gravest(each.verdict for each in told.values()), told)


def _scoped(history: History, scope: Literal["conversation", "workspace"] | None) -> History:
    """The history of a server of that scope, whatever it said of itself."""
    if scope is None:
        return history
    first = Began(at_us=history[0].at_us, who="harness", version=VERSION, scope=scope)
    return [first, *(record for record in history if not isinstance(record, Began))]


def _told(verdict: Verdict) -> Told:
    match verdict:
        case Valid():
            return Told("valid")
        case Unknown(reason=reason):
            return Told("unknown", reason)
        case Invalid(says=says, part=part, times=times):
            return Told("invalid", says, times, part)


def _gravest(words: Iterable[Word]) -> Word:
    given = set(words)
    return next(word for word in _EXIT_CODES if word in given)


def _print(judged: Judged) -> None:
    click.echo(f"{printable(judged.history)}, {judged.records:,} records")
    for anomaly, told in judged.checkers.items():
        says = "" if told.says is None else f"  {printable(told.says)}"
        click.echo(f"  {anomaly:<20} {_colored(told.verdict, told.verdict)}{says}")
        for record in told.part:
            click.echo(f"      {printable(msgspec.json.encode(record).decode())}")
        if told.times > 1:
            click.echo(f"      and {told.times - 1:,} more like it")
    wrong = [anomaly for anomaly, told in judged.checkers.items() if told.verdict == "invalid"]
    which = f": {', '.join(wrong)}" if wrong else ""
    click.echo(f"{_colored(judged.verdict.upper(), judged.verdict)}{which}")


def _colored(text: str, verdict: Word) -> str:
    return click.style(text, fg=_COLORS[verdict])


class Progress:
    """Says on stderr how far it is, after a silence and not more often; who is quick hears none."""

    def __init__(self, silence_s: float = _SILENCE_S) -> None:
        self._silence_s = silence_s
        self._due = time.monotonic() + silence_s

    def say(self, words: str) -> None:
        """Say it, if it is time."""
        now = time.monotonic()
        if now >= self._due:
            click.echo(printable(words), err=True)
            self._due = now + self._silence_s

    def passing(self, lines: Iterable[bytes], name: str) -> Iterator[bytes]:
        """Count lines that pass."""
        for number, line in enumerate(lines, 1):
            if number % _LINES == 0:
                self.say(f"{name}: {number:,} lines read")
            yield line
