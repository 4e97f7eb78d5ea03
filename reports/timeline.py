"""The seconds of a run gathered into as many slices as a chart can show."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeVar

from reports.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reports.record import Second

__all__ = ["Slice", "gather", "slice_length"]

T = TypeVar("T")

_LENGTHS: Final = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)


@dataclass(frozen=True)
class Slice:
    """Some seconds of a run, together; counts are sums, `connected` is at the end."""

    start: int
    """First second of the slice, since the run began."""
    seconds: int
    """Length in seconds."""
    connected: int
    connects: int
    connect_failures: int
    published: int
    received: int
    lost: int | None
    duplicates: int | None
    out_of_order: int | None
    latency: Histogram
    max_ms: float | None
    loop_lag_max_ms: float | None
    late_seconds: int


def slice_length(seconds: int, most: int) -> int:
    """The shortest round length, in seconds, that cuts `seconds` into `most` slices or fewer."""
    for length in _LENGTHS:
        if length * most >= seconds:
            return length
    hours = -(-seconds // (most * _LENGTHS[-1]))
    return hours * _LENGTHS[-1]


def gather(series: Sequence[Second], most: int) -> list[Slice]:
    """The series as at most `most` slices of one length, ascending; empty slices are left out."""
    if not series:
        return []
    length = slice_length(series[-1].second + 1, most)
    groups = groupby(series, key=lambda row: row.second // length)
    return [_together(number * length, length, list(rows)) for number, rows in groups]


def _together(start: int, seconds: int, rows: list[Second]) -> Slice:
    latency = Histogram()
    for row in rows:
        latency.merge(Histogram.from_pairs(row.latency_us))
    return Slice(
        start=start,
        seconds=seconds,
        connected=rows[-1].connected,
        connects=sum(row.connects for row in rows),
        connect_failures=sum(row.connect_failures for row in rows),
        published=sum(row.published for row in rows),
        received=sum(row.received for row in rows),
        lost=_known(sum, (row.lost for row in rows)),
        duplicates=_known(sum, (row.duplicates for row in rows)),
        out_of_order=_known(sum, (row.out_of_order for row in rows)),
        latency=latency,
        max_ms=_known(max, (row.max_ms for row in rows)),
        loop_lag_max_ms=_known(max, (row.loop_lag_max_ms for row in rows)),
        late_seconds=sum(row.late for row in rows),
    )


def _known(fold: Callable[[list[T]], T], values: Iterable[T | None]) -> T | None:
    """The fold of the values that are known, None when none is."""
    known = [value for value in values if value is not None]
    return fold(known) if known else None
