"""`Receipts` against its definition: a list of what arrived, in order."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from locustfiles.engine.receipts import Receipts

ARRIVALS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8)), max_size=60)
"""Sequence numbers, and how many messages before each were unanswered when it was posted."""


def received(arrivals: list[tuple[int, int]]) -> Receipts:
    receipts = Receipts()
    for sequence, behind in arrivals:
        receipts.add(sequence, max(0, sequence - behind))
    return receipts


@given(ARRIVALS)
def test_holds_exactly_the_numbers_that_arrived(arrivals: list[tuple[int, int]]) -> None:
    """The ranges are disjoint, ascending, never touch, and cover what arrived and nothing else."""
    ranges = list(received(arrivals).ranges())
    covered = [n for start, end in ranges for n in range(start, end)]
    assert covered == sorted({sequence for sequence, _ in arrivals})
    assert all(end < start for (_, end), (start, _) in pairwise(ranges))


@given(ARRIVALS)
def test_says_of_each_arrival_whether_it_is_new(arrivals: list[tuple[int, int]]) -> None:
    """A number is new once; every further arrival of it is one duplicate."""
    receipts, seen = Receipts(), set[int]()
    for sequence, behind in arrivals:
        assert receipts.add(sequence, max(0, sequence - behind)) is (sequence not in seen)
        seen.add(sequence)
    assert receipts.duplicates == len(arrivals) - len(seen)


@given(ARRIVALS)
def test_counts_what_a_later_message_overtook(arrivals: list[tuple[int, int]]) -> None:
    """Out of order is a new message below what an earlier arrival knew to be in the server."""
    overtaken, seen = 0, dict[int, int]()
    for sequence, behind in arrivals:
        if sequence in seen:
            continue
        overtaken += any(sequence < settled for settled in seen.values())
        seen[sequence] = max(0, sequence - behind)
    assert received(arrivals).out_of_order == overtaken


@given(ARRIVALS, st.integers(0, 45), st.integers(0, 45))
def test_counts_and_lists_gaps_within_bounds(
    arrivals: list[tuple[int, int]], start: int, end: int
) -> None:
    """Between two numbers, what has arrived and what has not are a partition."""
    receipts = received(arrivals)
    seen = {sequence for sequence, _ in arrivals}
    assert receipts.count(start, end) == len(seen & set(range(start, end)))
    missing = [n for first, last in receipts.gaps(start, end) for n in range(first, last)]
    assert missing == [n for n in range(start, end) if n not in seen]


def test_a_subscriber_that_loses_nothing_holds_one_range() -> None:
    """Memory does not grow with the length of a faultless run."""
    receipts = received([(n, 0) for n in range(10_000)])
    assert list(receipts.ranges()) == [(0, 10_000)]
