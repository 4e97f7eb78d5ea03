"""The two directions of one connection: bytes in, bytes and what happens between them out. No I/O.

Nothing here knows of time or sockets. `feed` is given bytes as they come and yields, in order, the
bytes to pass on and a `Struck` for each rule whose point is reached. Faults that change the bytes
themselves (corrupt, drop, duplicate, swap) are done by then; all others are the caller's.
"""

from bisect import insort
from collections.abc import Iterator
from typing import NamedTuple

from fakes.network.framed import Framed
from fakes.network.schedule import (
    AfterBytes,
    Corrupt,
    Direction,
    Drop,
    Duplicate,
    Hold,
    Rule,
    Swap,
    directions,
)
from fakes.network.triggers import Armed, Budget, Item, Struck
from fakes.network.upgrade import UpgradeWatch

__all__ = ["Streams"]

_IN_EACH_DIRECTION = (Corrupt, Hold, Drop, Duplicate, Swap)


class Streams:
    """Both directions of connection number `number`."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._ways: dict[Direction, _Way] = {"to_client": _Way(), "to_target": _Way()}
        self._upgrade: UpgradeWatch | None = UpgradeWatch()

    def arm(self, rule: Rule) -> list[Struck]:
        """Put a rule in force, counting from here on; returns what is reached already."""
        struck: list[Struck] = []
        budget = Budget(rule)
        from_start = not any(way.passed for way in self._ways.values())
        for direction in directions(rule.on.direction):
            if isinstance(rule.fault, _IN_EACH_DIRECTION):
                budget = Budget(rule)
            armed = Armed(rule, budget, self._number, direction, from_start=from_start)
            struck += self._ways[direction].arm(armed)
        return struck

    def disarm(self) -> None:
        """Forget all rules."""
        for way in self._ways.values():
            way.disarm()

    def feed(self, direction: Direction, data: bytes) -> Iterator[Item]:
        """Yield what `data` becomes; has to be read to its end."""
        way = self._ways[direction]
        if self._upgrade is not None:
            if direction == "to_target":
                self._upgrade.asked()
            elif upgraded := self._upgrade.answered(data):
                self._upgrade = None
                yield from way.feed(data[: upgraded.at])
                for each in self._ways.values():
                    each.begin_frames(deflated=upgraded.deflated)
                data = data[upgraded.at :]
        yield from way.feed(data)

    def finish(self, direction: Direction) -> bytes:
        """Return, at the end of a direction, what was kept back for the rest of a frame."""
        return self._ways[direction].finish()

    def passed(self, direction: Direction) -> int:
        """Bytes that came out so far."""
        return self._ways[direction].passed

    def frames(self, direction: Direction) -> int:
        """WebSocket frames seen so far."""
        return self._ways[direction].frames


class _Mark(NamedTuple):
    """Where among the bytes passed on a rule has its point."""

    at: int
    armed: Armed


class _Spoil(NamedTuple):
    """Bytes that are to be corrupted, by their place among the bytes passed on."""

    start: int
    end: int
    mask: int


class _Way:
    """One direction: through the frames, once there are any; then the bytes are counted."""

    def __init__(self) -> None:
        self.passed = 0
        self._marks: list[_Mark] = []
        self._spoils: list[_Spoil] = []
        self._for_frames: list[Armed] = []
        self._framed: Framed | None = None

    @property
    def frames(self) -> int:
        return 0 if self._framed is None else self._framed.count

    def arm(self, armed: Armed) -> list[Struck]:
        on = armed.rule.on
        if isinstance(on, AfterBytes):
            insort(self._marks, _Mark(self.passed + on.count, armed), key=lambda mark: mark.at)
            return [item for item in self._count(b"") if isinstance(item, Struck)]
        if self._framed is None:
            self._for_frames.append(armed)
        else:
            self._framed.arm(armed)
        return []

    def disarm(self) -> None:
        self._marks.clear()
        self._spoils.clear()
        self._for_frames.clear()
        if self._framed is not None:
            self._framed.disarm()

    def begin_frames(self, *, deflated: bool) -> None:
        self._framed = Framed(deflated=deflated)
        for armed in self._for_frames:
            self._framed.arm(armed)
        self._for_frames.clear()

    def feed(self, data: bytes) -> Iterator[Item]:
        for item in (data,) if self._framed is None else self._framed.feed(data):
            if isinstance(item, bytes):
                yield from self._count(item)
            else:
                yield item

    def finish(self) -> bytes:
        rest = b"" if self._framed is None else self._framed.rest()
        self.passed += len(rest)
        return rest

    def _count(self, data: bytes) -> Iterator[Item]:
        """Pass bytes on, as far as the next point; then say what happens there, and go on."""
        while self._marks and self._marks[0].at <= self.passed + len(data):
            at, armed = self._marks.pop(0)
            step = at - self.passed
            if step:
                yield self._passed(data[:step])
                data = data[step:]
            if armed.budget.take():
                self._spoil(armed.rule, at)
                yield armed.at(AfterBytes(at, armed.direction))
        if data:
            yield self._passed(data)

    def _spoil(self, rule: Rule, at: int) -> None:
        if isinstance(rule.fault, Corrupt):
            start = at + rule.fault.offset
            self._spoils.append(_Spoil(start, start + rule.fault.size, rule.fault.mask))

    def _passed(self, data: bytes) -> bytes:
        begin, self.passed = self.passed, self.passed + len(data)
        if not self._spoils:
            return data
        spoilt = bytearray(data)
        for start, end, mask in self._spoils:
            for index in range(max(start, begin), min(end, self.passed)):
                spoilt[index - begin] ^= mask
        self._spoils = [spoil for spoil in self._spoils if spoil.end > self.passed]
        return bytes(spoilt)
