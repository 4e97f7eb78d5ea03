"""The latency distribution on a percentile axis, the classic plot of HdrHistogram.

Horizontally the share of deliveries, logarithmic in 1 / (1 - q), so that every further nine has
the same room; vertically the latency, logarithmic. The share that was lost is shaded at the right,
where a delivery that never came belongs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from reports import words
from reports.charts import scales
from reports.charts.frame import Frame, drawing, joined, line
from reports.histogram import Histogram
from reports.thresholds import limit_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.charts.scales import Scale
    from reports.record import RunRecord, Threshold

__all__ = ["distribution"]

_MARKED: Final = (("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p999", 99.9))
_LIMITED: Final = {
    "delivery_p50_ms": 50.0,
    "delivery_p90_ms": 90.0,
    "delivery_p99_ms": 99.0,
    "delivery_p999_ms": 99.9,
}
_VALUE_WIDTH: Final = 62
"""Room for a value beside another, in SVG units."""

_FLOOR_MS: Final = 0.01
"""The lowest latency drawn: a logarithmic axis has no zero, and the clock no more than this."""


def distribution(record: RunRecord, frame: Frame) -> Markup | None:
    """The chart; None when no delivery was measured."""
    if not record.histograms.latency_us:
        return None
    delivery = Histogram.from_pairs(record.histograms.latency_us)
    server = Histogram.from_pairs(record.histograms.server_us)
    lag = Histogram.from_pairs(record.histograms.publisher_lag_us)
    limits = [row for row in record.thresholds if row.name in _LIMITED]
    q = scales.percentile(_highest(delivery.count), frame.left, frame.x1)
    low, high = _range([delivery, server], lag, limits)
    ms = scales.log(low, high, frame.y1, frame.top)
    ticks = scales.log_ticks(low, high, (frame.y1 - frame.top) // 22)
    return drawing(
        frame,
        _label(record),
        _lost(record, frame, q),
        frame.y_axis(ms, [(at, words.tick(at)) for at in ticks]),
        frame.x_axis(
            q,
            [(at, f"{at:g}%") for at in scales.percentile_ticks(q.high)],
            "share of deliveries that arrived within the time",
        ),
        joined(*(_limit(row, frame, q, ms) for row in limits)),
        line("line lag", _curve(lag, q, ms)) if lag.count else Markup(""),
        line("line server", _curve(server, q, ms)) if server.count else Markup(""),
        line("line delivery", _curve(delivery, q, ms)),
        _marks(record, frame, q, ms),
    )


def _highest(count: int) -> float:
    """Where the axis ends: at the last nine that `count` values can tell, from 99 to 99.999 %."""
    nines = min(5, max(2, math.floor(math.log10(count))))
    return 100 - 100 * 10.0**-nines


def _range(
    histograms: Sequence[Histogram], lag: Histogram, limits: Sequence[Threshold]
) -> tuple[float, float]:
    """The latencies to show, in milliseconds, with some air above; of the lag its upper half."""
    lows = [item.percentile(1) for item in histograms if item.count]
    highs = [item.highest for item in (*histograms, lag)]
    if lag.count:
        lows.append(lag.percentile(50))
    low = max(_FLOOR_MS, min(filter(None, lows), default=0) / 1000 * 0.8)
    high = max([max(highs) / 1000, *(row.limit for row in limits)]) * 1.4
    return low, max(high, low * 10)


def _curve(histogram: Histogram, q: Scale, ms: Scale) -> list[tuple[float, float]]:
    """The share of values at or below each bucket; points that fall on one another are left out."""
    points: list[tuple[float, float]] = []
    seen, total = 0, histogram.count
    for low, count in histogram.pairs():
        here = (q(100 * seen / total), ms(max(low / 1000, _FLOOR_MS)))
        seen += count
        there = (q(100 * seen / total), here[1])
        if not points or math.dist(points[-1], here) >= 1 or math.dist(points[-1], there) >= 1:
            points += [here, there]
    return [*points, (q.end, points[-1][1])]


def _lost(record: RunRecord, frame: Frame, q: Scale) -> Markup:
    """The share of the expected that never arrived, from the right edge inwards."""
    told = record.deliveries
    if not told.lost:
        return Markup("")
    start = q(100 * told.received / told.expected)
    band = Markup('<rect class="never" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>').format(
        start, frame.top, frame.x1 - start, frame.y1 - frame.top
    )
    text = frame.text(
        "note end bad", frame.x1 - 6, frame.y1 - 8, f"{words.share(told.lost, told.expected)} lost"
    )
    return band + text


def _limit(row: Threshold, frame: Frame, q: Scale, ms: Scale) -> Markup:
    """The limit as a dashed line, with a ring at the percentile that it is on."""
    y, at = ms(row.limit), _LIMITED[row.name]
    name = f"limit: p{at:g} {limit_text(row)}"
    return joined(
        frame.rule("limit", frame.left, y, frame.x1, y),
        Markup('<circle class="limit" cx="{:.1f}" cy="{:.1f}" r="5"/>').format(q(at), y),
        frame.text("note bad", frame.left + 8, y - 7, name),
    )


def _marks(record: RunRecord, frame: Frame, q: Scale, ms: Scale) -> Markup:
    """A dot and the value at each percentile of the tables; below it where there is no room."""
    marks: list[Markup] = []
    last = -math.inf
    for field, at in _MARKED:
        value: float | None = getattr(record.latency_ms, field)
        if value is None or at > q.high:
            continue
        x, y = q(at), ms(value)
        marks.append(
            Markup(
                '<circle class="mark" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>'
            ).format(x, y, f"{at:g}% within {words.milliseconds(value)}")
        )
        below = x - last < _VALUE_WIDTH
        last = -math.inf if below else x
        height = y + 20 if below else y - 11
        marks.append(frame.text("value middle", x, height, words.milliseconds(value)))
    return joined(*marks)


def _label(record: RunRecord) -> str:
    """The chart in a sentence."""
    told, latency = record.deliveries, record.latency_ms
    return (
        f"Delivery latency by percentile: median {words.milliseconds(latency.p50)}, "
        f"p99 {words.milliseconds(latency.p99)}, max {words.milliseconds(latency.max)}; "
        f"{told.lost:,} of {told.expected:,} lost."
    )
