"""Example records, made from a fixed seed: what runs look like that went well, and otherwise."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec

from reports.record import (
    Deliveries,
    ErrorCount,
    Histograms,
    Percentiles,
    Publishing,
    RunRecord,
    Second,
    Subscribers,
)
from reports.thresholds import PROMISED_OF_FAKES, judged, parse_all
from tests.reports.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable


@cache
def healthy(seconds: int = 60, subscribers: int = 2000, rate: int = 5) -> RunRecord:
    """All delivered, p99 well within the promise."""
    return judged(Simulation(seconds, subscribers, rate).record(), parse_all(PROMISED_OF_FAKES))


@cache
def failed() -> RunRecord:
    """A stall in the middle, with connections lost, deliveries lost, repeated and reordered."""
    record = Simulation(60, 2000, 5, stall=range(28, 33), seed=2).record()
    return judged(record, parse_all(f"{PROMISED_OF_FAKES}, reconnect_p99_ms<5s"))


@cache
def invalid() -> RunRecord:
    """The generator could not keep up: late intervals and a late publisher."""
    record = Simulation(60, 2000, 5, late=range(21, 60, 4), seed=3).record()
    return judged(record, parse_all(PROMISED_OF_FAKES))


@cache
def unmeasured() -> RunRecord:
    """Nobody connected, so there is nothing to tell."""
    record = healthy(seconds=3)
    record = msgspec.structs.replace(
        record,
        subscribers=Subscribers(requested=2000, connected=0, failed=2000),
        connect_ms=Percentiles(),
        subscribe_ms=Percentiles(),
        publishing=Publishing(scheduled=15, accepted=15, refused=0, unknown=0),
        deliveries=Deliveries(
            expected=0,
            received=0,
            lost=0,
            duplicates=0,
            out_of_order=0,
            missed_while_disconnected=0,
            unexpected=0,
        ),
        latency_ms=Percentiles(),
        server_ms=Percentiles(),
        conversation_events=0,
        series=[
            Second(
                second=second,
                connected=0,
                connects=0,
                connect_failures=700,
                published=5,
                received=0,
                loop_lag_max_ms=1.4,
            )
            for second in range(3)
        ],
        histograms=Histograms(publisher_lag_us=record.histograms.publisher_lag_us),
        errors=[ErrorCount(message="connection refused (errno 111)", count=2100)],
    )
    return judged(record, parse_all(PROMISED_OF_FAKES))


@cache
def hour() -> RunRecord:
    """An hour, with a stall of half a minute."""
    record = Simulation(3600, 2000, 5, stall=range(1800, 1830), seed=4, samples=40).record()
    return judged(record, parse_all(PROMISED_OF_FAKES))


@cache
def hostile() -> RunRecord:
    """A run whose server and options try to break out of the page."""
    attack = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;{{ 7*7 }}"
    return msgspec.structs.replace(
        failed(),
        target="http://evil.example/\u202egnp.exe</title><script>alert(2)</script>",
        tool="</style>\x0b<script>alert(3)</script>",
        configuration={
            attack: attack,
            "control": "a\x00b\x1b[31mred\x07",
            "rtl": "\u202eabc\u2066",
        },
        errors=[
            ErrorCount(message=attack, count=3),
            ErrorCount(message="\x1b]0;title\x07 \u2028 \u202etxt.exe", count=2),
            ErrorCount(message="x" * 100_000, count=1),
        ],
        reasons=[attack],
    )


EXAMPLES: dict[str, Callable[[], RunRecord]] = {
    "healthy": healthy,
    "failed": failed,
    "invalid": invalid,
    "unmeasured": unmeasured,
    "hour": hour,
    "brief": lambda: healthy(seconds=3, subscribers=10, rate=2),
    "hostile": hostile,
}
