"""Latency over time: a column for each slice of time, a row for each bucket of latency.

A delivery stands where its message was meant to be published, as the losses do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from reports import words
from reports.charts import scales
from reports.charts.frame import Frame, area, drawing, joined, slices_over
from reports.histogram import bucket_width
from reports.record import HEAT_BITS
from reports.timeline import gather

if TYPE_CHECKING:
    from markupsafe import Markup

    from reports.charts.scales import Scale
    from reports.record import RunRecord
    from reports.timeline import Slice

__all__ = ["LEVELS", "heatmap"]

LEVELS: Final = 7
"""Steps of colour, each a constant factor of the count, so that one late delivery still shows."""

_LIMITED: Final = "delivery_p99_ms"


def heatmap(record: RunRecord, frame: Frame) -> Markup | None:
    """The chart; None when no delivery was measured."""
    slices = gather(record.series, frame.slices)
    cells = [(part, part.latency.pairs(HEAT_BITS)) for part in slices]
    lows = [low for _, pairs in cells for low, _ in pairs]
    if not lows:
        return None
    limit = next((row.limit for row in record.thresholds if row.name == _LIMITED), None)
    bottom = max(10, min(lows)) / 1000
    top = max(max(lows) * 1.4 / 1000, (limit or 0) * 1.4, bottom * 10)
    ms = scales.log(bottom, top, frame.y1, frame.top + 12)
    x, time_axis = frame.time_axis(slices[-1].start + slices[-1].seconds)
    ticks = scales.log_ticks(bottom, top, (frame.y1 - frame.top) // 22)
    return drawing(
        frame,
        "Delivery latency over time as a heatmap; the table of percentiles has its numbers.",
        frame.y_axis(ms, [(at, words.tick(at)) for at in ticks]),
        time_axis,
        _cells(cells, x, ms),
        _late(slices, frame, x),
        _limit(limit, frame, ms) if limit else joined(),
        slices_over(frame, x, slices, map(_told, slices)),
    )


def _cells(cells: list[tuple[Slice, list[tuple[int, int]]]], x: Scale, ms: Scale) -> Markup:
    """One path for each step of colour."""
    most = max(count for _, pairs in cells for _, count in pairs)
    boxes: list[list[tuple[float, float, float, float]]] = [[] for _ in range(LEVELS)]
    for part, pairs in cells:
        left, right = x(part.start), x(part.start + part.seconds)
        for low, count in pairs:
            upper = ms((low + bucket_width(low, HEAT_BITS)) / 1000)
            boxes[_level(count, most)].append((left, upper, right, ms(low / 1000)))
    return joined(*(area(f"heat h{level}", level_boxes) for level, level_boxes in enumerate(boxes)))


def _level(count: int, most: int) -> int:
    """The step of colour, from 0: logarithmic between one delivery and the most of any cell."""
    if most == 1:
        return LEVELS - 1
    return min(LEVELS - 1, int(LEVELS * math.log(count) / math.log(most)))


def _limit(limit: float, frame: Frame, ms: Scale) -> Markup:
    """The limit of the p99 as a dashed line."""
    y, name = ms(limit), f"limit of the p99: {words.exactly(limit, 'ms')}"
    line = frame.rule("limit", frame.left, y, frame.x1, y)
    return line + frame.text("note bad", frame.left + 8, y - 7, name)


def _late(slices: list[Slice], frame: Frame, x: Scale) -> Markup:
    """A mark above each slice in which deliveries came and the generator was late."""
    late = [part for part in slices if part.late_seconds and part.latency.count]
    top, bottom = frame.top, frame.top + 7
    return area(
        "late", ((x(part.start), top, x(part.start + part.seconds), bottom) for part in late)
    )


def _told(part: Slice) -> str:
    """The numbers of a slice, a line each."""
    lines = [f"{part.latency.count:,} arrived, {_lost(part)}"]
    if part.latency.count:
        half, most = part.latency.percentile(50), part.latency.percentile(99)
        lines.append(
            f"p50 up to {_ms(half)}, p99 up to {_ms(most)}, max {words.milliseconds(part.max_ms)}"
        )
    if part.late_seconds:
        lines.append(f"generator late in {words.plural(part.late_seconds, 'second')}")
    return "\n".join(lines)


def _lost(part: Slice) -> str:
    return "lost not told apart" if part.lost is None else f"{part.lost:,} lost"


def _ms(value_us: int | None) -> str:
    return words.milliseconds(None if value_us is None else value_us / 1000)
