"""One connection through the proxy: two legs, a lane each way, and the faults that meet it."""

import asyncio
import socket
import time
from collections.abc import Iterator
from math import inf
from typing import Final, Protocol

from msgspec.structs import replace

from fakes.network.lane import Lane
from fakes.network.leg import Leg
from fakes.network.record import By
from fakes.network.schedule import (
    AfterBytes,
    Bandwidth,
    Corrupt,
    Cut,
    Direction,
    Directions,
    HalfOpen,
    Heal,
    Hold,
    Latency,
    Release,
    Reset,
    Rule,
    Slice,
    directions,
)
from fakes.network.streams import Streams
from fakes.network.triggers import Item, Struck

__all__ = ["Link", "LinkOwner"]

_LINGER_S: Final = 2.0
"""How long after a cut a peer may take to close its side; then it is closed for it."""


class LinkOwner(Protocol):
    """Whoever keeps the links."""

    def fired(self, rule: Rule, by: By) -> None:
        """A fault happened; `rule` is pinned to where."""

    def gone(self, link: "Link") -> None:
        """Both sockets are closed."""


class _Side:
    """What a leg's peer does, told to the lane that it sends into and the one it gets from."""

    def __init__(self, link: "Link", sends: Direction, gets: Direction) -> None:
        self._link = link
        self._sends: Direction = sends
        self._gets: Direction = gets

    def received(self, data: bytes) -> None:
        self._link.lanes[self._sends].received(data)

    def ended(self) -> None:
        self._link.ended(self._sends)

    def lost(self) -> None:
        self._link.lost(self._sends)

    def writable(self) -> None:
        self._link.lanes[self._gets].pump()

    def closed(self) -> None:
        self._link.lanes[self._gets].pump()
        self._link.closed()


class Link:
    """Connection `number`, between two connected sockets, which it owns; begins with `start`."""

    def __init__(
        self, number: int, client: socket.socket, target: socket.socket, owner: LinkOwner
    ) -> None:
        self.number = number
        self.streams = Streams(number)
        self._owner = owner
        self._client = Leg(client, _Side(self, "to_target", "to_client"))
        self._target = Leg(target, _Side(self, "to_client", "to_target"))
        self.lanes: dict[Direction, Lane] = {
            "to_target": self._lane("to_target", self._client, self._target),
            "to_client": self._lane("to_client", self._target, self._client),
        }
        self._moved: dict[Direction, float] = dict.fromkeys(self.lanes, time.monotonic())
        self._waits: set[asyncio.TimerHandle] = set()
        self._linger: asyncio.TimerHandle | None = None
        self._has_begun = False
        self._is_cut = False
        self._is_over = False

    def _lane(self, direction: Direction, source: Leg, sink: Leg) -> Lane:
        def feed(data: bytes) -> Iterator[Item]:
            self._moved[direction] = time.monotonic()
            return self.streams.feed(direction, data)

        return Lane(f"{self.number}/{direction}", feed, self._struck, source, sink)

    @property
    def is_half_open(self) -> bool:
        """Whether one direction at least is swallowed."""
        return not self._is_cut and any(lane.is_silent for lane in self.lanes.values())

    @property
    def is_touched(self) -> bool:
        """Whether there is something to heal."""
        return self.is_half_open or any(lane.is_shaped for lane in self.lanes.values())

    def start(self) -> None:
        """Read from both peers."""
        self._has_begun = True
        for leg in (self._client, self._target):
            leg.resume()

    def arm(self, rule: Rule, by: By = "schedule") -> None:
        """Put a rule in force from here on; what is reached already happens now."""
        for struck in self.streams.arm(rule):
            self._struck(struck._replace(pin=self._pin_to_now(struck)), by)

    def disarm(self) -> None:
        """Forget all rules, those too that only wait for their moment."""
        self.streams.disarm()
        for timer in self._waits:
            timer.cancel()
        self._waits.clear()

    def close(self) -> None:
        """Close both sockets."""
        self._client.close()
        self._target.close()

    def _pin_to_now(self, struck: Struck) -> Rule:
        """Pin a fault that happens at a moment, not at a point: so long after what last moved."""
        if not self._has_begun:
            return struck.pin
        fault, direction = struck.rule.fault, struck.direction
        if not isinstance(fault, (Corrupt, Hold)):
            direction = max(self._moved, key=self._moved.__getitem__)
        idle_ms = int((time.monotonic() - self._moved[direction]) * 1000)
        return replace(
            struck.pin,
            on=AfterBytes(self.streams.passed(direction), direction),
            wait_ms=0 if isinstance(fault, Corrupt) else struck.rule.wait_ms + idle_ms,
        )

    # What peers do

    def ended(self, direction: Direction) -> None:
        """No more comes in this direction: passed on as a FIN, behind what is on its way."""
        lane, source, sink = self._of(direction)
        if self._is_cut:
            return  # the leg closes itself once its own FIN is out
        if not lane.is_silent:
            lane.pass_on(self.streams.finish(direction))
            lane.then(sink.finish)
        if self.is_half_open:
            source.close()  # as in `_silence`

    def lost(self, direction: Direction) -> None:
        """The source was reset: passed on as a RST, behind what is on its way."""
        lane, _, sink = self._of(direction)
        if not lane.is_silent:
            lane.then(sink.reset)

    def closed(self) -> None:
        """One leg is closed; the link is gone with the second."""
        if self._is_over or not (self._client.is_closed and self._target.is_closed):
            return
        self._is_over = True
        self.disarm()
        if self._linger is not None:
            self._linger.cancel()
        self._owner.gone(self)

    def _of(self, direction: Direction) -> tuple[Lane, Leg, Leg]:
        legs = (self._client, self._target)
        source, sink = legs if direction == "to_target" else legs[::-1]
        return self.lanes[direction], source, sink

    # Faults

    def _struck(self, struck: Struck, by: By = "schedule") -> None:
        if not struck.rule.wait_ms:
            self._carry_out(struck, by)
            return

        def happen() -> None:
            self._waits.discard(timer)
            self._carry_out(struck, by)

        timer = asyncio.get_running_loop().call_later(struck.rule.wait_ms / 1000, happen)
        self._waits.add(timer)

    def _carry_out(self, struck: Struck, by: By) -> None:
        if self._is_over or (self._is_cut and not isinstance(struck.rule.fault, Reset)):
            return
        self._owner.fired(struck.pin, by)
        match struck.rule.fault:
            case Latency() | Bandwidth() | Slice() as fault:
                for lane in self._lanes(fault.direction):
                    lane.shape(fault)
            case Hold(ms):
                self.lanes[struck.direction].hold(inf if ms is None else ms / 1000)
            case Release(direction):
                for lane in self._lanes(direction):
                    lane.release()
            case HalfOpen(direction):
                self._silence(direction)
            case Cut():
                self._cut()
            case Reset():
                self._reset()
            case Heal():
                self._heal()
            case _:
                pass  # it changed the bytes, and is done

    def _lanes(self, given: Directions) -> list[Lane]:
        return [self.lanes[direction] for direction in directions(given)]

    def _silence(self, direction: Directions) -> None:
        for lane in self._lanes(direction):
            lane.silence()
        for leg in (self._client, self._target):
            if leg.has_ended:
                leg.close()  # nobody is going to answer its FIN

    def _cut(self) -> None:
        self._is_cut = True
        self.disarm()
        for lane in self.lanes.values():
            lane.silence()
        self._linger = asyncio.get_running_loop().call_later(_LINGER_S, self.close)
        for leg in (self._client, self._target):
            leg.finish()

    def _reset(self) -> None:
        for lane in self.lanes.values():
            lane.silence()
        self._client.reset()
        self._target.reset()

    def _heal(self) -> None:
        if self.is_half_open:
            self._reset()
            return
        for lane in self.lanes.values():
            lane.clear()
