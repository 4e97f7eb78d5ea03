"""The sparse histogram: HdrHistogram's numbers, exact merges, honest absence."""

from __future__ import annotations

from math import ceil

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.histogram import Histogram, bucket, bucket_width

HOUR_US = 3_600_000_000

values = st.lists(st.integers(min_value=0, max_value=HOUR_US), max_size=200)
some_values = st.lists(st.integers(min_value=1, max_value=HOUR_US), min_size=1, max_size=200)


def histogram_of(recorded: list[int]) -> Histogram:
    histogram = Histogram()
    for value in recorded:
        histogram.record(value)
    return histogram


@settings(deadline=None)
@given(some_values, st.sampled_from([0.1, 25, 50, 90, 99, 99.9, 99.99, 100]))
def test_percentiles_are_those_of_the_hdrhistogram_library(recorded: list[int], q: float) -> None:
    """At every rank the value is the library's, but for a percentile above the exact maximum."""
    library = HdrHistogram(1, HOUR_US, 3)
    for value in recorded:
        library.record_value(value)
    rank = max(1, ceil(round(q * len(recorded) / 100, 6)))
    theirs = library.get_value_at_percentile(100 * rank / len(recorded))
    assert histogram_of(recorded).percentile(q) == min(theirs, max(recorded))


@settings(max_examples=15, deadline=None)  # the library's iterator takes 40 ms a histogram
@given(some_values)
def test_mean_is_that_of_the_hdrhistogram_library(recorded: list[int]) -> None:
    """The mean takes each value as the middle of its bucket, as the library does."""
    library = HdrHistogram(1, HOUR_US, 3)
    for value in recorded:
        library.record_value(value)
    assert histogram_of(recorded).mean == pytest.approx(library.get_mean_value())


@given(some_values, st.floats(min_value=0.01, max_value=100))
def test_percentile_is_never_understated_and_off_by_less_than_a_thousandth(
    recorded: list[int], q: float
) -> None:
    """A percentile is at least the true value of its rank and at most 0.1 % above it."""
    exact = sorted(recorded)[max(1, ceil(q * len(recorded) / 100 - 1e-9)) - 1]
    stated = histogram_of(recorded).percentile(q)
    assert stated is not None
    assert exact <= stated <= exact * 1.001


def test_the_rank_is_exact_where_binary_fractions_are_not() -> None:
    """99.9 % of 1,000 values is the 999th, and 90 % of 16 is the 15th."""
    assert histogram_of(list(range(1, 1001))).percentile(99.9) == 999
    assert histogram_of(list(range(1, 17))).percentile(90) == 15


@given(values, values)
def test_merge_is_as_if_all_was_recorded_in_one(left: list[int], right: list[int]) -> None:
    """Merging two histograms equals recording both lists into one."""
    merged = histogram_of(left)
    merged.merge(histogram_of(right))
    assert merged == histogram_of(left + right)


@given(values, values, values)
def test_merge_is_associative_and_commutative(a: list[int], b: list[int], c: list[int]) -> None:
    """The order in which workers report does not change the result."""
    left, right = histogram_of(c), histogram_of(b)
    left.merge(histogram_of(b))
    left.merge(histogram_of(a))
    right.merge(histogram_of(c))
    right_first = histogram_of(a)
    right_first.merge(right)
    assert left == right_first


@given(values)
def test_the_empty_histogram_is_neutral(recorded: list[int]) -> None:
    """Merging with nothing, either way, changes nothing."""
    left, right = Histogram(), histogram_of(recorded)
    left.merge(histogram_of(recorded))
    right.merge(Histogram())
    assert left == right == histogram_of(recorded)


@given(values)
def test_pairs_round_trip(recorded: list[int]) -> None:
    """`from_pairs` of `pairs` with the exact maximum is the same histogram."""
    histogram = histogram_of(recorded)
    assert Histogram.from_pairs(histogram.pairs(), histogram.max) == histogram


@given(some_values)
def test_pairs_without_a_maximum_do_not_understate_it(recorded: list[int]) -> None:
    """Where the exact maximum is not known, it is the highest value of the last bucket."""
    restored = Histogram.from_pairs(histogram_of(recorded).pairs())
    assert restored.max is not None
    assert max(recorded) <= restored.max <= max(recorded) * 1.001


@given(values, st.integers(min_value=1, max_value=11))
def test_folded_pairs_keep_every_count(recorded: list[int], bits: int) -> None:
    """Coarser pairs ascend, hold every value, and are the buckets of that many bits."""
    pairs = histogram_of(recorded).pairs(bits)
    assert sum(count for _, count in pairs) == len(recorded)
    assert [low for low, _ in pairs] == sorted({bucket(value, bits) for value in recorded})


@given(st.integers(min_value=0, max_value=HOUR_US), st.integers(min_value=1, max_value=11))
def test_a_value_lies_in_its_bucket(value: int, bits: int) -> None:
    """A bucket begins at or below its values, and ends before the next begins."""
    low = bucket(value, bits)
    assert low <= value < low + bucket_width(low, bits)
    assert bucket(low, bits) == low


def test_nothing_recorded_is_absent_and_not_zero() -> None:
    """An empty histogram has no percentile, maximum, minimum or mean."""
    empty = Histogram()
    assert empty.count == 0
    assert (empty.percentile(50), empty.max, empty.min, empty.mean) == (None, None, None, None)


def test_zero_is_a_value() -> None:
    """A recorded zero is measured: it counts and shows as 0."""
    histogram = histogram_of([0])
    assert (histogram.count, histogram.percentile(99), histogram.max) == (1, 0, 0)


@pytest.mark.parametrize("q", [0, -1, 100.1, float("nan")])
def test_a_percentile_out_of_range_is_refused(q: float) -> None:
    """Only percentages above 0 and up to 100 name a percentile."""
    with pytest.raises(ValueError, match="above 0 and up to 100"):
        Histogram().percentile(q)
