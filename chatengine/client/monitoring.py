"""The client watches itself: delivery latency, reconnects, and long disconnections (C-MON-1 to 3).

**Latency** is the moment a new message was pushed to us less its `createdAt`. That counts whole
seconds, as WhatsApp does (contract, section 5): up to a second of a latency is rounding, and both
clocks are in it. A message from the future tells of clocks, not of latency: it is counted apart.

**Prometheus.** Each monitor has a registry of its own, so that two clients of one process do not
meet in the global one, and whoever serves metrics chooses what to serve.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from chatengine.moments import from_ms

__all__ = ["Alert", "Monitor", "Reconnect"]

_log: Final = logging.getLogger(__name__)

_RECONNECTS_KEPT: Final = 200
"""The newest; a night of flapping does not grow the log."""

_LATENCIES_KEPT: Final = 10_000
"""Quantiles are of the newest deliveries, exactly; sorting that many takes about a millisecond."""

_BUCKETS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)
"""Section 9's promises lie on bounds: 100 ms by socket, 2 to 5 s by Realtime, 10 s by polling."""


class Reconnect(Struct, frozen=True):
    """A loss that is over: when the connection was back, why it was lost, and for how long."""

    at_ms: int
    cause: str
    down_ms: int

    def to_snapshot(self) -> dict[str, Any]:
        """What the adapter protocol shows of it."""
        return {"at": from_ms(self.at_ms), "cause": self.cause, "downMs": self.down_ms}


class Alert(Struct, frozen=True):
    """A disconnection that lasts too long has been noticed (`raised`), or is over."""

    raised: bool
    cause: str
    down_ms: int


class _Down(Struct, frozen=True):
    """A disconnection under way; `since` on the monotonic clock, in seconds."""

    since: float
    cause: str
    was_connected: bool


class Monitor:
    """Told of connections and deliveries; tells metrics, log lines and `on_alert`."""

    def __init__(
        self,
        on_alert: Callable[[Alert], None],
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.registry: Final = CollectorRegistry()
        self._on_alert = on_alert
        self._clock = clock
        self._monotonic = monotonic
        self._down: _Down | None = None
        self._connected_before = False
        self._alert: Alert | None = None
        self._latencies: deque[int] = deque(maxlen=_LATENCIES_KEPT)
        self._deliveries = 0
        self._reconnects: deque[Reconnect] = deque(maxlen=_RECONNECTS_KEPT)
        self._make_metrics("chatengine_client_")

    def _make_metrics(self, prefix: str) -> None:
        registry = self.registry
        self._latency = Histogram(
            prefix + "delivery_latency_seconds",
            "From a message's createdAt to its push reaching this client.",
            registry=registry,
            buckets=_BUCKETS_S,
        )
        self._ahead = Counter(
            prefix + "clock_ahead_messages",
            "Messages whose createdAt lay in this client's future.",
            registry=registry,
        )
        self._times_back = Counter(
            prefix + "reconnects", "Connections regained after a loss.", registry=registry
        )
        self._down_s = Counter(
            prefix + "disconnected_seconds", "Time of losses that are over.", registry=registry
        )
        self._connected = Gauge(
            prefix + "connected", "1 while connected as configured.", registry=registry
        )
        self._alerting = Gauge(
            prefix + "disconnection_alert", "1 while disconnected for too long.", registry=registry
        )

    # what the client tells

    def delivered(self, created_ms: int) -> None:
        """A message that was not known has been pushed."""
        latency_ms = int(self._clock() * 1000) - created_ms
        if latency_ms < 0:
            self._ahead.inc()
            return
        self._deliveries += 1
        self._latencies.append(latency_ms)
        self._latency.observe(latency_ms / 1000)

    def down(self, cause: str) -> bool:
        """There is no connection; returns whether that is new, else the first cause counts."""
        if self._down is not None:
            return False
        self._down = _Down(self._monotonic(), cause, self._connected_before)
        self._connected.set(0)
        return True

    def up(self) -> bool:
        """There is a connection; returns whether there had been one before it was lost."""
        down, self._down = self._down, None
        self._connected_before = True
        self._connected.set(1)
        self._end_alert()
        if down is None or not down.was_connected:
            return False
        down_ms = self._length_ms(down)
        self._reconnects.append(Reconnect(int(self._clock() * 1000), down.cause, down_ms))
        self._times_back.inc()
        self._down_s.inc(down_ms / 1000)
        _log.info("connected again after %.1f s; the cause was: %s", down_ms / 1000, down.cause)
        return True

    def overdue(self) -> None:
        """The disconnection under way has lasted for as long as it may: raise the alert."""
        if self._down is None or self._alert is not None:
            return
        self._alert = Alert(True, self._down.cause, self._length_ms(self._down))
        self._alerting.set(1)
        seconds = self._alert.down_ms / 1000
        _log.warning(
            "ALERT: disconnected for %.1f s; the cause was: %s", seconds, self._alert.cause
        )
        self._on_alert(self._alert)

    def rest(self) -> None:
        """The client stops, or another configuration begins: what is down is so on purpose."""
        self._down = None
        self._connected_before = False
        self._connected.set(0)
        self._end_alert()

    # what it knows

    @property
    def alert(self) -> bool:
        """Whether a disconnection lasts too long."""
        return self._alert is not None

    @property
    def reconnects(self) -> tuple[Reconnect, ...]:
        """The newest 200, oldest first."""
        return tuple(self._reconnects)

    def latency_ms(self, quantile: float) -> int | None:
        """A quantile (0 to 1) of the newest 10,000 deliveries, None before the first."""
        if not self._latencies:
            return None
        ordered = sorted(self._latencies)
        return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))]

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def to_snapshot(self) -> dict[str, Any]:
        """What the adapter protocol shows of it."""
        return {
            "latencyMs": {
                "count": self._deliveries,
                "p50": self.latency_ms(0.5),
                "p99": self.latency_ms(0.99),
            },
            "reconnects": [each.to_snapshot() for each in self._reconnects],
            "alert": self.alert,
        }

    def _length_ms(self, down: _Down) -> int:
        return round((self._monotonic() - down.since) * 1000)

    def _end_alert(self) -> None:
        alert, self._alert = self._alert, None
        if alert is not None:
            self._alerting.set(0)
            _log.info("the alert is over")
            self._on_alert(Alert(False, alert.cause, alert.down_ms))
