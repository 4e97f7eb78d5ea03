"""When what goes through one direction comes out: latency, bandwidth, slices, hold. No I/O.

`now` is an argument, in seconds of one monotonic clock. What went in comes out in that order.
"""

from collections import deque
from collections.abc import Callable
from math import inf
from random import Random
from typing import Final, NamedTuple, TypeAlias

from fakes.network.schedule import Bandwidth, Latency, Slice

__all__ = ["Event", "Shaper"]

Event: TypeAlias = Callable[[], None]
"""What happens between two bytes: called when everything before it is out."""

_SMOOTH_HZ: Final = 50
"""A limited line passes on what it has this often, so that it flows and does not gush."""

_EARLY_S: Final = 0.0005
"""Half of the millisecond in which uvloop counts its timers."""


class _Waiting(NamedTuple):
    came: float
    what: bytes | Event
    travels: bool


class Shaper:
    """One direction's queue; `name` makes draws by one seed differ between directions."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: deque[_Waiting] = deque()
        self._next: tuple[float, bytes | Event] | None = None
        self._last_due = 0.0
        self._free_at = 0.0
        self._held_until = 0.0
        self._latency: Latency | None = None
        self._bandwidth: Bandwidth | None = None
        self._slice: Slice | None = None
        self._draw = self._cut = Random(0)
        self.size = 0
        """Bytes in the queue."""

    @property
    def is_clear(self) -> bool:
        """Nothing waits, nothing is shaped: bytes may go straight through."""
        return not (self._queue or self._next or self.is_shaped)

    @property
    def is_shaped(self) -> bool:
        """Whether a latency, a limit, slices or a hold are in force."""
        return bool(self._latency or self._bandwidth or self._slice or self._held_until)

    def shape(self, fault: Latency | Bandwidth | Slice) -> None:
        """Put a fault in force; it takes the place of another one of its kind."""
        match fault:
            case Latency():
                self._latency = fault
                self._draw = Random(f"{fault.seed}/{self._name}")
            case Slice():
                self._slice = fault
                self._cut = Random(f"{fault.seed}/{self._name}")
            case Bandwidth():
                self._bandwidth = fault

    def hold(self, until: float = inf) -> None:
        """Let nothing out before `until`."""
        self._held_until = max(self._held_until, until)

    def release(self, now: float) -> None:
        """End a hold; a limited line does not make up for the time."""
        self._held_until = 0.0
        self._free_at = max(self._free_at, now)

    def clear(self, now: float) -> None:
        """End all that shapes; what waits is due at once."""
        self._latency = self._bandwidth = self._slice = None
        self._last_due = self._free_at = self._held_until = 0.0
        if self._next is not None:
            self._next = now, self._next[1]

    def drop(self) -> None:
        """Forget what waits."""
        self._queue.clear()
        self._next = None
        self.size = 0

    def push(self, what: bytes | Event, now: float, *, travels: bool = True) -> None:
        """Put something behind all that waits; an event that does not travel takes no time."""
        self._queue.append(_Waiting(now, what, travels))
        if isinstance(what, bytes):
            self.size += len(what)

    def due(self) -> float | None:
        """When `pop` has something, None while nothing is going to be."""
        if self._next is None:
            if not self._queue:
                return None
            self._next = self._scheduled(self._queue.popleft())
        due = max(self._next[0], self._held_until)
        return None if due == inf else due

    def pop(self, now: float) -> bytes | Event | None:
        """Return the next that is due, None while nothing is."""
        due = self.due()
        if due is None or due > now + _EARLY_S or self._next is None:
            return None
        if self._held_until:
            self.release(now)
        what = self._next[1]
        self._next = None
        if isinstance(what, bytes):
            self.size -= len(what)
        return what

    def _scheduled(self, waiting: _Waiting) -> tuple[float, bytes | Event]:
        came, what, travels = waiting
        if not isinstance(what, bytes):
            due = came + self._takes() if travels else came
            self._last_due = max(self._last_due, due)
            return self._last_due, what
        piece = self._piece(waiting)
        sent = max(came, self._free_at)
        if self._bandwidth is not None:
            sent += len(piece) / self._bandwidth.bytes_per_s
        self._free_at = sent + (self._slice.pause_ms / 1000 if self._slice else 0.0)
        self._last_due = max(self._last_due, sent + self._takes())
        return self._last_due, piece

    def _takes(self) -> float:
        if self._latency is None:
            return 0.0
        return (self._latency.ms + self._draw.uniform(0, self._latency.jitter_ms)) / 1000

    def _piece(self, waiting: _Waiting) -> bytes:
        """Return what goes out in one go; the rest is put back in front."""
        what = waiting.what
        assert isinstance(what, bytes)
        size = len(what)
        if self._slice is not None:
            size = self._cut.randint(self._slice.size, self._slice.at_most or self._slice.size)
        if self._bandwidth is not None:
            size = min(size, max(1, self._bandwidth.bytes_per_s // _SMOOTH_HZ))
        if size < len(what):
            self._queue.appendleft(waiting._replace(what=what[size:]))
        return what[:size]
