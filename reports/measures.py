"""What can be limited: each measure's name, unit, label, and how it is read from a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reports.record import Percentiles, RunRecord

__all__ = ["ALIASES", "MEASURES", "STATISTICS", "Measure", "Unit"]

Unit = Literal["ms", "ratio", ""]


@dataclass(frozen=True)
class Measure:
    """One number of a run; `of` gives None when it was not measured."""

    label: str
    unit: Unit
    of: Callable[[RunRecord], float | None]


STATISTICS: Final = {
    "p50": "p50",
    "p90": "p90",
    "p99": "p99",
    "p999": "p99.9",
    "max": "max",
    "mean": "mean",
}
"""Fields of `Percentiles`, and how they are written."""

_DISTRIBUTIONS: Final[dict[str, tuple[str, Callable[[RunRecord], Percentiles]]]] = {
    "delivery": ("Delivery latency", lambda record: record.latency_ms),
    "server": ("Server's part of the latency", lambda record: record.server_ms),
    "publisher_lag": ("Publisher lag", lambda record: record.publisher_lag_ms),
    "connect": ("Time to connect", lambda record: record.connect_ms),
    "subscribe": ("Time to subscribe", lambda record: record.subscribe_ms),
    "reconnect": ("Time to reconnect", lambda record: record.reconnect_ms),
    "loop_lag": ("Loop lag", lambda record: record.generator.loop_lag_ms),
}


def _ratio(part: int, whole: int) -> float | None:
    """The share, None of nothing."""
    return part / whole if whole else None


def _distribution_measures() -> Iterator[tuple[str, Measure]]:
    """`delivery_p99_ms` and its like: every statistic of every distribution."""
    for name, (label, of) in _DISTRIBUTIONS.items():
        for field, written in STATISTICS.items():

            def read(
                record: RunRecord,
                of: Callable[[RunRecord], Percentiles] = of,
                field: str = field,
            ) -> float | None:
                value: float | None = getattr(of(record), field)
                return value

            yield f"{name}_{field}_ms", Measure(f"{label}, {written}", "ms", read)


def _delivery_count(label: str, field: str) -> Measure:
    """A count of deliveries gone wrong, which is not measured where none was expected."""

    def read(record: RunRecord) -> float | None:
        value: int = getattr(record.deliveries, field)
        return value if record.deliveries.expected else None

    return Measure(label, "", read)


MEASURES: Final[dict[str, Measure]] = {
    **dict(_distribution_measures()),
    "delivered_ratio": Measure(
        "Delivered of expected",
        "ratio",
        lambda record: _ratio(record.deliveries.received, record.deliveries.expected),
    ),
    "connect_success_ratio": Measure(
        "Subscribers connected",
        "ratio",
        lambda record: _ratio(record.subscribers.connected, record.subscribers.requested),
    ),
    "accepted_ratio": Measure(
        "Messages accepted by the server",
        "ratio",
        lambda record: _ratio(record.publishing.accepted, record.publishing.scheduled),
    ),
    "lost": _delivery_count("Deliveries lost", "lost"),
    "duplicates": _delivery_count("Duplicate deliveries", "duplicates"),
    "out_of_order": _delivery_count("Deliveries out of order", "out_of_order"),
    "unexpected": _delivery_count("Unexpected deliveries", "unexpected"),
    "other_workspace": _delivery_count("Events of other workspaces", "other_workspace"),
    "missed_while_disconnected": _delivery_count(
        "Missed while disconnected", "missed_while_disconnected"
    ),
    "reconnects": Measure("Reconnects", "", lambda record: record.reconnects),
}
"""Every measure by its name in a threshold."""

ALIASES: Final[dict[str, str]] = {
    **{field: f"delivery_{field}_ms" for field in STATISTICS},
    "delivered": "delivered_ratio",
    "connected": "connect_success_ratio",
    "accepted": "accepted_ratio",
}
"""Short names."""
