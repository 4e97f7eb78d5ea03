"""Example records, made from a fixed seed: what runs look like that went well, and otherwise."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING

import msgspec

from reports.histogram import Histogram
from reports.record import (
    HEAT_BITS,
    Clock,
    Deliveries,
    Environment,
    ErrorCount,
    Generator,
    Histograms,
    Percentiles,
    Publishing,
    RunRecord,
    Second,
    Subscribers,
)
from reports.thresholds import default_limits, judged

if TYPE_CHECKING:
    from collections.abc import Callable

Stall = tuple[int, int]

SAMPLES = 300
"""Latencies drawn for each second; each stands for its share of the second's deliveries."""


def healthy(seconds: int = 60, subscribers: int = 2000, rate: int = 5) -> RunRecord:
    """All delivered, p99 well within the promise."""
    return judged(_run(seconds, subscribers, rate), default_limits())


def failed() -> RunRecord:
    """A stall in the middle, with connections lost, deliveries lost, repeated and reordered."""
    record = _run(60, 2000, 5, stall=(28, 33), seed=2)
    return judged(record, default_limits(reconnecting=True))


def invalid() -> RunRecord:
    """The generator could not keep up: late intervals and a late publisher."""
    record = _run(60, 2000, 5, late=lambda second: second % 4 == 1 and second > 20, seed=3)
    return judged(record, default_limits())


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
    return judged(record, default_limits())


def hour() -> RunRecord:
    """An hour, with a stall of half a minute."""
    return judged(_run(3600, 2000, 5, stall=(1800, 1830), seed=4), default_limits())


def hostile() -> RunRecord:
    """A run whose server and options try to break out of the page."""
    attack = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;{{ 7*7 }}"
    return msgspec.structs.replace(
        failed(),
        target="http://evil.example/\u202egnp.exe</title><script>alert(2)</script>",
        tool="</style><script>alert(3)</script>",
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


def _run(
    seconds: int,
    subscribers: int,
    rate: int,
    stall: Stall | None = None,
    late: Callable[[int], bool] = lambda _: False,
    seed: int = 1,
) -> RunRecord:
    """A run that ramps up for a tenth of its time; in a stall the server stops, then catches up."""
    random = Random(seed)
    latency, server, lag = Histogram(), Histogram(), Histogram()
    loop = Histogram()
    series: list[Second] = []
    ramp = max(1, min(10, seconds // 10))
    for number in range(seconds):
        connected = min(subscribers, math.ceil(subscribers * (number + 1) / ramp))
        series.append(
            _second(random, number, connected, rate, stall, late(number), (latency, server, lag))
        )
        loop.record(int((series[-1].loop_lag_max_ms or 0) * 1000))
    received = sum(row.received for row in series)
    lost = sum(row.lost or 0 for row in series)
    return RunRecord(
        version="0.1.0",
        started="2026-03-14T09:26:53.589Z",
        duration_s=seconds + 2.4,
        target="http://127.0.0.1:41873/api/ws",
        environment=Environment(
            python="3.12.4",
            platform="Linux-6.8.0-x86_64-with-glibc2.39",
            cpus=2,
            libraries={
                "locust": "2.47.0",
                "picows": "2.3.1",
                "uvloop": "0.23.0",
                "msgspec": "0.22.0",
            },
        ),
        configuration={
            "subscribers": subscribers,
            "rate": float(rate),
            "seconds": seconds,
            "conversations": 1,
            "transport": "websocket",
            "drain_s": 2.0,
        },
        subscribers=Subscribers(requested=subscribers, connected=subscribers, failed=0),
        connect_ms=_around(random, subscribers, 6.0),
        subscribe_ms=_around(random, subscribers, 2.1),
        reconnect_ms=_around(random, 240, 700.0) if stall else Percentiles(),
        reconnects=240 if stall else 0,
        publishing=Publishing(
            scheduled=rate * seconds, accepted=rate * seconds, refused=0, unknown=0
        ),
        deliveries=Deliveries(
            expected=received + lost,
            received=received,
            lost=lost,
            duplicates=sum(row.duplicates or 0 for row in series),
            out_of_order=sum(row.out_of_order or 0 for row in series),
            missed_while_disconnected=310 if stall else 0,
            unexpected=0,
        ),
        conversation_events=received,
        latency_ms=Percentiles.of(latency),
        publisher_lag_ms=Percentiles.of(lag),
        server_ms=Percentiles.of(server),
        clock=Clock(hosts=1, max_offset_error_ms=None, negative_latencies=0),
        generator=Generator(
            loop_lag_ms=Percentiles.of(loop),
            intervals=seconds,
            late_intervals=sum(row.late for row in series),
            workers=1,
        ),
        series=series,
        histograms=Histograms(
            latency_us=latency.pairs(), publisher_lag_us=lag.pairs(), server_us=server.pairs()
        ),
        errors=[ErrorCount(message="connection lost: ping timeout", count=240)] if stall else [],
    )


def _second(
    random: Random,
    number: int,
    connected: int,
    rate: int,
    stall: Stall | None,
    late: bool,
    totals: tuple[Histogram, Histogram, Histogram],
) -> Second:
    """One second; its latencies are added to the totals: delivery, server's part, publisher."""
    here = Histogram()
    stalled = stall is not None and stall[0] <= number < stall[1]
    due = connected * rate
    lost = due // 7 if stalled else 0
    share, rest = divmod(due - lost, SAMPLES)
    for draw in range(SAMPLES):
        weight = share + (draw < rest)
        if not weight:
            continue
        lag_us = int(random.lognormvariate(math.log(25_000 if late else 160), 0.5))
        server_us = int(random.lognormvariate(math.log(4_200), 0.45))
        if stalled and stall is not None:
            server_us += int((stall[1] - number - random.random()) * 1e6 * 0.5)
        totals[0].record(server_us + lag_us, weight)
        totals[1].record(server_us, weight)
        totals[2].record(lag_us, max(1, rate // SAMPLES))
        here.record(server_us + lag_us, weight)
    stats = Percentiles.of(here)
    return Second(
        second=number,
        connected=connected - (200 if stalled else 0),
        connects=connected - (connected * number // (number + 1)) if number < 10 else 0,
        connect_failures=12 if stalled else 0,
        published=rate,
        received=here.count,
        lost=lost,
        duplicates=3 if stalled else 0,
        out_of_order=11 if stalled else 0,
        p50_ms=stats.p50,
        p99_ms=stats.p99,
        max_ms=stats.max,
        latency_us=here.pairs(bits=HEAT_BITS),
        loop_lag_max_ms=round(random.lognormvariate(math.log(70 if late else 1.2), 0.4), 3),
        late=late,
    )


def _around(random: Random, count: int, median_ms: float) -> Percentiles:
    """A log-normal distribution with this median."""
    histogram = Histogram()
    for _ in range(count):
        histogram.record(int(random.lognormvariate(math.log(median_ms * 1000), 0.4)))
    return Percentiles.of(histogram)
