"""From what all processes saw to the run record."""

import math
from collections.abc import Iterable
from importlib import metadata
from typing import Any, Final

from msgspec import Struct

from locustfiles.engine.accounting import Tally
from locustfiles.engine.clock import SECOND_US
from locustfiles.engine.ledger import Ledger, Second
from locustfiles.options import Options
from reports import record as report
from reports.histogram import Histogram
from reports.thresholds import judged

__all__ = ["Outcome", "build", "version"]

_LIBRARIES: Final = ("locust", "gevent", "uvloop", "picows", "msgspec", "aiohttp")


class Outcome(Struct, kw_only=True):
    """A finished run: what it was asked, when it was, what was seen, and who saw it.

    `began_us` is its first moment on the run's clock, `started` the same in seconds since 1970.
    """

    options: Options
    users: int
    started: float
    began_us: int
    ended_us: int
    ledger: Ledger
    tally: Tally
    workers: int
    hosts: int
    clock_error_us: int
    silent: int
    published_s: float | None


def version() -> str:
    """The version of this tool."""
    return metadata.version("chatengine-harness")


def build(outcome: Outcome) -> report.RunRecord:
    """The record of a run, judged by its thresholds."""
    ledger = outcome.ledger
    latency = _merged(second.latency for second in ledger.seconds.values())
    record = report.RunRecord(
        version=version(),
        started=report.moment(outcome.started),
        duration_s=round((outcome.ended_us - outcome.began_us) / SECOND_US, 3),
        target=report.public_url(outcome.options.host),
        environment=report.Environment.here(_LIBRARIES),
        configuration=_configuration(outcome),
        subscribers=report.Subscribers(
            requested=ledger.requested,
            connected=ledger.subscribed,
            failed=ledger.requested - ledger.subscribed,
        ),
        connect_ms=report.Percentiles.of(ledger.connect),
        subscribe_ms=report.Percentiles.of(ledger.subscribe),
        reconnect_ms=report.Percentiles.of(ledger.reconnect),
        reconnects=ledger.reconnects,
        publishing=_publishing(outcome),
        deliveries=_deliveries(ledger, outcome.tally),
        conversation_events=ledger.conversations,
        latency_ms=report.Percentiles.of(latency),
        publisher_lag_ms=report.Percentiles.of(ledger.publisher_lag),
        server_ms=report.Percentiles.of(ledger.server),
        clock=report.Clock(
            hosts=outcome.hosts,
            max_offset_error_ms=outcome.clock_error_us / 1000 if outcome.hosts > 1 else None,
            negative_latencies=ledger.negative,
        ),
        generator=_generator(outcome),
        series=list(_series(outcome)),
        histograms=report.Histograms(
            latency_us=latency.pairs(),
            publisher_lag_us=ledger.publisher_lag.pairs(),
            server_us=ledger.server.pairs(),
        ),
        errors=report.ErrorCount.ranked(_errors(ledger)),
    )
    return judged(record, outcome.options.limits)


def _publishing(outcome: Outcome) -> report.Publishing:
    posts = outcome.ledger.publishing
    return report.Publishing(
        scheduled=posts.scheduled,
        accepted=posts.accepted,
        refused=posts.refused,
        unknown=posts.unknown,
        asked_s=outcome.options.publish_seconds or None,
        lasted_s=outcome.published_s,
    )


def _deliveries(ledger: Ledger, tally: Tally) -> report.Deliveries:
    return report.Deliveries(
        expected=tally.expected,
        received=tally.received,
        lost=tally.lost,
        duplicates=tally.duplicates,
        out_of_order=tally.out_of_order,
        missed_while_disconnected=tally.missed,
        unexpected=ledger.unexpected,
        other_workspace=ledger.leaked,
    )


def _generator(outcome: Outcome) -> report.Generator:
    # A generator that is late while it only connects spoils no delivery.
    seconds = outcome.ledger.seconds.values()
    busy = [second for second in seconds if second.received or second.published]
    return report.Generator(
        loop_lag_ms=report.Percentiles.of(outcome.ledger.loop_lag),
        intervals=math.ceil(sum(second.watched_us for second in busy) / SECOND_US),
        late_intervals=sum(second.late_us > 0 for second in busy),
        late_ms=sum(second.late_us for second in busy) / 1000,
        silent_workers=outcome.silent,
        workers=max(1, outcome.workers),
    )


def _configuration(outcome: Outcome) -> dict[str, Any]:
    return {"users": outcome.users, **outcome.options.public()}


def _series(outcome: Outcome) -> Iterable[report.Second]:
    """One entry for each second of the run, those without any activity left out."""
    first = outcome.began_us // SECOND_US
    connected = 0
    lost = outcome.tally.lost_by_second
    for number in sorted(outcome.ledger.seconds.keys() | lost.keys()):
        second = outcome.ledger.seconds.get(number, Second())
        connected += second.connects - second.disconnects
        yield report.Second(
            second=max(0, number - first),
            connected=max(0, connected),
            connects=second.connects,
            connect_failures=second.connect_failures,
            published=second.published,
            received=second.received,
            lost=lost.get(number, 0),
            duplicates=second.duplicates,
            out_of_order=second.out_of_order,
            p50_ms=_ms(second.latency.percentile(50)),
            p99_ms=_ms(second.latency.percentile(99)),
            max_ms=_ms(second.latency.max),
            latency_us=second.latency.pairs(bits=report.HEAT_BITS),
            loop_lag_max_ms=_ms(second.loop_lag_us if second.watched_us else None),
            late=second.late_us > 0,
        )


def _errors(ledger: Ledger) -> dict[str, int]:
    foreign = {"messages of other publishers, not counted": ledger.foreign}
    return ledger.errors | (foreign if ledger.foreign else {})


def _merged(histograms: Iterable[Histogram]) -> Histogram:
    total = Histogram()
    for histogram in histograms:
        total.merge(histogram)
    return total


def _ms(value_us: int | None) -> float | None:
    return None if value_us is None else round(value_us / 1000, 3)
