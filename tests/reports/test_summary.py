"""The summary in a terminal, and where there is none."""

from __future__ import annotations

import io

import pytest

from reports.record import RunRecord
from reports.summary import print_summary
from tests.reports.examples import failed, healthy, hostile, unmeasured


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def printed(record: RunRecord, **files: str) -> str:
    stream = io.StringIO()
    print_summary(record, files, stream)
    return stream.getvalue()


def test_the_summary_says_verdict_accounts_percentiles_and_files() -> None:
    """What a person wants to know is there, verdict first."""
    text = printed(failed(), report="out/run/report.html")
    assert text.lstrip().startswith("FAILED  http://127.0.0.1:41873/api/ws, 2,000 subscribers")
    assert "567,870 of 575,010 expected" in text
    assert "7,140 (1.25%)" in text
    assert "Duplicate deliveries: 15; it must be at most 0." in text
    assert "NOT OK" in text
    assert "report  out/run/report.html" in text


def test_loss_stands_in_the_row_of_the_latency() -> None:
    """The line of the delivery latency ends with the number that were lost."""
    [line] = [
        line for line in printed(failed()).splitlines() if line.startswith("Delivery latency  ")
    ]
    assert line.split()[-1] == "7,140"


def test_without_a_terminal_it_is_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """No escape sequence goes into a file or a pipe, even if colours are asked for by TERM."""
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b" not in printed(healthy(seconds=3))


def test_in_a_terminal_the_verdict_has_a_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets the verdict in bold green."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    print_summary(healthy(seconds=3), stream=stream)
    assert "\x1b[1;32mPASSED\x1b[0m" in stream.getvalue()


def test_it_fits_into_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """On an ordinary terminal no figure is cut off."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    print_summary(failed(), stream=stream)
    assert "…" not in stream.getvalue()
    assert max(map(len, stream.getvalue().splitlines()[2:])) <= 80


def test_foreign_text_cannot_act_on_the_terminal() -> None:
    """Escape sequences and markup in the record are shown, not obeyed."""
    text = printed(hostile())
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\u202egnp.exe" in text


def test_what_was_not_measured_is_not_zero() -> None:
    """A run without deliveries shows no latency."""
    text = printed(unmeasured())
    assert "Delivered  not measured" in text
    [line] = [line for line in text.splitlines() if line.startswith("Delivery latency  ")]
    assert "not measured" in line
    assert " ms" not in line
