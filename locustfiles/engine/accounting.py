"""What had to arrive at a subscription, and what became of it.

Pure: the moments at which a subscription was live, the streams published to its conversation and
its receipts go in, counts come out. All moments are microseconds of the run's clock.

A message *had to arrive* when it was meant for a moment at which the subscription was live: after
its acknowledgement had come, and not so shortly before its end that it may still have been on its
way (`settle_us`). It was posted no earlier than it was meant for, so this never asks for too much.
A message that the server did not accept need not arrive.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from itertools import zip_longest

from msgspec import Struct, field

from locustfiles.engine.clock import SECOND_US
from locustfiles.engine.receipts import Receipts
from locustfiles.engine.schedule import Stream

__all__ = ["Ending", "Tally", "Window", "account"]

_FOREVER = 1 << 62


class Ending(Enum):
    """Why a subscription stopped being live."""

    LEFT = "left"  # unsubscribed, or the user stopped: nobody waits for what comes after
    DROPPED = "dropped"  # the connection was lost: what comes after is missed


class Window(Struct):
    """A time in which a subscription was live: from its acknowledgement to its end, if any."""

    start_us: int
    end_us: int | None = None
    ending: Ending | None = None


class Tally(Struct):
    """Counts of messages, over one subscription or many: add them up with `+`.

    `expected` had to arrive or arrived anyway; `received` arrived, each counted once; `lost` had to
    and did not (`lost_by_second`: by the second of the run's clock it was meant for). `missed` fell
    into a time without connection and was not sent again, which Socket.IO does not promise: it is
    neither expected nor lost.
    """

    expected: int = 0
    received: int = 0
    lost: int = 0
    missed: int = 0
    duplicates: int = 0
    out_of_order: int = 0
    lost_by_second: dict[int, int] = field(default_factory=dict)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            expected=self.expected + other.expected,
            received=self.received + other.received,
            lost=self.lost + other.lost,
            missed=self.missed + other.missed,
            duplicates=self.duplicates + other.duplicates,
            out_of_order=self.out_of_order + other.out_of_order,
            lost_by_second=dict(Counter(self.lost_by_second) + Counter(other.lost_by_second)),
        )


def account(windows: Sequence[Window], stream: Stream, receipts: Receipts, settle_us: int) -> Tally:
    """Count what one stream owed one subscription, whose `windows` ascend."""
    had_to = _sequences(stream, _required(windows, settle_us))
    missable = _sequences(stream, _gaps(windows, settle_us))
    received = receipts.count(0, stream.count)
    lost = Counter(
        stream.schedule.intended_us(n) // SECOND_US for n in _absent(had_to, stream, receipts)
    )
    return Tally(
        expected=received + lost.total(),
        received=received,
        lost=lost.total(),
        missed=sum(1 for _ in _absent(missable, stream, receipts)),
        duplicates=receipts.duplicates,
        out_of_order=receipts.out_of_order,
        lost_by_second=dict(lost),
    )


def _required(windows: Iterable[Window], settle_us: int) -> Iterator[tuple[int, int]]:
    """The times whose messages had to arrive, each from its first moment to before its last."""
    for window in windows:
        end = _FOREVER if window.end_us is None else window.end_us - settle_us
        if end > window.start_us:
            yield window.start_us, end


def _gaps(windows: Sequence[Window], settle_us: int) -> Iterator[tuple[int, int]]:
    """The times whose messages a lost connection cost: from what was on its way to the return."""
    for window, following in zip_longest(windows, windows[1:]):
        if window.ending is Ending.DROPPED and window.end_us is not None:
            start = max(window.start_us, window.end_us - settle_us)
            yield start, _FOREVER if following is None else following.start_us


def _sequences(stream: Stream, times: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Times as ranges of the stream's sequence numbers."""
    first = stream.schedule.first_at_or_after
    bounds = (
        (min(first(start), stream.count), stream.count if end == _FOREVER else first(end))
        for start, end in times
    )
    return [(start, min(end, stream.count)) for start, end in bounds]


def _absent(ranges: Iterable[tuple[int, int]], stream: Stream, receipts: Receipts) -> Iterator[int]:
    """The accepted messages within `ranges` that did not arrive."""
    unaccepted = frozenset(stream.unaccepted)
    for start, end in ranges:
        for first, last in receipts.gaps(start, end):
            yield from (n for n in range(first, last) if n not in unaccepted)
