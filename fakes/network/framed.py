"""One direction of a WebSocket: frames are counted, matched, dropped, repeated and swapped. No I/O.

With permessage-deflate, frames are inflated to look into them and passed on as they came, until the
first is changed. From that one on the direction goes on uncompressed, as RFC 7692 (section 6) lets
any message be: its compressed frames refer to others that the receiver never had, or had twice.
"""

from collections.abc import Iterator
from typing import Final

from fakes.network.compression import Inflater, TooMuch
from fakes.network.frames import Frame, FrameReader
from fakes.network.schedule import Corrupt, Drop, Duplicate, Hold, Swap
from fakes.network.triggers import Armed, Item, Struck

__all__ = ["Framed"]

_LONGEST: Final = 16 * 1024 * 1024
"""A longer frame is counted and passed on in pieces, but nothing else happens to it."""

_CHANGES: Final = (Corrupt, Drop, Duplicate, Swap)


class Framed:
    """Takes bytes, gives frames and pieces as bytes, and a `Struck` where a rule's point is."""

    def __init__(self, *, deflated: bool) -> None:
        self._reader = FrameReader()
        self._inflater = Inflater(_LONGEST) if deflated else None
        self._plain = False
        self._armed: list[Armed] = []
        self._waiting: list[Frame] = []
        self._look()

    @property
    def count(self) -> int:
        """Frames seen so far."""
        return self._reader.count

    def arm(self, armed: Armed) -> None:
        """Put a rule in force for the frames to come."""
        self._armed.append(armed)
        self._look()

    def disarm(self) -> None:
        """Forget all rules; a frame that lets the next one pass still does so."""
        self._armed.clear()
        self._look()

    def feed(self, data: bytes) -> Iterator[Item]:
        """Yield what `data` becomes; has to be read to its end."""
        for read in self._reader.feed(data):
            if isinstance(read, Frame):
                yield from self._frame(read)
                continue
            if self._reader.longest >= 0:
                self._inflater = None  # too long to look into: the window has a gap from here on
            yield read

    def rest(self) -> bytes:
        """Return, at the end of the stream, what was kept back."""
        waiting = b"".join(frame.wire for frame in self._waiting)
        self._waiting.clear()
        return waiting + self._reader.rest()

    def _look(self) -> None:
        """Have whole frames where anything is to be done with them, else pieces as they come."""
        needed = self._armed or self._waiting or self._inflater
        self._reader.longest = _LONGEST if needed else -1

    def _frame(self, frame: Frame) -> Iterator[Item]:
        payload = self._payload(frame)
        struck = self._strikes(frame, payload)
        faults = [each.rule.fault for each in struck]
        if self._inflater and any(isinstance(fault, _CHANGES) for fault in faults):
            self._plain = True
        if self._plain and payload is not None and not frame.is_control:
            frame = frame.plain(payload)
        copies = [frame]
        for fault in faults:
            copies = _changed(copies, fault)
        if any(isinstance(fault, Swap) for fault in faults):
            self._waiting, copies = copies, []
        elif self._waiting and not frame.is_control:
            self._waiting, copies = [], [*copies, *self._waiting]
        self._look()
        behind = [_is_behind(each) for each in struck]
        yield from (each for each, late in zip(struck, behind, strict=True) if not late)
        yield from (copy.wire for copy in copies)
        yield from (each for each, late in zip(struck, behind, strict=True) if late)

    def _payload(self, frame: Frame) -> bytes | None:
        """Return the payload to be matched, None where it cannot be known."""
        if self._inflater is None:
            return None if frame.is_compressed else frame.payload
        try:
            return self._inflater.payload(frame)
        except TooMuch:
            self._inflater = None
            return None

    def _strikes(self, frame: Frame, payload: bytes | None) -> list[Struck]:
        struck = [
            armed.at_frame(self.count)
            for armed in self._armed
            if armed.hits(frame, payload) and self._may(armed) and armed.budget.take()
        ]
        self._armed = [armed for armed in self._armed if not armed.budget.is_spent]
        return struck

    def _may(self, armed: Armed) -> bool:
        """A frame that another one waits for does not wait itself."""
        return not (self._waiting and isinstance(armed.rule.fault, Swap))


def _changed(copies: list[Frame], fault: object) -> list[Frame]:
    match fault:
        case Drop():
            return []
        case Duplicate(times):
            return copies + copies[:1] * times  # several such rules add up; they do not multiply
        case Corrupt(size, mask, offset):
            return [copy.corrupted(offset, size, mask) for copy in copies]
        case _:
            return copies


def _is_behind(struck: Struck) -> bool:
    """Whether a fault happens behind its frame: not in front of it, and not to it."""
    on = struck.rule.on
    in_front = getattr(on, "before", False)
    return not in_front and not isinstance(struck.rule.fault, (Hold, *_CHANGES))
