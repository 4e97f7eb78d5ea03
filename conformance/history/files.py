"""Histories as files: a record a line, or a drawn schedule's failure, which holds its history."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from chatengine.history import MOST_RECORDS, VERSION, Began, History, Record

__all__ = ["HistoryError", "Watch", "parse", "read", "to_lines", "write"]

T = TypeVar("T")

_QUOTED: Final = 120
_DOCUMENT: Final = b"{"
"""The first line of a failure's file (`conformance.generated`); no record has such a one."""

Watch: TypeAlias = Callable[[Iterable[bytes]], Iterable[bytes]]
"""Sees the lines of a file pass."""


class HistoryError(ValueError):
    """A history that cannot be read or written; its text is one sentence."""


def to_lines(records: Iterable[Record]) -> Iterator[bytes]:
    r"""Yield each record as a line, its `\n` included."""
    for record in records:
        yield _encoder.encode(record) + b"\n"


def write(path: Path, records: Iterable[Record]) -> None:
    """Write a history, and the folder it lies in; raises `HistoryError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.writelines(to_lines(records))
    except OSError as error:
        raise HistoryError(f"{path} cannot be written: {error.strerror}") from None


def read(path: Path, watch: Watch = iter) -> History:
    """Read a history, in the order of its moments; raises `HistoryError` for the first bad line."""
    try:
        with path.open("rb") as file:
            is_document = file.readline().strip() == _DOCUMENT
            file.seek(0)
            return _kept(file.read(), str(path)) if is_document else parse(watch(file), str(path))
    except OSError as error:
        raise HistoryError(f"{path} cannot be read: {error.strerror}") from None


def parse(lines: Iterable[bytes], name: str = "the history") -> History:
    """Read lines; raises `HistoryError`, which calls the history by `name`.

    Records of one moment stay in their order: several processes may have written one file, each in
    its own order.
    """
    records = [_record(line, number, name) for number, line in enumerate(lines, 1) if line.strip()]
    return _in_order(records, name)


def _record(line: bytes, number: int, name: str) -> Record:
    if number > MOST_RECORDS:
        raise HistoryError(f"{name} has more than {MOST_RECORDS} lines")
    return _decoded(line, _records, f"line {number} of {name} is no record")


class _Failure(Struct):
    """Of a failure's file, what is a history."""

    history: list[Record]


def _kept(document: bytes, name: str) -> History:
    return _in_order(_decoded(document, _failures, f"{name} holds no history").history, name)


def _decoded(text: bytes, decoder: "msgspec.json.Decoder[T]", otherwise: str) -> T:
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        wrong = str(error)[:_QUOTED]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        wrong = "it is no JSON"
    raise HistoryError(f"{otherwise}: {wrong}")


def _in_order(records: list[Record], name: str) -> History:
    if not records:
        raise HistoryError(f"{name} is empty")
    for record in records:
        if isinstance(record, Began) and record.version != VERSION:
            raise HistoryError(f"{name} has version {record.version}, and only {VERSION} is known")
    return sorted(records, key=lambda record: record.at_us)


_encoder: Final = msgspec.json.Encoder()
_records: Final[msgspec.json.Decoder[Record]] = msgspec.json.Decoder(Record)
_failures: Final = msgspec.json.Decoder(_Failure)
