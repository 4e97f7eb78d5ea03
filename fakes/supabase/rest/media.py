"""What the client accepts, and a result written as that."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from fakes.supabase.rest.errors import not_acceptable
from fakes.supabase.rest.values import as_text

__all__ = ["Media", "negotiate"]

_Shown: TypeAlias = dict[str, Any]


class Media(Struct, frozen=True):
    """A media type: its name, how rows are written, and whether they must be one row."""

    name: str
    write: Callable[[Sequence[_Shown]], bytes]
    single: bool = False

    @property
    def content_type(self) -> str:
        """The value of `Content-Type`."""
        return f"{self.name}; charset=utf-8"


class _Range(Struct, frozen=True):
    """One entry of `Accept`: a type without its parameters, those, and how much it is wanted."""

    name: str
    parameters: tuple[str, ...]
    quality: float


def negotiate(accept: str) -> Media:
    """Return the media type wanted most that can be had; raises `RestError` (PGRST107)."""
    ranges = [_read_range(each) for each in accept.lower().split(",") if each.strip()]
    for wanted in sorted(ranges, key=lambda each: each.quality, reverse=True):
        media = _MEDIA.get(";".join((wanted.name, *wanted.parameters))) or _MEDIA.get(wanted.name)
        if media is not None:
            return media
    if not ranges:
        return _MEDIA["*/*"]
    raise not_acceptable(each.name for each in ranges)


def _read_range(text: str) -> _Range:
    name, *parameters = ("".join(part.split()) for part in text.split(";"))
    qualities = [part.removeprefix("q=") for part in parameters if part.startswith("q=")]
    others = tuple(part for part in parameters if not part.startswith("q="))
    return _Range(name, others, _quality(qualities[0]) if qualities else 1.0)


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _without_nulls(row: _Shown) -> _Shown:
    return {name: value for name, value in row.items() if value is not None}


def _object(rows: Sequence[_Shown]) -> bytes:
    return msgspec.json.encode(rows[0])


def _stripped_object(rows: Sequence[_Shown]) -> bytes:
    return msgspec.json.encode(_without_nulls(rows[0]))


def _stripped_array(rows: Sequence[_Shown]) -> bytes:
    return msgspec.json.encode([_without_nulls(row) for row in rows])


def _csv(rows: Sequence[_Shown]) -> bytes:
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    if rows:
        writer.writerow(rows[0])
    writer.writerows([as_text(value) for value in row.values()] for row in rows)
    return lines.getvalue().encode()


_STRIPPED: Final = ";nulls=stripped"
_ARRAY: Final = "application/vnd.pgrst.array+json"
_OBJECT: Final = "application/vnd.pgrst.object+json"
_OF_JSON: Final = Media("application/json", msgspec.json.encode)

_MEDIA: Final = {
    "*/*": _OF_JSON,
    "application/*": _OF_JSON,
    "application/json": _OF_JSON,
    _ARRAY: _OF_JSON,
    _ARRAY + _STRIPPED: Media(_ARRAY + _STRIPPED, _stripped_array),
    _OBJECT: Media(_OBJECT, _object, single=True),
    _OBJECT + _STRIPPED: Media(_OBJECT + _STRIPPED, _stripped_object, single=True),
    "text/csv": Media("text/csv", _csv),
}
