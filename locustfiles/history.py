"""The run's history on its way to disk, in the process that leads the run."""

from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from chatengine.history import EVERYBODY, VERSION, Began, LeftOut, Record, Settled
from locustfiles.engine.journal import too_many
from reports.files import ReportError

__all__ = ["HistoryFile"]

_NAME: Final = "history.jsonl"
_WHO: Final = "harness"
_OWN: Final = 3
"""Records of its own: the beginning, the fence, and what is left out."""


class HistoryFile:
    """`history.jsonl` in the run's folder, `most` records long at most.

    It gets its name when it is whole: what was ended in the middle must not be taken for a history.
    What goes wrong meanwhile spoils no run, and is told at the end.
    """

    def __init__(self, folder: Path, most: int, began_us: int, about: str) -> None:
        self._path = folder / _NAME
        self._scrap = folder / f".{_NAME}"
        self._most = most
        self._kept = _OWN
        self._file: BinaryIO | None = None
        self._error: OSError | None = None
        self._write(_line(Began(at_us=began_us, who=_WHO, version=VERSION, about=about)))

    def add(self, lines: bytes, now_us: int) -> None:
        """Keep the records of a process, as far as there is room."""
        if not lines or self._kept > self._most:
            return
        count, room = lines.count(b"\n"), self._most - self._kept
        self._kept += count
        if count > room:
            lines = b"".join(lines.splitlines(keepends=True)[:room])
            lines += _line(too_many(now_us, self._most))
        self._write(lines)

    def settle(self, upto_us: int, now_us: int, silent: int) -> None:
        """All has arrived, or has had its time; `silent` workers gave no answer any more."""
        if silent:
            why = f"what {silent} of the workers saw, which no longer answered"
            self._write(_line(LeftOut(at_us=now_us, who=EVERYBODY, why=why)))
        self._write(_line(Settled(at_us=now_us, who=EVERYBODY, upto_us=upto_us)))

    def finish(self) -> Path:
        """Give the history its name. Raises `ReportError`."""
        try:
            if self._error is not None:
                raise self._error
            if self._file is not None:
                self._file.close()
            self._scrap.replace(self._path)
        except OSError as error:
            raise ReportError("write", self._path, error.strerror or str(error)) from None
        return self._path

    def _write(self, lines: bytes) -> None:
        if self._error is not None:
            return
        try:
            if self._file is None:
                self._file = self._scrap.open("xb")
            self._file.write(lines)
        except OSError as error:
            self._error = error


def _line(record: Record) -> bytes:
    return msgspec.json.encode(record) + b"\n"
