"""Scales and ticks: in order, within the chart, round."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.charts import scales

latencies = st.floats(min_value=0.01, max_value=1e6)


@given(latencies, latencies)
def test_a_log_scale_keeps_order_and_stays_inside(a: float, b: float) -> None:
    """The larger latency is not lower, and none leaves the plot."""
    scale = scales.log(0.1, 1000, 300, 10)
    assert 10 <= scale(a) <= 300
    if a <= b:
        assert scale(a) >= scale(b)


def test_each_nine_has_the_same_room() -> None:
    """On the percentile axis 90, 99, 99.9 and 99.99 % stand at equal distances."""
    scale = scales.percentile(99.99, 0, 400)
    assert [scale(q) for q in (0, 90, 99, 99.9, 99.99)] == pytest.approx([0, 100, 200, 300, 400])
    assert scale(100) == 400


@given(st.floats(min_value=0.001, max_value=1e12), st.integers(min_value=2, max_value=12))
def test_linear_ticks_reach_the_highest_value_in_few_steps(high: float, most: int) -> None:
    """From 0 to at least the highest value, ascending, no more than asked for."""
    ticks = scales.linear_ticks(high, most)
    assert ticks[0] == 0
    assert ticks == sorted(set(ticks))
    assert ticks[-1] >= high * (1 - 1e-6)
    assert len(ticks) <= most + 1


def test_log_ticks_are_1_2_5_or_the_decades_alone() -> None:
    """As fine as there is room for."""
    assert scales.log_ticks(1, 100, 10) == pytest.approx([1, 2, 5, 10, 20, 50, 100])
    assert scales.log_ticks(1, 100, 4) == pytest.approx([1, 10, 100])


@given(st.integers(min_value=0, max_value=10**6), st.integers(min_value=3, max_value=12))
def test_time_ticks_are_few_and_within_the_run(seconds: int, most: int) -> None:
    """From 0, no later than the end, no more than asked for."""
    ticks = scales.time_ticks(seconds, most)
    assert ticks[0] == 0
    assert ticks[-1] <= seconds
    assert len(ticks) <= most
