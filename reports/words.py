"""Numbers and foreign text as words for people: one way for page, terminal and JUnit."""

from __future__ import annotations

import math
import unicodedata

__all__ = [
    "NOT_MEASURED",
    "count",
    "cut",
    "duration",
    "exactly",
    "milliseconds",
    "percent",
    "plural",
    "printable",
    "share",
    "tick",
]

NOT_MEASURED = "not measured"


def count(number: int | float | None) -> str:
    """1234567 as 1,234,567."""
    return NOT_MEASURED if number is None else f"{number:,.0f}"


def plural(number: int, noun: str, nouns: str = "") -> str:
    """1 message, 2,000 messages."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def milliseconds(value: float | None) -> str:
    """A latency to three significant digits, which is what the histograms hold; s from 1,000 ms."""
    if value is None:
        return NOT_MEASURED
    if value >= 999.5:
        return f"{_three_digits(value / 1000)} s"
    return f"{_three_digits(value)} ms"


def duration(seconds: float) -> str:
    """3725 as 1 h 2 min 5 s; what is zero is left out, and below a minute a digit is kept."""
    if seconds < 59.95:
        return f"{round(seconds, 1):g} s"
    whole = round(seconds)
    parts = ((whole // 3600, "h"), (whole % 3600 // 60, "min"), (whole % 60, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def percent(share: float | None) -> str:
    """A share of 1 with two decimals, rounded down: 99.999 % delivered is not all."""
    if share is None:
        return NOT_MEASURED
    hundredths = math.floor(round(share * 10_000, 6))
    return f"{hundredths / 100:g}%"


def share(part: int, whole: int) -> str:
    """What part of a whole, rounded up as far as a loss must not look like none: 0.01% at least."""
    if not whole:
        return NOT_MEASURED
    return f"{math.ceil(round(part / whole * 10_000, 6)) / 100:g}%"


def tick(ms: float) -> str:
    """A round latency on an axis: 50 us, 5 ms, 5 s."""
    if ms < 0.1:
        return f"{ms * 1000:g} µs"
    return f"{ms:g} ms" if ms < 1000 else f"{ms / 1000:,g} s"


def exactly(value: float | None, unit: str) -> str:
    """A threshold's limit or actual without rounding that could turn 100.04 ms into 100 ms."""
    if value is None:
        return NOT_MEASURED
    if unit == "ratio":
        hundredfold = min(value * 100, 99.999999) if value < 1 else value * 100
        return f"{_trimmed(hundredfold, 6)}%"
    return f"{_trimmed(value, 3)} {unit}".rstrip()


def printable(text: str) -> str:
    """`text` with everything that would act instead of show spelled out as an escape.

    Control characters, the format characters that reorder text (bidirectional overrides), line
    separators and lone surrogates: none may reach a terminal, a page or XML from the wire.
    """
    return "".join(map(_visible, text))


def cut(text: str, length: int) -> str:
    """`text`, of which at most `length` characters are kept."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _visible(character: str) -> str:
    """The character, or its escape where its category is not one that shows."""
    if character == " " or unicodedata.category(character)[0] not in "CZ":
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape", "surrogatepass").decode()


def _three_digits(value: float) -> str:
    """0.042, 4.31, 43.1, 431, 4,310."""
    if value >= 99.95:
        return f"{value:,.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.0995 else f"{value:.3f}"


def _trimmed(value: float, decimals: int) -> str:
    """At most `decimals` decimals, without trailing zeros."""
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
