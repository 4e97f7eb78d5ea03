"""One direction of a connection: from the leg that reads, through a shaper, to one that writes."""

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial
from math import inf
from typing import Final

from fakes.network.leg import Leg
from fakes.network.schedule import Bandwidth, Latency, Slice
from fakes.network.shaping import Event, Shaper
from fakes.network.triggers import Item, Struck

__all__ = ["Lane"]

_LIMIT: Final = 256 * 1024
"""Bytes that wait here before their sender does: 100 ms of latency let 2.6 MB/s through."""

_AT_ONCE: Final = 256
"""Pieces sent before others get their turn: each is a call of the kernel, some 5 us."""


class Lane:
    """Bytes go through `feed`; what is struck among them happens behind what came before it."""

    def __init__(
        self,
        name: str,
        feed: Callable[[bytes], Iterator[Item]],
        strike: Callable[[Struck], None],
        source: Leg,
        sink: Leg,
    ) -> None:
        self._feed = feed
        self._strike = strike
        self._source = source
        self._sink = sink
        self._shaper = Shaper(name)
        self._timer: asyncio.TimerHandle | None = None
        self.is_silent = False

    @property
    def is_shaped(self) -> bool:
        """Whether a latency, a limit, slices or a hold are in force."""
        return self._shaper.is_shaped

    def received(self, data: bytes) -> None:
        """Pass on what came from the source; what is swallowed is counted, too."""
        ready: list[bytes] = []
        for item in self._feed(data):
            if isinstance(item, bytes):
                ready.append(item)
                continue
            self.pass_on(b"".join(ready))
            ready.clear()
            self.then(partial(self._strike, item), travels=False)
        self.pass_on(b"".join(ready))
        self._regulate()

    def then(self, event: Event, *, travels: bool = True) -> None:
        """Have something happen behind all that came; one that travels is as late as bytes are."""
        if self._shaper.is_clear:
            event()
        else:
            self._shaper.push(event, time.monotonic(), travels=travels)
            self.pump()

    def shape(self, fault: Latency | Bandwidth | Slice) -> None:
        """Shape what comes from now on, and what waits and has no moment yet."""
        self._shaper.shape(fault)

    def hold(self, seconds: float = inf) -> None:
        """Let nothing out for so long."""
        self._shaper.hold(time.monotonic() + seconds)

    def release(self) -> None:
        """End a hold."""
        self._shaper.release(time.monotonic())
        self.pump()

    def clear(self) -> None:
        """End all that shapes."""
        self._shaper.clear(time.monotonic())
        self.pump()

    def silence(self) -> None:
        """Swallow what waits and what comes."""
        self.is_silent = True
        self._shaper.drop()
        self._cancel_timer()
        self._source.resume()

    def pass_on(self, data: bytes) -> None:
        """Send bytes, or have them wait with those before them."""
        if not data or self.is_silent:
            return
        if self._shaper.is_clear:
            self._sink.write(data)
        else:
            self._shaper.push(data, time.monotonic())
            self.pump()

    def pump(self) -> None:
        """Send what is due, as far as the sink takes it."""
        self._cancel_timer()
        now = time.monotonic()
        for _ in range(_AT_ONCE):
            what = None if self._sink.is_blocked else self._shaper.pop(now)
            if what is None:
                break
            if isinstance(what, bytes):
                self._sink.write(what)
            else:
                what()
        self._set_timer(now)
        self._regulate()

    def _set_timer(self, now: float) -> None:
        due = self._shaper.due()
        if due is not None and not self._sink.is_blocked and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, due - now), self.pump)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _regulate(self) -> None:
        """Backpressure: whoever is too fast is not read, and its own kernel makes it wait."""
        if self.is_silent:
            return
        if self._sink.is_blocked or self._shaper.size > _LIMIT:
            self._source.pause()
        else:
            self._source.resume()
