"""Ranges and preferences: what is asked for, what is answered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.supabase.rest.errors import RestError
from fakes.supabase.rest.preferences import Preferences, read_preferences
from fakes.supabase.rest.ranges import Window, content_range, read_window, status_of


@pytest.mark.parametrize(
    ("limit", "offset", "header", "expected"),
    [
        (None, None, "", Window()),
        (3, 2, "", Window(2, 3)),
        (None, 2, "", Window(2)),
        (None, -4, "", Window()),
        (0, None, "", Window(0, 0)),
        (None, None, "0-24", Window(0, 25)),
        (None, None, "10-", Window(10)),
        (3, None, "0-1", Window(0, 2)),
        (3, None, "1-9", Window(1, 2)),
        (0, None, "5-9", Window(0, 0)),
        (None, None, "items=0-24", Window()),
        (None, None, "-5", Window()),
    ],
)
def test_limit_offset_and_range_cut_each_other_down(
    limit: int | None, offset: int | None, header: str, expected: Window
) -> None:
    """What is wanted is what all three allow; a header that cannot be read is none."""
    assert read_window(limit, offset, header) == expected


@pytest.mark.parametrize(
    ("limit", "offset", "header", "details"),
    [
        (-1, None, "", "Limit should be greater than or equal to zero."),
        (0, 5, "", "Limit should be greater than or equal to zero."),
        (2, None, "5-9", "Limit should be greater than or equal to zero."),
        (
            None,
            None,
            "1-0",
            "The lower boundary must be lower than or equal to the upper boundary in the Range "
            "header.",
        ),
    ],
)
def test_a_range_without_anything_in_it_is_refused(
    limit: int | None, offset: int | None, header: str, details: str
) -> None:
    """An impossible range is 416 PGRST103, and says why in PostgREST's words."""
    with pytest.raises(RestError) as caught:
        read_window(limit, offset, header)
    assert (caught.value.status, caught.value.body.code) == (416, "PGRST103")
    assert caught.value.body.details == details


@pytest.mark.parametrize(
    ("first", "shown", "total", "expected"),
    [
        (0, 50, None, "0-49/*"),
        (50, 50, 120, "50-99/120"),
        (0, 0, None, "*/*"),
        (0, 0, 0, "*/0"),
        (15, 0, 15, "*/15"),
    ],
)
def test_content_range(first: int, shown: int, total: int | None, expected: str) -> None:
    """`Content-Range` has the places of the first and the last item, and the number of all."""
    assert content_range(first, shown, total) == expected


@given(st.integers(0, 60), st.integers(1, 20))
def test_windows_partition_a_result(total: int, size: int) -> None:
    """Page after page, every item is shown once, and only the whole is a 200."""
    items = list(range(total))
    shown: list[int] = []
    for first in range(0, max(total, 1), size):
        window = read_window(size, first, "")
        page = items[window.first : window.end(total)]
        assert status_of(window, len(page), total) == (200 if len(page) == total else 206)
        shown += page
    assert shown == items


@given(st.integers(0, 30), st.integers(0, 60))
def test_an_offset_past_the_end_is_refused_where_it_is_counted(total: int, first: int) -> None:
    """With a count, an offset behind the end is 416; without one nothing is wrong."""
    window = Window(first, 5)
    assert status_of(window, 0, None) == 200
    if first <= total:
        status_of(window, len(range(first, window.end(total))), total)
        return
    with pytest.raises(RestError) as caught:
        status_of(window, 0, total)
    details = f"An offset of {first} was requested, but there are only {total} rows."
    assert caught.value.body.details == details
    assert caught.value.headers == {"Content-Range": f"*/{total}"}


def test_of_each_kind_of_preference_the_first_known_one_counts() -> None:
    """Headers may be many and hold many; what is not known is passed over."""
    given = ["return=representation, count=nope", "count=exact,return=minimal", "max-affected=7"]
    expected = Preferences(returns="representation", count="exact", max_affected=7)
    assert read_preferences(given) == expected


def test_unknown_preferences_are_refused_where_handling_is_strict() -> None:
    """With `handling=strict` an unknown preference is PGRST122, and is named."""
    with pytest.raises(RestError) as caught:
        read_preferences(["handling=strict, count=exact, colour=blue, timezone=UTC, return=all"])
    assert (caught.value.status, caught.value.body.code) == (400, "PGRST122")
    assert caught.value.body.details == "Invalid preferences: colour=blue, return=all"


def test_only_what_an_action_heeds_is_said_to_be_applied() -> None:
    """`max-affected` is heeded under strict handling alone, `return` by writes alone."""
    lenient = Preferences(returns="minimal", count="exact", max_affected=1)
    assert lenient.applied() == "count=exact"
    assert lenient.applied("return", "max-affected") == "return=minimal, count=exact"
    strict = Preferences(handling="strict", max_affected=1)
    assert strict.applied("max-affected") == "handling=strict, max-affected=1"
