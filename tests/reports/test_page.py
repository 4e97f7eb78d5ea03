"""The page: one file that loads nothing, hides no loss, and shows foreign text as text."""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import page
from reports.histogram import Histogram
from reports.record import ErrorCount, Histograms, Percentiles, RunRecord, Second
from tests.reports.examples import EXAMPLES, failed, healthy, hostile, invalid, unmeasured

if TYPE_CHECKING:
    from collections.abc import Callable

MEGABYTE = 1_000_000
CSS = (Path(page.__file__).parent / "templates" / "report.css").read_text()


class Seen(HTMLParser):
    """What a browser makes of the page: its elements, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in {"meta", "path", "circle", "rect"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"path", "circle", "rect"}:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_every_example_is_one_small_file_that_loads_nothing(name: str) -> None:
    """Well nested, below 2 MB, without script, link, image, or any address to fetch."""
    html = page.render(EXAMPLES[name]())
    seen = Seen(html)
    assert seen.open == []
    assert len(html.encode()) < 2 * MEGABYTE
    assert not seen.tags & {"script", "link", "img", "iframe", "object", "base", "form", "a"}
    assert not seen.attributes & {"src", "href", "srcset", "style"}
    assert not any(name.startswith("on") for name in seen.attributes)
    assert not re.search(r"@import|url\(", CSS)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_every_drawing_is_well_formed_and_finite(name: str) -> None:
    """Each SVG is XML with a label, and no coordinate is nan or infinite."""
    html = page.render(EXAMPLES[name]())
    for svg in re.findall(r"<svg.*?</svg>", html, re.S):
        root = ElementTree.fromstring(svg)
        assert root.get("aria-label") or root.get("aria-hidden")
        assert not re.search(r'[" M,LHVh]-?(nan|inf)\b', svg)


@pytest.mark.parametrize(
    ("example", "title", "words"),
    [
        (healthy, "Passed", "All 7 thresholds hold."),
        (failed, "Failed", "Duplicate deliveries: 15; it must be at most 0."),
        (invalid, "Invalid", "The generator was the bottleneck"),
        (unmeasured, "Invalid", "None of 2,000 subscribers connected."),
    ],
)
def test_the_verdict_comes_first_with_its_reasons(
    example: Callable[[], RunRecord], title: str, words: str
) -> None:
    """Verdict, then reasons, before any section."""
    text = Seen(page.render(example())).text
    assert text.index(title) < text.index(words) < text.index("From the moment a message was")


def test_loss_stands_beside_the_percentiles() -> None:
    """Each leading percentile, the distribution and its table say how many were lost."""
    text = Seen(page.render(failed())).text
    assert text.count("of what arrived; 7,140 lost") == 3
    assert "7,140 more were lost (1.25%)" in text
    assert "1.25% lost" in text


def test_what_was_not_measured_is_not_zero() -> None:
    """A run without deliveries shows no latency at all, and says not measured."""
    text = Seen(page.render(unmeasured())).text
    for figure in ("Delivered", "Lost", "Median", "p99", "Slowest", "Duplicates"):
        assert f"{figure} not measured" in text
    before_generator = text[: text.index("The generator")]
    assert not re.search(r"\b0(\.0+)? ms\b", before_generator)
    assert "No delivery arrived, so there is no distribution to show." in text


def test_late_seconds_are_marked_in_the_heatmap() -> None:
    """The heatmap marks the seconds in which the generator was late, and only then."""
    assert '<path class="late"' in page.render(invalid())
    assert '<path class="late"' not in page.render(healthy())
    assert "generator late in 1 second" in page.render(invalid())


def test_the_limit_is_drawn_into_the_distribution() -> None:
    """The distribution shows the limit that the percentile has to keep."""
    assert "limit: p99 under 100 ms" in Seen(page.render(healthy())).text


def test_foreign_text_is_shown_and_does_nothing() -> None:
    """Scripts, quotes, control characters and overrides in the record end up as visible text."""
    html = page.render(hostile())
    seen = Seen(html)
    assert "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;{{ 7*7 }}" in seen.text
    assert "</title><script>alert(2)</script>" in seen.text
    assert "</style>\\x0b<script>alert(3)</script>" in seen.text
    assert "a\\x00b\\x1b[31mred\\x07" in seen.text
    assert "\\u202eabc\\u2066" in seen.text
    assert {c for c in html if unicodedata.category(c)[0] == "C"} == {"\n"}


def test_the_page_stays_small_whatever_the_record_holds() -> None:
    """Ten thousand long errors, options and reasons do not make the page grow beyond 2 MB."""
    record = msgspec.structs.replace(
        healthy(seconds=3),
        errors=[ErrorCount(message="\x00" * 10_000, count=1)] * 10_000,
        configuration={f"{number}" * 100: "\x00" * 10_000 for number in range(10_000)},
        reasons=["\u202e" * 10_000] * 10_000,
        verdict="fail",
    )
    assert len(page.render(record).encode()) < 2 * MEGABYTE


def test_the_page_is_written(tmp_path: Path) -> None:
    """`write_page` writes what `render` gives."""
    record = healthy(seconds=3)
    page.write_page(record, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == page.render(record)


counts = st.integers(min_value=0, max_value=10**7)
latencies = st.lists(st.integers(min_value=0, max_value=10**9), max_size=5)


@st.composite
def records(draw: st.DrawFn) -> RunRecord:
    """Records with any few seconds and any latencies."""
    total = Histogram()
    series = []
    for second in sorted(draw(st.sets(st.integers(min_value=0, max_value=10_000), max_size=4))):
        here = Histogram()
        for value in draw(latencies):
            here.record(value)
        total.merge(here)
        series.append(
            Second(
                second=second,
                connected=draw(counts),
                connects=draw(counts),
                connect_failures=draw(counts),
                published=draw(counts),
                received=draw(counts),
                lost=draw(st.none() | counts),
                max_ms=here.max,
                latency_us=here.pairs(),
                loop_lag_max_ms=draw(st.none() | st.floats(min_value=0, max_value=1e6)),
                late=draw(st.booleans()),
            )
        )
    return msgspec.structs.replace(
        BASE,
        series=series,
        latency_ms=Percentiles.of(total),
        histograms=Histograms(latency_us=total.pairs()),
    )


BASE = healthy(seconds=3)


@settings(max_examples=40, deadline=None)
@given(records())
def test_any_record_can_be_drawn(record: RunRecord) -> None:
    """Whatever was measured, or was not, there is a page, with finite drawings."""
    html = page.render(record)
    assert Seen(html).open == []
    assert not re.search(r'[" M,LHVh]-?(nan|inf)\b', html)


def luminance(colour: str) -> float:
    """Relative luminance of #rgb or #rrggbb (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


SCHEMES = [
    dict(re.findall(r"--([\w-]+): (#\w+)", block))
    for block in re.findall(r":root {(.*?)}", CSS, re.S)
]


@pytest.mark.parametrize("scheme", SCHEMES, ids=["light", "dark", "print"])
def test_contrast_is_that_of_wcag_aa(scheme: dict[str, str]) -> None:
    """Text has 4.5 to 1, lines and bars 3 to 1, in every scheme (WCAG 2.2, 1.4.3 and 1.4.11)."""
    for name in ("ink", "soft", "good", "bad", "doubt"):
        assert contrast(scheme[name], scheme["paper"]) >= 4.5, name
    for name in ("delivery", "server", "lag", "connects", "repeated", "unordered", "late"):
        assert contrast(scheme[name], scheme["paper"]) >= 3, name


@pytest.mark.parametrize("scheme", SCHEMES, ids=["light", "dark", "print"])
def test_the_heatmap_is_told_by_lightness_alone(scheme: dict[str, str]) -> None:
    """Each step stands out more than the one before, also for who sees no colour."""
    steps = [contrast(scheme[f"h{level}"], scheme["paper"]) for level in range(7)]
    assert steps == sorted(steps)
    assert steps[0] > 1.2
