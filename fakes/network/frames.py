"""WebSocket frames out of a stream of bytes (RFC 6455, section 5.2). No I/O.

Bytes are never changed here and never lost: what goes in comes out, as whole frames or as pieces
that are passed on as they are, in order.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from fakes.network.schedule import Opcode

__all__ = ["Frame", "FrameReader", "unmask"]

_NAMES: Final[dict[int, Opcode]] = {
    0x0: "continuation", 0x1: "text", 0x2: "binary", 0x8: "close", 0x9: "ping", 0xA: "pong",
}  # fmt: skip
_FIN: Final = 0x80
_RSV1: Final = 0x40
_OPCODE: Final = 0x0F
_CONTROL: Final = 0x08
_MASKED: Final = 0x80
_LENGTH: Final = 0x7F
_LENGTH_16: Final = 126
_LENGTH_64: Final = 127


def unmask(payload: bytes, key: bytes) -> bytes:
    """Mask or unmask (section 5.3): XOR with `key` (4 bytes) over and over."""
    size = len(payload)
    keys = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")).to_bytes(size, "big")


class Frame(NamedTuple):
    """One frame as it was on the wire; `head` is the size of its header, mask included."""

    wire: bytes
    head: int

    @property
    def opcode(self) -> Opcode | None:
        """What it is, None for an opcode that is reserved."""
        return _NAMES.get(self.wire[0] & _OPCODE)

    @property
    def is_control(self) -> bool:
        """Close, ping or pong: it may stand between the frames of one message (section 5.4)."""
        return bool(self.wire[0] & _CONTROL)

    @property
    def is_last(self) -> bool:
        """The last frame of its message."""
        return bool(self.wire[0] & _FIN)

    @property
    def is_compressed(self) -> bool:
        """The first frame of a compressed message (RFC 7692, section 6)."""
        return bool(self.wire[0] & _RSV1)

    @property
    def key(self) -> bytes:
        """The masking key, empty where there is none."""
        return self.wire[self.head - 4 : self.head] if self.wire[1] & _MASKED else b""

    @property
    def payload(self) -> bytes:
        """The payload, unmasked; compressed as it is."""
        payload = self.wire[self.head :]
        key = self.key
        return unmask(payload, key) if key else payload

    def plain(self, payload: bytes) -> "Frame":
        """The same frame with another payload, not compressed; with its own masking key."""
        size, key = len(payload), self.key
        bit = _MASKED if key else 0
        if size < _LENGTH_16:
            length = bytes((bit | size,))
        elif size < 1 << 16:
            length = bytes((bit | _LENGTH_16,)) + size.to_bytes(2, "big")
        else:
            length = bytes((bit | _LENGTH_64,)) + size.to_bytes(8, "big")
        head = bytes((self.wire[0] & ~_RSV1,)) + length + key
        return Frame(head + (unmask(payload, key) if key else payload), len(head))

    def corrupted(self, offset: int, size: int, mask: int) -> "Frame":
        """The same frame with `size` bytes of its payload, from `offset` on, XORed with `mask`."""
        wire = bytearray(self.wire)
        start = self.head + offset
        wire[start : start + size] = bytes(byte ^ mask for byte in wire[start : start + size])
        return Frame(bytes(wire), self.head)


class FrameReader:
    """Cuts one direction's bytes into frames; `longest` may be set between two calls.

    Frames with a payload of up to `longest` bytes come out whole, as `Frame`; longer ones in pieces
    as they come in, though counted. With a `longest` of -1 all do, and nothing is copied.
    """

    def __init__(self, longest: int = -1) -> None:
        self.longest = longest
        self.count = 0
        """Frames begun so far."""
        self._kept = bytearray()
        self._needed = 0
        self._passing = 0

    def feed(self, data: bytes) -> Iterator[Frame | bytes]:
        """Yield the frames and pieces that `data` completes; has to be read to its end."""
        if self._kept:
            self._kept += data
            if len(self._kept) < self._needed:
                return
            data = bytes(self._kept)
            self._kept.clear()
        start = at = 0  # data[start:at] is a piece that has been read but not handed out
        while at < len(data):
            if self._passing:
                step = min(self._passing, len(data) - at)
                self._passing -= step
                at += step
                continue
            head, size = _measure(data, at)
            if size and size - head > self.longest:
                self._passing = size
                self.count += 1
                continue
            if not size or len(data) - at < size:
                self._needed = size or head
                break
            if start < at:
                yield data[start:at]
            self.count += 1
            yield Frame(data[at : at + size], head)
            start = at = at + size
        if start < at:
            yield data[start:at]
        self._kept += data[at:]

    def rest(self) -> bytes:
        """Return, at the end of the stream, what never became a frame."""
        rest = bytes(self._kept)
        self._kept.clear()
        return rest


def _measure(data: bytes, at: int) -> tuple[int, int]:
    """Return the size of the header at `at`, and of the frame; 0 while the header is not whole."""
    available = len(data) - at
    if available < 2:
        return 2, 0
    length = data[at + 1] & _LENGTH
    extended = 2 if length == _LENGTH_16 else 8 if length == _LENGTH_64 else 0
    head = 2 + extended + (4 if data[at + 1] & _MASKED else 0)
    if available < head:
        return head, 0
    if extended:
        length = int.from_bytes(data[at + 2 : at + 2 + extended], "big")
    return head, head + length
