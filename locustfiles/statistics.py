"""The engine's figures on Locust's own pages, pre-aggregated once a second.

Firing Locust's request event for each delivery would cost a core at 10,000 a second. Instead each
second becomes one `StatsEntry` and is added to the statistics, which carry it to the master in the
ordinary worker report. Their precision is Locust's (10 ms above 100); the truth is in the report.
"""

import time
from typing import Final

from locust.stats import RequestStats, StatsEntry, StatsError, bucket_response_time

from locustfiles.engine.ledger import Ledger
from reports.histogram import Histogram

__all__ = ["feed"]

DELIVERY: Final = ("WS", "message delivery")
CONNECT: Final = ("WS", "connect")
SUBSCRIBE: Final = ("WS", "subscribe")
RECONNECT: Final = ("WS", "reconnect")
PUBLISH: Final = ("POST", "webhook, lag behind schedule")


def feed(stats: RequestStats, seen: Ledger) -> None:
    """Add what was seen in the last second to Locust's statistics."""
    seconds = seen.seconds.values()
    for second in seconds:
        _extend(stats, DELIVERY, second.latency)
    _extend(stats, CONNECT, seen.connect, sum(second.connect_failures for second in seconds))
    _extend(stats, SUBSCRIBE, seen.subscribe)
    _extend(stats, RECONNECT, seen.reconnect)
    _extend(stats, PUBLISH, seen.publisher_lag, seen.publishing.refused + seen.publishing.unknown)
    for text, count in seen.errors.items():
        _add_error(stats, text, count)


def _extend(stats: RequestStats, key: tuple[str, str], seen: Histogram, failures: int = 0) -> None:
    if not seen.counts and not failures:
        return
    method, name = key
    entry = _entry(stats, method, name, seen, failures)
    # Never keep an entry: Locust replaces them all when a test starts.
    stats.entries[name, method].extend(entry)
    if key == DELIVERY:  # the built-in charts draw the total, and deliveries are what is wanted
        stats.total.extend(entry)


def _entry(
    stats: RequestStats, method: str, name: str, seen: Histogram, failures: int
) -> StatsEntry:
    entry = StatsEntry(stats, name, method)
    now = time.time()
    entry.num_requests = seen.count + failures
    entry.num_none_requests = failures
    entry.num_failures = failures
    entry.last_request_timestamp = now
    entry.num_reqs_per_sec[int(now)] = entry.num_requests
    if failures:
        entry.num_fail_per_sec[int(now)] = failures
    by_ms: dict[int, int] = {}  # Locust's precision; far fewer than our buckets
    total_us = 0
    for value_us, count in seen.counts.items():
        ms = (value_us + 500) // 1000
        by_ms[ms] = by_ms.get(ms, 0) + count
        total_us += value_us * count
    for ms, count in by_ms.items():
        entry.response_times[bucket_response_time(ms)] += count
    entry.total_response_time = round(total_us / 1000)
    if seen.counts:
        entry.min_response_time = round((seen.min or 0) / 1000)
        entry.max_response_time = round((seen.max or 0) / 1000)
    return entry


def _add_error(stats: RequestStats, text: str, count: int) -> None:
    key = StatsError.create_key("WS", "engine", text)
    error = stats.errors.setdefault(key, StatsError("WS", "engine", text))
    error.occurrences += count
