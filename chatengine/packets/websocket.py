"""WebSocket frames (RFC 6455), built and read, with permessage-deflate (RFC 7692) where granted.

A server's frames are not masked, so one framed message serves every recipient.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from chatengine.packets.errors import PROTOCOL_ERROR, PacketError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "INVALID_TEXT",
    "TOO_BIG",
    "Deflate",
    "Frame",
    "FrameReader",
    "Opcode",
    "frame_close",
    "frame_of",
]

INVALID_TEXT = 1007
TOO_BIG = 1009

_FIN = 0x80
_RSV1 = 0x40
_RESERVED = 0x30
_MASKED = 0x80
_MAX_CONTROL = 125


class Opcode(IntEnum):
    """RFC 6455, 5.2."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


_OPCODES = frozenset(Opcode)


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole message or a control frame, as it was received.

    `data` is a str for TEXT, else bytes; `close_code` is that of a CLOSE frame, if it has one.
    """

    opcode: Opcode
    data: str | bytes
    close_code: int | None = None


def frame_of(
    opcode: Opcode, payload: bytes, mask: bytes = b"", *, compressed: bool = False
) -> bytes:
    """One final frame; a client's has a `mask` of four random bytes, a server's has none."""
    first = _FIN | (_RSV1 if compressed else 0) | opcode
    masked, size = (_MASKED if mask else 0), len(payload)
    if size < 126:
        header = bytes((first, masked | size))
    elif size < 0x10000:
        header = bytes((first, masked | 126)) + size.to_bytes(2, "big")
    else:
        header = bytes((first, masked | 127)) + size.to_bytes(8, "big")
    return header + mask + (_masked(payload, mask) if mask else payload)


def frame_close(code: int | None = None) -> bytes:
    """A server's close frame; without a code the peer reads 1005."""
    return frame_of(Opcode.CLOSE, b"" if code is None else code.to_bytes(2, "big"))


class Deflate:
    """permessage-deflate without context takeover on either side: each message stands alone."""

    _TAIL = b"\x00\x00\xff\xff"  # taken off by the sender, RFC 7692, 7.2.1

    def compress(self, payload: bytes) -> bytes:
        """The payload as it goes into a frame with RSV1."""
        deflater = zlib.compressobj(zlib.Z_BEST_SPEED, wbits=-zlib.MAX_WBITS)
        packed = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)
        return packed.removesuffix(self._TAIL)

    def decompress(self, payload: bytes, limit: int) -> bytes:
        """The message itself; PacketError if it is malformed or longer than `limit` bytes."""
        inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        try:
            message = inflater.decompress(payload + self._TAIL, limit + 1)
        except zlib.error as error:
            raise PacketError(f"bad deflate data: {error}", INVALID_TEXT) from error
        if len(message) > limit:
            raise PacketError(f"a message of more than {limit} bytes", TOO_BIG)
        return message


@dataclass(slots=True)
class _Header:
    opcode: Opcode
    final: bool
    compressed: bool
    size: int
    mask: bytes
    length: int  # of the header itself


class FrameReader:
    """Reads one peer's frames from a stream of bytes and joins fragments.

    `masked` says what the peer must do: True for a client's frames, False for a server's (5.1).
    `max_payload` bounds a message in bytes, before it is buffered and after it is decompressed.
    """

    def __init__(
        self, max_payload: int, *, masked: bool = True, deflate: Deflate | None = None
    ) -> None:
        self._max_payload = max_payload
        self._masked = masked
        self._deflate = deflate
        self._buffer = bytearray()
        self._fragments: list[bytes] = []
        self._fragmented: _Header | None = None
        self._collected = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield what `data` completes. Raises PacketError, with its close code, for a violation.

        After an error the reader must not be used again.
        """
        self._buffer += data
        while (header := self._header()) is not None:
            end = header.length + header.size
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[header.length : end])
            del self._buffer[:end]
            if header.mask:
                payload = _masked(payload, header.mask)
            frame = self._take(header, payload)
            if frame is not None:
                yield frame

    def _header(self) -> _Header | None:
        """The header at the start of the buffer, checked, or None while it is incomplete."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, length = buffer[1] & 0x7F, 2
        if size > 125:
            length = 4 if size == 126 else 10
            if len(buffer) < length:
                return None
            size = int.from_bytes(buffer[2:length], "big")
        opcode, compressed = self._checked(buffer[0], bool(buffer[1] & _MASKED), size)
        mask_at, length = length, length + (4 if self._masked else 0)
        if len(buffer) < length:
            return None
        mask = bytes(buffer[mask_at:length])
        return _Header(opcode, bool(buffer[0] & _FIN), compressed, size, mask, length)

    def _checked(self, first: int, masked: bool, size: int) -> tuple[Opcode, bool]:
        """Opcode and compression of a frame that keeps RFC 6455, 5.1 to 5.5, and our limit."""
        code, final, compressed = first & 0x0F, bool(first & _FIN), bool(first & _RSV1)
        if masked is not self._masked:
            raise PacketError("a frame that is not masked" if self._masked else "a masked frame")
        if code not in _OPCODES:
            raise PacketError(f"unknown opcode {code}")
        opcode = Opcode(code)
        starts = opcode in (Opcode.TEXT, Opcode.BINARY)
        if first & _RESERVED or (compressed and (self._deflate is None or not starts)):
            raise PacketError("a reserved bit is set")
        if opcode >= Opcode.CLOSE:
            if not final or size > _MAX_CONTROL:
                raise PacketError("a control frame that is fragmented or too long")
            return opcode, compressed
        if starts is (self._fragmented is not None):
            raise PacketError("a fragment out of place")
        if self._collected + size > self._max_payload:
            raise PacketError(f"a message of more than {self._max_payload} bytes", TOO_BIG)
        return opcode, compressed

    def _take(self, header: _Header, payload: bytes) -> Frame | None:
        """A whole frame: deliver it, or keep it until its message is complete."""
        if header.opcode is Opcode.CLOSE:
            return _close_frame(payload)
        if header.opcode >= Opcode.CLOSE:
            return Frame(header.opcode, payload)
        first = self._fragmented or header
        if payload:  # endless empty fragments must not take memory
            self._fragments.append(payload)
        self._collected += len(payload)
        if not header.final:
            self._fragmented = first
            return None
        message = b"".join(self._fragments)
        self._fragments, self._fragmented, self._collected = [], None, 0
        if first.compressed and self._deflate is not None:
            message = self._deflate.decompress(message, self._max_payload)
        if first.opcode is Opcode.BINARY:
            return Frame(Opcode.BINARY, message)
        return Frame(Opcode.TEXT, _text(message))


def _close_frame(payload: bytes) -> Frame:
    if not payload:
        return Frame(Opcode.CLOSE, b"")
    code = int.from_bytes(payload[:2], "big")
    allowed = 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
    if len(payload) == 1 or not allowed:
        raise PacketError("an invalid close frame", PROTOCOL_ERROR)
    _text(payload[2:])
    return Frame(Opcode.CLOSE, payload[2:], code)


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise PacketError("text that is not UTF-8", INVALID_TEXT) from error


def _masked(payload: bytes, mask: bytes) -> bytes:
    """XOR with the repeated mask, as one big integer: 100 times faster than a loop over bytes."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    number = int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")
    return number.to_bytes(size, "little")
