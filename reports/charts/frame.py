"""What every chart shares: its size, axes, and the SVG around them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from reports import words
from reports.charts import scales

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reports.charts.scales import Scale
    from reports.timeline import Slice

__all__ = ["NARROW", "WIDE", "Frame", "area", "clock", "drawing", "joined", "line", "slices_over"]

_DIGIT: Final = 7
"""Width of a character of a tick, in SVG units."""

_SVG: Final = Markup(
    '<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{body}</svg>'
)
_RULE: Final = Markup('<path class="{kind}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>')
_TEXT: Final = Markup('<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{text}</text>')
_HIT: Final = Markup(
    '<rect class="hit" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}">'
    "<title>{title}</title></rect>"
)


@dataclass(frozen=True)
class Frame:
    """A drawing's width and height, and the plot's edges within it, in SVG units (about pixels)."""

    width: int
    height: int
    left: int = 58
    right: int = 26
    top: int = 14
    bottom: int = 44

    @property
    def x1(self) -> int:
        """The plot's right edge."""
        return self.width - self.right

    @property
    def y1(self) -> int:
        """The plot's lower edge."""
        return self.height - self.bottom

    @property
    def slices(self) -> int:
        """How many slices of time can be told apart here: one to every four units."""
        return (self.x1 - self.left) // 4

    @property
    def x_ticks(self) -> int:
        """How many ticks the horizontal axis has room for."""
        return max(3, self.width // 90)

    def tall(self, height: int) -> Frame:
        """The same frame with another height."""
        return Frame(self.width, height, self.left, self.right, self.top, self.bottom)

    def x_axis(self, scale: Scale, ticks: Iterable[tuple[float, str]], title: str) -> Markup:
        """The ticks (value, text) below the plot, those that have room, with their title."""
        labels: list[Markup] = []
        free = -math.inf
        for at, text in ticks:
            half = len(text) * _DIGIT / 2
            if scale(at) - half > free:
                labels.append(self.text("tick middle", scale(at), self.y1 + 18, text))
                free = scale(at) + half + _DIGIT
        middle = (self.left + self.x1) / 2
        base = self.rule("base", self.left, self.y1, self.x1, self.y1)
        return joined(base, *labels, self.text("axis middle", middle, self.y1 + 38, title))

    def y_axis(self, scale: Scale, ticks: Iterable[tuple[float, str]]) -> Markup:
        """The ticks (value, text) left of the plot, each with a faint line across it."""
        return joined(
            *(
                self.rule("grid", self.left, scale(at), self.x1, scale(at))
                + self.text("tick end", self.left - 8, scale(at) + 4, text)
                for at, text in ticks
            )
        )

    def rule(self, kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
        """A straight line of the class `kind`."""
        return _RULE.format(kind=kind, x1=x1, y1=y1, x2=x2, y2=y2)

    def text(self, kind: str, x: float, y: float, text: str) -> Markup:
        """Text of the class `kind`, its baseline at `y`."""
        return _TEXT.format(kind=kind, x=x, y=y, text=text)

    def time_axis(self, seconds: int) -> tuple[Scale, Markup]:
        """The horizontal scale over the seconds of the run, and its axis."""
        scale = scales.linear(0, max(1, seconds), self.left, self.x1)
        ticks = [(at, clock(at)) for at in scales.time_ticks(seconds, self.x_ticks)]
        unit = "minutes:seconds" if seconds >= 60 else "seconds"
        return scale, self.x_axis(scale, ticks, f"time since the start, {unit}")

    def count_axis(self, high: float, unit: str = "") -> tuple[Scale, Markup]:
        """The vertical scale from 0 to `high`, and its axis."""
        ticks = scales.linear_ticks(max(1.0, high), max(2, (self.y1 - self.top) // 36))
        scale = scales.linear(0, ticks[-1], self.y1, self.top)
        return scale, self.y_axis(scale, [(at, f"{at:,g}{unit}") for at in ticks])


WIDE: Final = Frame(880, 340)
NARROW: Final = Frame(400, 320, left=52, right=24)


def drawing(frame: Frame, label: str, *body: Markup) -> Markup:
    """The SVG element; `label` is what a screen reader says instead of the drawing."""
    return _SVG.format(width=frame.width, height=frame.height, label=label, body=joined(*body))


def joined(*parts: Markup) -> Markup:
    """The parts, one after the other."""
    return Markup("").join(parts)


def line(kind: str, points: Sequence[tuple[float, float]]) -> Markup:
    """A line of the class `kind` through the points."""
    path = " ".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return Markup('<path class="{}" d="M{}"/>').format(kind, path)


def area(kind: str, boxes: Iterable[tuple[float, float, float, float]]) -> Markup:
    """Boxes (left, top, right, bottom) of the class `kind`, in one path.

    Edges and not widths, so that neighbours round to the same place and no seam shows.
    """
    path = "".join(f"M{x1:.1f} {y1:.1f}H{x2:.1f}V{y2:.1f}H{x1:.1f}z" for x1, y1, x2, y2 in boxes)
    return Markup('<path class="{}" d="{}"/>').format(kind, path) if path else Markup("")


def slices_over(frame: Frame, x: Scale, slices: Iterable[Slice], titles: Iterable[str]) -> Markup:
    """A column over each slice that lights up under the pointer and tells its numbers."""
    return joined(
        *(
            _HIT.format(
                x=x(part.start),
                y=frame.top,
                width=x(part.start + part.seconds) - x(part.start),
                height=frame.y1 - frame.top,
                title=f"{_span(part)}\n{title}",
            )
            for part, title in zip(slices, titles, strict=True)
        )
    )


def clock(seconds: float) -> str:
    """0, 45, 1:30, 1:00:00."""
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"
    return f"{whole // 60}:{whole % 60:02}" if whole >= 60 else f"{whole}"


def _span(part: Slice) -> str:
    """Which seconds a slice is."""
    if part.seconds == 1:
        return f"second {part.start}"
    length = words.duration(part.seconds)
    return f"{clock(part.start)} to {clock(part.start + part.seconds)} ({length})"
