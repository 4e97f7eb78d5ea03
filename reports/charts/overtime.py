"""Counts over time: subscribers, deliveries, what went wrong, and the generator's own lag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reports import words
from reports.charts.frame import Frame, area, drawing, line, slices_over
from reports.timeline import gather

if TYPE_CHECKING:
    from collections.abc import Callable

    from markupsafe import Markup

    from reports.charts.scales import Scale
    from reports.record import RunRecord
    from reports.timeline import Slice

__all__ = ["deliveries", "loop_lag", "subscribers", "troubles"]


_ROOMY: Final = 6.0
"""Width of a bar from which a hairline beside it is not half of what is seen."""

_LEAST: Final = 1.5
"""Height of the smallest bar: what happened once shall show beside what happened often."""


def subscribers(record: RunRecord, frame: Frame) -> Markup | None:
    """Sockets connected, and connections made and failed in each second; None without a series."""
    slices = gather(record.series, frame.slices)
    if not slices:
        return None
    x, time_axis = _time(frame, slices)
    y, count_axis = frame.count_axis(
        max(
            max(part.connected, _rate(part, part.connects + part.connect_failures))
            for part in slices
        )
    )
    made = _bars(slices, x, y, lambda part: _rate(part, part.connects))
    failed = _bars(
        slices,
        x,
        y,
        lambda part: _rate(part, part.connect_failures),
        lambda part: _rate(part, part.connects),
    )
    return drawing(
        frame,
        f"Subscribers over time: {record.subscribers.connected:,} of "
        f"{record.subscribers.requested:,} connected.",
        count_axis,
        time_axis,
        area("bar made", made),
        area("bar bad", failed),
        line("line connected", _steps(slices, x, y, lambda part: part.connected)),
        slices_over(
            frame,
            x,
            slices,
            (
                f"{part.connected:,} connected\n{part.connects:,} connects, "
                f"{part.connect_failures:,} failed"
                for part in slices
            ),
        ),
    )


def deliveries(record: RunRecord, frame: Frame) -> Markup | None:
    """Deliveries received in each second; None without a series."""
    slices = gather(record.series, frame.slices)
    if not slices:
        return None
    x, time_axis = _time(frame, slices)
    y, count_axis = frame.count_axis(max(_rate(part, part.received) for part in slices))
    return drawing(
        frame,
        f"Deliveries per second over time: {record.deliveries.received:,} in all.",
        count_axis,
        time_axis,
        area("bar received", _bars(slices, x, y, lambda part: _rate(part, part.received))),
        slices_over(
            frame,
            x,
            slices,
            (
                f"{part.received:,} received\n{words.plural(part.published, 'message')} published"
                for part in slices
            ),
        ),
    )


def troubles(record: RunRecord, frame: Frame) -> Markup | None:
    """Deliveries lost, repeated and out of order in each slice; None where there are none."""
    slices = gather(record.series, frame.slices)
    if not any(map(_troubles, slices)):
        return None
    x, time_axis = _time(frame, slices)
    y, count_axis = frame.count_axis(max(map(_troubles, slices)))
    lost = _bars(slices, x, y, lambda part: part.lost or 0)
    repeated = _bars(slices, x, y, lambda part: part.duplicates or 0, lambda part: part.lost or 0)
    unordered = _bars(
        slices,
        x,
        y,
        lambda part: part.out_of_order or 0,
        lambda part: (part.lost or 0) + (part.duplicates or 0),
    )
    return drawing(
        frame,
        "Deliveries lost, repeated and out of order over time.",
        count_axis,
        time_axis,
        area("bar bad", lost),
        area("bar repeated", repeated),
        area("bar unordered", unordered),
        slices_over(frame, x, slices, map(_troubles_told, slices)),
    )


def loop_lag(record: RunRecord, frame: Frame) -> Markup | None:
    """The worst lag of the generator's loops in each slice; None when it was not measured."""
    slices = [
        part for part in gather(record.series, frame.slices) if part.loop_lag_max_ms is not None
    ]
    if not slices:
        return None
    x, time_axis = _time(frame, slices)
    y, count_axis = frame.count_axis(max(map(_lag, slices)), " ms")
    on_time = [part for part in slices if not part.late_seconds]
    late = [part for part in slices if part.late_seconds]
    return drawing(
        frame,
        f"Worst lag of the generator's event loops over time: late in "
        f"{record.generator.late_intervals:,} of {record.generator.intervals:,} intervals.",
        count_axis,
        time_axis,
        area("bar lag", _bars(on_time, x, y, _lag)),
        area("bar late", _bars(late, x, y, _lag)),
        slices_over(
            frame,
            x,
            slices,
            (
                f"loop lag up to {words.milliseconds(part.loop_lag_max_ms)}"
                + (
                    f"\nlate in {words.plural(part.late_seconds, 'second')}"
                    if part.late_seconds
                    else ""
                )
                for part in slices
            ),
        ),
    )


def _time(frame: Frame, slices: list[Slice]) -> tuple[Scale, Markup]:
    return frame.time_axis(slices[-1].start + slices[-1].seconds)


def _rate(part: Slice, count: int) -> float:
    """A second's worth of a slice's count."""
    return count / part.seconds


def _lag(part: Slice) -> float:
    return part.loop_lag_max_ms or 0.0


def _troubles(part: Slice) -> int:
    return (part.lost or 0) + (part.duplicates or 0) + (part.out_of_order or 0)


def _troubles_told(part: Slice) -> str:
    """The three counts of a slice, those that were told apart."""
    counts = (
        ("lost", part.lost),
        ("repeated", part.duplicates),
        ("out of order", part.out_of_order),
    )
    return ", ".join(f"{number:,} {name}" for name, number in counts if number is not None)


def _bars(
    slices: list[Slice],
    x: Scale,
    y: Scale,
    height: Callable[[Slice], float],
    base: Callable[[Slice], float] = lambda _: 0,
) -> list[tuple[float, float, float, float]]:
    """A box for each slice where there is anything, standing on `base`, a hairline apart."""
    boxes = []
    for part in slices:
        if height(part):
            left, right = x(part.start), x(part.start + part.seconds)
            lower, upper = y(base(part)), y(base(part) + height(part))
            gap = 1.0 if right - left > _ROOMY else 0.0
            boxes.append((left, min(upper, lower - _LEAST), right - gap, lower))
    return boxes


def _steps(
    slices: list[Slice], x: Scale, y: Scale, value: Callable[[Slice], float]
) -> list[tuple[float, float]]:
    """A line that is level over each slice."""
    return [
        (x(moment), y(value(part)))
        for part in slices
        for moment in (part.start, part.start + part.seconds)
    ]
