"""A simulated run: log-normal latencies from a fixed seed, with a stall or a late generator."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

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

ENVIRONMENT = Environment(
    python="3.12.4",
    platform="Linux-6.8.0-x86_64-with-glibc2.39",
    cpus=2,
    libraries={"locust": "2.47.0", "picows": "2.3.1", "uvloop": "0.23.0", "msgspec": "0.22.0"},
)


@dataclass
class Simulation:
    """Subscribers connect within the first tenth; in a stall the server stops, then catches up."""

    seconds: int
    subscribers: int
    rate: int
    stall: range = range(0)
    late: range = range(0)
    seed: int = 1
    samples: int = 300
    """Latencies drawn for each second; each stands for its share of the second's deliveries."""
    latency: Histogram = field(default_factory=Histogram)
    server: Histogram = field(default_factory=Histogram)
    lag: Histogram = field(default_factory=Histogram)
    loop: Histogram = field(default_factory=Histogram)

    def record(self) -> RunRecord:
        """The record of the run, not yet judged."""
        random = Random(self.seed)
        series = [self._second(random, number) for number in range(self.seconds)]
        received = sum(row.received for row in series)
        posts = self.rate * self.seconds
        away = 240 if self.stall else 0
        return RunRecord(
            version="0.1.0",
            started="2026-03-14T09:26:53.589Z",
            duration_s=self.seconds + 2.4,
            target="http://127.0.0.1:41873/api/ws",
            environment=ENVIRONMENT,
            configuration={"subscribers": self.subscribers, "rate": self.rate, "drain_s": 2.5},
            subscribers=Subscribers(
                requested=self.subscribers, connected=self.subscribers, failed=0
            ),
            connect_ms=_around(random, self.subscribers, 6.0),
            subscribe_ms=_around(random, self.subscribers, 2.1),
            reconnect_ms=_around(random, away, 700.0),
            reconnects=away,
            publishing=Publishing(scheduled=posts, accepted=posts, refused=0, unknown=0),
            deliveries=self._accounts(series, received),
            conversation_events=received,
            latency_ms=Percentiles.of(self.latency),
            publisher_lag_ms=Percentiles.of(self.lag),
            server_ms=Percentiles.of(self.server),
            clock=Clock(hosts=1, max_offset_error_ms=None, negative_latencies=0),
            generator=self._generator(),
            series=series,
            histograms=Histograms(
                latency_us=self.latency.pairs(),
                publisher_lag_us=self.lag.pairs(),
                server_us=self.server.pairs(),
            ),
            errors=ErrorCount.ranked({"connection lost: ping timeout": away} if away else {}),
        )

    def _second(self, random: Random, number: int) -> Second:
        """One second; its latencies go into the histograms of the run too."""
        here = Histogram()
        due = self._connected(number) * self.rate
        stalled = number in self.stall
        lost = due // 7 if stalled else 0
        lags = [self._lag(random, number) for _ in range(self.rate)]
        for draw in range(min(self.samples, due - lost)):
            weight = max(1, (due - lost + draw) // self.samples)
            server_us = int(random.lognormvariate(math.log(4_200), 0.45))
            if stalled:
                server_us += int((self.stall.stop - number - random.random()) * 500_000)
            here.record(server_us + lags[draw % self.rate], weight)
            self.server.record(server_us, weight)
        self.latency.merge(here)
        lag_ms = round(random.lognormvariate(math.log(70 if number in self.late else 1.2), 0.4), 3)
        self.loop.record(int(lag_ms * 1000))
        stats = Percentiles.of(here)
        return Second(
            second=number,
            connected=self._connected(number) - (200 if stalled else 0),
            connects=self._connected(number) - self._connected(number - 1),
            connect_failures=12 if stalled else 0,
            published=self.rate,
            received=here.count,
            lost=lost,
            duplicates=3 if stalled else 0,
            out_of_order=11 if stalled else 0,
            p50_ms=stats.p50,
            p99_ms=stats.p99,
            max_ms=stats.max,
            latency_us=here.pairs(bits=HEAT_BITS),
            loop_lag_max_ms=lag_ms,
            late=number in self.late,
        )

    def _lag(self, random: Random, number: int) -> int:
        """How late a post began, in microseconds."""
        lag_us = int(random.lognormvariate(math.log(25_000 if number in self.late else 160), 0.5))
        self.lag.record(lag_us)
        return lag_us

    def _connected(self, number: int) -> int:
        """Subscribers connected at the end of a second; none before the first."""
        ramp = max(1, min(10, self.seconds // 10))
        return min(self.subscribers, math.ceil(self.subscribers * (number + 1) / ramp))

    def _accounts(self, series: list[Second], received: int) -> Deliveries:
        lost = sum(row.lost or 0 for row in series)
        return Deliveries(
            expected=received + lost,
            received=received,
            lost=lost,
            duplicates=sum(row.duplicates or 0 for row in series),
            out_of_order=sum(row.out_of_order or 0 for row in series),
            missed_while_disconnected=310 if self.stall else 0,
            unexpected=0,
        )

    def _generator(self) -> Generator:
        return Generator(
            loop_lag_ms=Percentiles.of(self.loop),
            intervals=self.seconds,
            late_intervals=len(self.late),
            late_ms=80.0 * len(self.late),
            workers=1,
        )


def _around(random: Random, count: int, median_ms: float) -> Percentiles:
    """A log-normal distribution with this median."""
    histogram = Histogram()
    for _ in range(count):
        histogram.record(int(random.lognormvariate(math.log(median_ms * 1000), 0.4)))
    return Percentiles.of(histogram)
