"""What of a stranger's text a terminal is given."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from harness.watch.text import fit, one_line, paragraphs, wrap
from tests.harness.watch.examples import hostile

OBEYED = ("Cc", "Cs", "Co", "Zl", "Zp")


def obeyed(text: str) -> set[str]:
    """The characters in it that a terminal acts on, or that turn what follows."""
    formats = {character for character in text if unicodedata.category(character) == "Cf"}
    controls = {character for character in text if unicodedata.category(character) in OBEYED}
    return (formats | controls) - {"\u200c"}


@given(hostile, st.integers(0, 80))
@example("\N{NO-BREAK SPACE}", 1)
def test_nothing_in_a_line_is_obeyed(text: str, most: int) -> None:
    """No control character, no turn of direction, no lone surrogate; and it can be printed."""
    for line in (one_line(text, most), *paragraphs(text, most)):
        assert obeyed(line) == set()
        assert line.isprintable() or "\u200c" in line
        line.encode()


@given(hostile, st.integers(2, 40))
def test_a_wrapped_line_keeps_its_letters(text: str, cells: int) -> None:
    """No piece is wider than asked, and only blanks get lost at the breaks."""
    for line in paragraphs(text, 1000):
        pieces = wrap(line, cells)
        assert max(map(cell_len, pieces)) <= cells
        assert "".join(pieces).replace(" ", "") == line.replace(" ", "")


@given(hostile, st.integers(0, 40))
def test_a_fitted_text_fills_its_cells(text: str, cells: int) -> None:
    """It has exactly the width asked for, wide letters or not."""
    assert cell_len(fit(one_line(text, 100), cells)) == cells


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x07", "␛[31mred␇"),
        ("[bold]as written[/bold]", "[bold]as written[/bold]"),
        ("one\r\ntwo\tthree", "one two three"),
        ("\u202eturned", "turned"),
        ("👨‍👩‍👧 🇧🇷 👍🏽", "👨👩👧 BR 👍"),
        ("می‌خواهم", "می‌خواهم"),
        ("e" + "\u0301" * 9, "e" + "\u0301" * 4),
        ("\u0301x", "x"),
        ("\x7f\x9b\ud800\ue000", "����"),
    ],
)
def test_what_is_shown_instead(text: str, shown: str) -> None:
    """Controls become signs; joined emoji fall apart, flags become letters, piles are cut."""
    assert one_line(text, 100) == shown


def test_a_cut_text_says_so() -> None:
    """An ellipsis follows what was left out, and only then."""
    assert one_line("abcdef", 5) == "abcde…"
    assert one_line("abcde", 5) == "abcde"
    assert fit("日本語", 5) == "日本…"


def test_lines_break_at_every_line_end() -> None:
    """Line ends of all systems make lines, and none is left in one."""
    assert paragraphs("a\nb\r\nc\rd\u2028e\x85f", 100) == ("a", "b", "c", "d", "e", "f")


def test_wrapping_prefers_spaces() -> None:
    """A word is broken only where it is longer than a line."""
    assert wrap("the quick brown fox averyverylongword", 10) == [
        "the quick",
        "brown fox",
        "averyveryl",
        "ongword",
    ]
