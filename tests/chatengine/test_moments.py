"""Moments: ISO 8601 in UTC with milliseconds."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatengine.moments import MAX_MS, MomentError, from_ms, to_ms
from tests.chatengine.strategies import json_values

MIN_MS = -62_135_596_800_000  # 0001-01-01T00:00:00Z
milliseconds = st.integers(MIN_MS, MAX_MS)


@given(milliseconds)
def test_a_moment_is_read_back(ms: int) -> None:
    """Writing and reading lose nothing, from the year 1 to 9999."""
    text = from_ms(ms)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert to_ms(text) == ms


@given(milliseconds, milliseconds)
def test_texts_are_ordered_as_their_moments(a: int, b: int) -> None:
    """Comparing the texts compares the moments, which databases and lists rely on."""
    assert (from_ms(a) < from_ms(b)) == (a < b)


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),
    st.integers(-14 * 60, 14 * 60),
)
def test_every_offset_is_the_same_moment(naive: datetime, minutes: int) -> None:
    """A moment told in another zone is the moment in UTC, cut to milliseconds."""
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    read = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=to_ms(moment.isoformat()))
    assert timedelta(0) <= moment - read < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.001Z", 1),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("2026-01-01T00:00:01.000Z", 1_767_225_601_000),
        ("2025-12-31T21:00:01-03:00", 1_767_225_601_000),
        ("2026-01-01T00:00:01.123456+00:00", 1_767_225_601_123),
        ("9999-12-31T23:59:59.999Z", MAX_MS),
    ],
)
def test_known_moments(text: str, ms: int) -> None:
    """As JavaScript, Postgres and Python write them; fractions are rounded down."""
    assert to_ms(text) == ms


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (1767225601, "a moment is ISO 8601 text"),
        (None, "a moment is ISO 8601 text"),
        ("", "not an ISO 8601 moment: ''"),
        ("ontem", "not an ISO 8601 moment: 'ontem'"),
        ("2026-13-01T00:00:00Z", "not an ISO 8601 moment: '2026-13-01T00:00:00Z'"),
        ("2026-01-01T00:00:00", "no time zone in '2026-01-01T00:00:00'"),
        ("2026-01-01", "no time zone in '2026-01-01'"),
    ],
)
def test_what_is_no_moment_is_told_in_a_sentence(value: object, sentence: str) -> None:
    """One error, which quotes at most the beginning of the text."""
    with pytest.raises(MomentError) as caught:
        to_ms(value)
    assert str(caught.value) == sentence


@given(json_values | st.text(alphabet="0123456789-:T.Z+W ", max_size=30))
def test_any_value_is_a_moment_or_a_moment_error(value: object) -> None:
    """Nothing else is ever raised."""
    with suppress(MomentError):
        assert isinstance(to_ms(value), int)


@given(st.integers())
def test_any_number_is_written_or_a_moment_error(ms: int) -> None:
    """Outside the years 1 to 9999 there is an error, not a wrong text."""
    inside = MIN_MS <= ms <= MAX_MS
    try:
        written = from_ms(ms)
    except MomentError:
        assert not inside
    else:
        assert inside
        assert written
