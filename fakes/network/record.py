"""What was applied and what happened, in order: a log that is itself a schedule to replay.

An entry that says `fired` holds a rule of its own, pinned to its connection and to the point at
which it happened, so that those rules together make the same happen again.
"""

import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from fakes.environment import SettingsError
from fakes.logs import Log
from fakes.network.schedule import Rule, Schedule, ScheduleError

__all__ = ["Applied", "By", "Entry", "Fired", "Record", "read_schedule", "replay"]

_KEPT: Final = 10_000

_log: Final = Log(__name__)

By: TypeAlias = Literal["schedule", "command"]


class Applied(Struct, frozen=True, rename="camel", tag_field="what", tag="applied"):
    """A schedule came into force, `at_ms` after the proxy began."""

    at_ms: int
    schedule: Schedule


class Fired(Struct, frozen=True, rename="camel", tag_field="what", tag="fired"):
    """A fault happened, by a schedule or by a command; `rule` makes it happen again."""

    at_ms: int
    by: By
    rule: Rule


Entry: TypeAlias = Applied | Fired


def replay(entries: Iterable[Entry]) -> Schedule:
    """Return the schedule that makes happen again what `entries` tell."""
    return Schedule(tuple(entry.rule for entry in entries if isinstance(entry, Fired)))


def read_schedule(text: bytes) -> Schedule:
    """Read a schedule (one JSON object) or a log (an entry a line); raises `ScheduleError`."""
    try:
        if _is_log(text):
            return replay(msgspec.json.Decoder(Entry).decode_lines(text))
        return msgspec.json.decode(text, type=Schedule)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ScheduleError(f"the schedule cannot be used: {error}") from None


def _is_log(text: bytes) -> bool:
    try:
        first = msgspec.json.decode(text.lstrip().partition(b"\n")[0])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(first, dict) and "what" in first


class Record:
    """The entries of one proxy: the last in memory, and all of them in `path`, where one is given.

    A context manager; entering raises `SettingsError` for a file that cannot be made.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._began = time.monotonic()
        self._kept: deque[Entry] = deque(maxlen=_KEPT)
        self._fired: Counter[str] = Counter()

    def __enter__(self) -> "Record":
        if self._path is not None:
            try:
                self._file = self._path.open("wb", buffering=0)
            except OSError as error:
                raise SettingsError(
                    f"the log {self._path} cannot be made: {error.strerror}"
                ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The last 10,000 entries, oldest first."""
        return tuple(self._kept)

    @property
    def fired_by_kind(self) -> Mapping[str, int]:
        """How often each kind of fault has happened."""
        return dict(self._fired)

    def applied(self, schedule: Schedule) -> None:
        """Note a schedule that comes into force."""
        self._note(Applied(self._now_ms(), schedule))

    def fired(self, rule: Rule, by: By) -> None:
        """Note a fault that happens."""
        kind = str(rule.fault.__struct_config__.tag)
        self._fired[kind] += 1
        _log.info("fault", kind=kind, connection=rule.first, by=by)
        self._note(Fired(self._now_ms(), by, rule))

    def _now_ms(self) -> int:
        return int((time.monotonic() - self._began) * 1000)

    def _note(self, entry: Entry) -> None:
        self._kept.append(entry)
        if self._file is None:
            return
        try:
            self._file.write(msgspec.json.encode(entry) + b"\n")
        except OSError as error:  # a full disk ends the file, never the proxy
            _log.warning("log file ended", reason=error.strerror)
            self._file.close()
            self._file = None
