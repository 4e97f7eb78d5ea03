"""The parts of a run record: frozen msgspec structs, built by keywords; see `reports.record`."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reports.histogram import Histogram

__all__ = [
    "ERROR_LENGTH",
    "HEAT_BITS",
    "Bucket",
    "Clock",
    "Comparison",
    "Count",
    "Deliveries",
    "Environment",
    "ErrorCount",
    "Generator",
    "Histograms",
    "Milliseconds",
    "Percentiles",
    "Publishing",
    "Second",
    "Subscribers",
    "Threshold",
    "Verdict",
]

HEAT_BITS = 3
"""Bits of the buckets in `Second.latency_us`: four to each doubling, all that a heatmap shows."""

ERROR_LENGTH = 1000
"""Characters kept of an error's text: a peer may send megabytes."""

Verdict = Literal["pass", "fail", "invalid"]
Comparison = Literal["<", "<=", ">", ">="]

Count = Annotated[int, Meta(ge=0)]
Milliseconds = Annotated[float, Meta(ge=0)]
Bucket = tuple[Count, Annotated[int, Meta(ge=1)]]


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """Where the generator ran. The host's name is left out on purpose."""

    python: str
    """Version of Python, e.g. 3.12.4."""

    platform: str
    """Operating system, release and processor."""

    cpus: Annotated[int, Meta(ge=1)]
    """CPUs this process may use."""

    libraries: dict[str, str]
    """Version of each library that the measurement rests on, by distribution name."""

    @classmethod
    def here(cls, libraries: Iterable[str] = ()) -> Environment:
        """Where the calling process runs, with the versions of the installed `libraries`."""
        return cls(
            python=platform.python_version(),
            platform=platform.platform(),
            cpus=len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1,
            libraries={name: metadata.version(name) for name in libraries},
        )


class Subscribers(msgspec.Struct, frozen=True, kw_only=True):
    """How many sockets were wanted and what became of them."""

    requested: Count
    """Subscribers the run was asked for."""

    connected: Count
    """Of these, how many were connected and subscribed at least once."""

    failed: Count
    """Of these, how many never were."""


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """A latency distribution in milliseconds. `Percentiles()`: nothing was measured."""

    count: Count = 0
    """How many values were measured; when 0 every other field is null."""

    p50: Milliseconds | None = None
    """The median: half of the values are at most this."""

    p90: Milliseconds | None = None
    """90 % of the values are at most this."""

    p99: Milliseconds | None = None
    """99 % of the values are at most this."""

    p999: Milliseconds | None = None
    """99.9 % of the values are at most this."""

    max: Milliseconds | None = None
    """The largest value, exact."""

    mean: Milliseconds | None = None
    """The arithmetic mean."""

    def __post_init__(self) -> None:
        values = (self.p50, self.p90, self.p99, self.p999, self.max, self.mean)
        if any((value is None) is not (self.count == 0) for value in values):
            raise ValueError("percentiles are all null when count is 0 and all numbers otherwise")

    @classmethod
    def of(cls, histogram: Histogram) -> Percentiles:
        """The summary of a histogram of microseconds, in milliseconds."""

        def ms(value_us: float | None) -> float | None:
            return None if value_us is None else round(value_us / 1000, 3)

        return cls(
            count=histogram.count,
            p50=ms(histogram.percentile(50)),
            p90=ms(histogram.percentile(90)),
            p99=ms(histogram.percentile(99)),
            p999=ms(histogram.percentile(99.9)),
            max=ms(histogram.max),
            mean=ms(histogram.mean),
        )


class Deliveries(msgspec.Struct, frozen=True, kw_only=True):
    """What the sequence numbers say about every (message, subscriber) pair."""

    expected: Count
    """Pairs that had to arrive: published while that subscription was acknowledged and up."""

    received: Count
    """Expected pairs that arrived, each counted once."""

    lost: Count
    """Expected pairs that had not arrived when the drain ended: expected - received."""

    duplicates: Count
    """Arrivals beyond the first of the same pair."""

    out_of_order: Count
    """First arrivals behind a message that was posted only after theirs had been accepted."""

    missed_while_disconnected: Count
    """Pairs published while the subscriber was away: not expected, so not lost."""

    unexpected: Count
    """Arrivals of this run's messages that no subscription of that socket asked for; all are, of a
    server that sends messages to the whole workspace."""

    other_workspace: Count = 0
    """Events of a workspace that is not the socket's own, whoever published them: a leak."""


class Publishing(msgspec.Struct, frozen=True, kw_only=True):
    """The webhooks posted on the schedule that was fixed before the run (open model)."""

    scheduled: Count
    """Messages whose intended moment came within the run."""

    accepted: Count
    """Of these, posts answered with 2xx."""

    refused: Count
    """Of these, posts answered with anything else."""

    unknown: Count
    """Of these, posts without an answer: the message may or may not have entered."""

    asked_s: Milliseconds | None = None
    """How long was to be published, in seconds; null: until somebody stopped it."""

    lasted_s: Milliseconds | None = None
    """How long was published, in seconds; null when it never began."""


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """How far the moments of publisher and receiver can be compared."""

    hosts: Annotated[int, Meta(ge=1)]
    """Hosts that took part; on one host there is one monotonic clock and no offset."""

    max_offset_error_ms: Milliseconds | None
    """Largest error bound of a clock offset between hosts; null on one host."""

    negative_latencies: Count
    """Deliveries that seemed to arrive before they were published: counted as received and left
    out of every latency."""


class Generator(msgspec.Struct, frozen=True, kw_only=True):
    """The load generator's own health: a late generator measures itself, not the server."""

    loop_lag_ms: Percentiles
    """How late the engine's event loop woke up, over all workers."""

    intervals: Count
    """Intervals of a second in which deliveries came and a loop was watched, over all processes."""

    late_intervals: Count
    """Of these, intervals in which the loop was late enough to spoil a latency: by over 50 ms."""

    late_ms: Milliseconds
    """How long the loop was that late within these intervals, in all, over all processes."""

    silent_workers: Count = 0
    """Worker processes that did not answer at the end: what they measured is missing."""

    workers: Annotated[int, Meta(ge=1)]
    """Worker processes."""


class Second(msgspec.Struct, frozen=True, kw_only=True):
    """One second of the run, over all workers."""

    second: Count
    """Seconds since `started`."""

    connected: Count
    """Subscribers connected at the end of the second."""

    connects: Count
    """Connections that came up, reconnections included."""

    connect_failures: Count
    """Attempts to connect that failed."""

    published: Count
    """Messages accepted by the server."""

    received: Count
    """Deliveries received in this second, each counted once."""

    lost: Count | None = None
    """Deliveries lost of the messages intended in this second; null when not told apart."""

    duplicates: Count | None = None
    """Duplicates received; null when not told apart."""

    out_of_order: Count | None = None
    """Deliveries received out of order; null when not told apart."""

    p50_ms: Milliseconds | None = None
    """Median latency of the deliveries of messages intended in this second; null without any. By
    the intended moment, so that a stall shows where it began and not where it ended."""

    p99_ms: Milliseconds | None = None
    """99th percentile of the same."""

    max_ms: Milliseconds | None = None
    """Largest of the same."""

    latency_us: list[Bucket] = []
    """The same as [lowest value of the bucket in us, count], for the heatmap: any resolution,
    `Histogram.pairs(bits=HEAT_BITS)` is enough."""

    loop_lag_max_ms: Milliseconds | None = None
    """Worst lag of any worker's loop; null when not measured."""

    late: bool = False
    """Whether any loop was late in this second, also when no delivery came."""


class Histograms(msgspec.Struct, frozen=True, kw_only=True):
    """Whole distributions as [lowest value of the bucket in us, count], ascending.

    Buckets keep three significant digits (`reports.histogram`), so that percentile curves can be
    drawn and runs merged exactly. Empty: nothing was measured.
    """

    latency_us: list[Bucket] = []
    """Delivery latency: intended moment to receipt."""

    publisher_lag_us: list[Bucket] = []
    """Intended moment to the moment the post began."""

    server_us: list[Bucket] = []
    """The moment the post began to receipt."""


class ErrorCount(msgspec.Struct, frozen=True, kw_only=True):
    """An error and how often it was seen."""

    message: str
    """Its text; may come from the wire, so it is to be escaped wherever it is shown."""

    count: Annotated[int, Meta(ge=1)]
    """How often."""

    @classmethod
    def ranked(cls, counts: Mapping[str, int]) -> list[ErrorCount]:
        """The errors counted by their text, most frequent first.

        A lone surrogate, which no JSON can hold, becomes a question mark; a text is cut at
        `ERROR_LENGTH` characters.
        """
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [
            cls(message=text[:ERROR_LENGTH].encode(errors="replace").decode(), count=count)
            for text, count in ranked
        ]


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """A limit and what was measured against it."""

    name: str
    """What is limited, e.g. delivery_p99_ms."""

    comparison: Comparison
    """How `actual` has to compare with `limit`."""

    limit: float
    """The limit, in `unit`."""

    actual: float | None
    """What was measured, in `unit`; null when nothing was, which is never ok."""

    unit: str
    """ms, ratio (1 is all), or empty for a count."""

    ok: bool
    """Whether it holds."""
