"""permessage-deflate undone, to look into payloads (RFC 7692, section 7.2.2). No I/O."""

import zlib
from typing import Final

from fakes.network.frames import Frame

__all__ = ["Inflater", "TooMuch"]

_TAIL: Final = b"\x00\x00\xff\xff"
_RAW: Final = -15
"""No zlib header, and the largest window: it reads what a smaller one wrote."""


class TooMuch(Exception):
    """A payload that is no deflated data, or more of it than anybody wants to look into."""


class Inflater:
    """Inflates the frames of one direction, in order, whether anybody looks at them or not.

    One window serves all messages: with context takeover it must, without it is not referred to.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._window = zlib.decompressobj(_RAW)
        self._compressed = False

    def payload(self, frame: Frame) -> bytes:
        """Return a frame's payload, inflated where it was deflated; raises `TooMuch`."""
        if frame.is_control:
            return frame.payload
        if frame.opcode != "continuation":
            self._compressed = frame.is_compressed
        if not self._compressed:
            return frame.payload
        return self._inflate(frame.payload + (_TAIL if frame.is_last else b""))

    def _inflate(self, deflated: bytes) -> bytes:
        inflated = b""
        try:
            while deflated:
                inflated += self._window.decompress(deflated, self._longest + 1 - len(inflated))
                if len(inflated) > self._longest:
                    raise TooMuch
                if not self._window.eof:
                    break
                # A last block (BFINAL) is allowed within a message: section 7.2.3.4.
                deflated = self._window.unused_data
                self._window = zlib.decompressobj(_RAW, zdict=inflated[-32768:])
        except zlib.error:
            raise TooMuch from None
        return inflated
