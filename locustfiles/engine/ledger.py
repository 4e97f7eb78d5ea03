"""What this process saw, second by second: counts and histograms, mergeable over processes.

A worker fills a ledger, and every few seconds `Engine.take_ledger` hands it over and begins a new
one; the master merges them. Merging is addition, so it is exact in any order.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct, field

from locustfiles.engine.clock import SECOND_US
from locustfiles.engine.stamps import Stamp
from reports.histogram import Histogram

__all__ = ["LATE_US", "Ledger", "Publishing", "Second"]

LATE_US: Final = 50_000
"""A loop that wakes up later than this spoils a second: half of the 100 ms that users are promised
(contract, section 9) would then be the generator's own doing."""

_MOST_ERRORS: Final = 100  # distinct texts; they come from the wire and could be without number,
_LONGEST_ERROR: Final = 200  # and of any length


class Publishing(Struct):
    """Posts to the webhook: how many were due, and what the server said to them."""

    scheduled: int = 0
    accepted: int = 0
    refused: int = 0
    unknown: int = 0


class Second(Struct):
    """One second of the run's clock.

    `latency` holds the deliveries whose message was *meant* for this second, so that a stall shows
    where it began; `received`, `duplicates` and `out_of_order` count what arrived in it. Of the
    loops of all processes, `watched_us` says how long they were watched in it, `late_us` how long
    they were late, and `loop_lag_us` how late at worst.
    """

    connects: int = 0
    connect_failures: int = 0
    disconnects: int = 0
    published: int = 0
    received: int = 0
    duplicates: int = 0
    out_of_order: int = 0
    loop_lag_us: int = -1
    watched_us: int = 0
    late_us: int = 0
    latency: Histogram = field(default_factory=Histogram)


class Ledger(Struct):
    """Everything one process saw since it was begun; see `Second` for what has a time.

    `history` is the same, record by record and each a line, where that was asked for.
    """

    seconds: dict[int, Second] = field(default_factory=dict)
    connect: Histogram = field(default_factory=Histogram)
    subscribe: Histogram = field(default_factory=Histogram)
    reconnect: Histogram = field(default_factory=Histogram)
    server: Histogram = field(default_factory=Histogram)
    publisher_lag: Histogram = field(default_factory=Histogram)
    loop_lag: Histogram = field(default_factory=Histogram)
    publishing: Publishing = field(default_factory=Publishing)
    requested: int = 0
    subscribed: int = 0
    reconnects: int = 0
    conversations: int = 0
    unexpected: int = 0
    leaked: int = 0
    foreign: int = 0
    negative: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    history: bytes = b""

    def second(self, at_us: int) -> Second:
        """The second of the run's clock that holds the moment `at_us`."""
        number = at_us // SECOND_US
        second = self.seconds.get(number)
        if second is None:
            second = self.seconds[number] = Second()
        return second

    def delivered(self, stamp: Stamp, arrived: list[int]) -> None:
        """Count deliveries of a message: at which moments it arrived, ascending, at least one.

        Many at once, in loops of a line: the hot path of a load run.
        """
        if arrived[0] // SECOND_US == arrived[-1] // SECOND_US:
            self.second(arrived[0]).received += len(arrived)
        else:
            for at_us in arrived:
                self.second(at_us).received += 1
        latencies = [at_us - stamp.intended_us for at_us in arrived]
        if latencies[0] < stamp.lag_us:  # clocks of two hosts that disagree: said, and left out
            latencies = [latency for latency in latencies if latency >= stamp.lag_us]
            self.negative += len(arrived) - len(latencies)
        if latencies:
            self.second(stamp.intended_us).latency.waiting += latencies
            self.server.waiting += [latency - stamp.lag_us for latency in latencies]

    def error(self, text: str) -> None:
        """Count an error by its text, which may come from the wire."""
        text = text[:_LONGEST_ERROR]
        known = text in self.errors or len(self.errors) < _MOST_ERRORS
        key = text if known else "other errors"
        self.errors[key] = self.errors.get(key, 0) + 1

    def lag(self, at_us: int, lag_us: int, watched_us: int) -> None:
        """Note how late the loop woke up at `at_us`, after it was watched for `watched_us`."""
        self.loop_lag.record(lag_us)
        second = self.second(at_us)
        second.watched_us += watched_us
        second.loop_lag_us = max(second.loop_lag_us, lag_us)
        if lag_us > LATE_US:
            second.late_us += lag_us

    def merge(self, other: "Ledger") -> None:
        """Add what another process, or this one later, saw."""
        for number, theirs in other.seconds.items():
            ours = self.seconds.setdefault(number, Second())
            lag = max(ours.loop_lag_us, theirs.loop_lag_us)
            _add(ours, theirs)
            ours.loop_lag_us = lag
        for text, count in other.errors.items():
            self.errors[text] = self.errors.get(text, 0) + count
        self.history += other.history
        _add(self.publishing, other.publishing)
        _add(self, other)

    def to_bytes(self) -> bytes:
        """Pack the ledger for the way from a worker to the master."""
        return _encoder.encode(self)

    @classmethod
    def from_bytes(cls, packed: bytes) -> "Ledger":
        """Unpack what `to_bytes` packed."""
        return _decoder.decode(packed)


def _add(ours: Struct, theirs: Struct) -> None:
    """Add every count and histogram of `theirs` to `ours`; other fields are the caller's."""
    for name in ours.__struct_fields__:
        mine, yours = getattr(ours, name), getattr(theirs, name)
        if isinstance(mine, int):
            setattr(ours, name, mine + yours)
        elif isinstance(mine, Histogram):
            mine.merge(yours)


def _pack(value: Any) -> Any:
    if isinstance(value, Histogram):
        return value.counts, value.highest
    raise NotImplementedError(type(value))


def _unpack(kind: type, value: Any) -> Any:
    if kind is Histogram:
        return Histogram.from_counts(*value)
    raise NotImplementedError(kind)


_encoder = msgspec.msgpack.Encoder(enc_hook=_pack)
_decoder = msgspec.msgpack.Decoder(Ledger, dec_hook=_unpack)
