"""Numbers and foreign text as words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import words


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "not measured"),
        (0.0, "0.000 ms"),
        (0.042, "0.042 ms"),
        (0.5, "0.50 ms"),
        (4.381, "4.38 ms"),
        (43.81, "43.8 ms"),
        (438.1, "438 ms"),
        (999.4, "999 ms"),
        (999.9, "1.00 s"),
        (2174.975, "2.17 s"),
        (61_234.0, "61.2 s"),
    ],
)
def test_latencies_have_three_digits(ms: float | None, text: str) -> None:
    """A latency shows the three digits that were measured; an absent one is never zero."""
    assert words.milliseconds(ms) == text


@given(st.integers(min_value=0, max_value=10**9), st.integers(min_value=1, max_value=10**9))
def test_not_all_is_never_100_percent(part: int, more: int) -> None:
    """A share below one does not read 100%, and a loss above zero does not read 0%."""
    whole = part + more
    assert words.percent(part / whole) != "100%" or part / whole == 1.0
    assert words.share(more, whole) != "0%"


def test_shares() -> None:
    """All is 100%, none is 0%, of nothing is not measured."""
    assert (words.percent(1.0), words.percent(0.0), words.percent(None)) == (
        "100%",
        "0%",
        "not measured",
    )
    assert words.percent(0.57) == "57%"
    assert words.share(0, 10) == "0%"
    assert words.share(1, 0) == "not measured"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (5.44, "5.4 s"), (59.99, "1 min"), (62.4, "1 min 2 s"), (3725, "1 h 2 min 5 s")],
)
def test_durations(seconds: float, text: str) -> None:
    """A duration is told in hours, minutes and seconds, without those that are zero."""
    assert words.duration(seconds) == text


@given(st.text(st.characters(codec=None)))
def test_printable_text_shows_and_does_nothing_else(text: str) -> None:
    """No control, format, surrogate or separator character is left but the space."""
    shown = words.printable(text)
    assert {unicodedata.category(char)[0] for char in shown if char != " "} <= set("LMNPS")
    shown.encode()


def test_printable_keeps_what_people_write() -> None:
    """Ordinary text of any script is kept; what acts is spelled out."""
    assert words.printable("Olá, 世界 🙂!") == "Olá, 世界 🙂!"
    assert words.printable("a\x1b[31m\u202eb\u2028\x00") == "a\\x1b[31m\\u202eb\\u2028\\x00"
