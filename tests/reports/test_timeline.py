"""Slices of time: nothing is lost in gathering, and there are never too many."""

from __future__ import annotations

from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from reports.record import Second
from reports.timeline import gather, slice_length

EMPTY = Second(second=0, connected=0, connects=0, connect_failures=0, published=0, received=0)


def row(second: int, **changes: object) -> Second:
    return msgspec.structs.replace(EMPTY, second=second, **changes)


@given(st.integers(min_value=0, max_value=10**7), st.integers(min_value=1, max_value=500))
def test_there_are_never_too_many_slices(seconds: int, most: int) -> None:
    """A run of any length fits into the slices that a chart has room for."""
    assert slice_length(seconds, most) * most >= seconds


@given(
    st.lists(st.integers(min_value=0, max_value=5000), unique=True).map(sorted),
    st.integers(min_value=1, max_value=200),
)
def test_gathering_keeps_every_count(seconds: list[int], most: int) -> None:
    """Counts and latencies of the slices are those of the seconds, each slice apart."""
    series = [row(second, received=second, latency_us=[(second, 2)]) for second in seconds]
    slices = gather(series, most)
    assert len(slices) <= most
    assert sum(part.received for part in slices) == sum(seconds)
    assert sum(part.latency.count for part in slices) == 2 * len(seconds)
    assert all(a.start + a.seconds <= b.start for a, b in pairwise(slices))


def test_a_slice_has_the_worst_of_its_seconds_and_the_last_of_its_states() -> None:
    """Lag and maximum are the worst, the connected are those at the end, the late are counted."""
    [part] = gather(
        [
            row(0, connected=5, max_ms=9.0, loop_lag_max_ms=3.0, late=True, lost=1),
            row(1, connected=7, max_ms=4.0, loop_lag_max_ms=8.0),
        ],
        1,
    )
    assert (part.seconds, part.connected, part.late_seconds) == (2, 7, 1)
    assert (part.max_ms, part.loop_lag_max_ms, part.lost) == (9.0, 8.0, 1)


def test_what_no_second_knows_is_not_known() -> None:
    """Losses that were not told apart, and lags not measured, stay absent and are not zero."""
    [part] = gather([row(0), row(1)], 1)
    assert (part.lost, part.duplicates, part.max_ms, part.loop_lag_max_ms) == (None,) * 4


def test_no_series_is_no_slice() -> None:
    """Without seconds there is nothing to gather."""
    assert gather([], 10) == []
