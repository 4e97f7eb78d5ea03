"""WebSocket bytes as a peer writes and reads them, apart from the code under test."""

import zlib
from collections.abc import Iterable, Iterator
from itertools import cycle, pairwise

__all__ = ["CLIENT_HELLO", "Compressor", "accepted", "frame", "receive", "sliced"]

CLIENT_HELLO = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

OPCODES = {"continuation": 0, "text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}


def accepted(extensions: str = "") -> bytes:
    """The answer 101, with the extensions agreed on."""
    agreed = f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else ""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\n"
        + agreed.encode()
        + b"\r\n"
    )


def frame(
    payload: bytes,
    opcode: str = "text",
    *,
    key: bytes = b"",
    last: bool = True,
    compressed: bool = False,
) -> bytes:
    """One frame; masked with `key` where one is given."""
    first = OPCODES[opcode] | (0x80 if last else 0) | (0x40 if compressed else 0)
    size, bit = len(payload), 0x80 if key else 0
    if size < 126:
        length = bytes((bit | size,))
    elif size < 65536:
        length = bytes((bit | 126,)) + size.to_bytes(2, "big")
    else:
        length = bytes((bit | 127,)) + size.to_bytes(8, "big")
    return bytes((first,)) + length + key + _masked(payload, key)


def _masked(payload: bytes, key: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(payload, cycle(key), strict=False)) if key else payload


class Compressor:
    """Deflates messages with context takeover, as both peers do by default (RFC 7692, 7.1.1)."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(wbits=-15)

    def frame(self, payload: bytes, *, key: bytes = b"") -> bytes:
        """One message in one compressed frame."""
        deflated = self._deflate.compress(payload) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return frame(deflated[:-4], key=key, compressed=True)


def receive(wire: bytes) -> Iterator[bytes]:
    """The payloads of whole messages as a peer with permessage-deflate reads them."""
    inflate = zlib.decompressobj(-15)
    while wire:
        compressed, masked, length, head = wire[0] & 0x40, wire[1] & 0x80, wire[1] & 0x7F, 2
        if length > 125:
            more = 2 if length == 126 else 8
            length, head = int.from_bytes(wire[2 : 2 + more], "big"), 2 + more
        key = wire[head : head + 4] if masked else b""
        head += len(key)
        payload = _masked(wire[head : head + length], key)
        assert len(payload) == length
        yield inflate.decompress(payload + b"\x00\x00\xff\xff") if compressed else payload
        wire = wire[head + length :]


def sliced(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """`data` in pieces, cut at these places."""
    places = [0, *sorted({cut for cut in cuts if 0 < cut < len(data)}), len(data)]
    return [data[a:b] for a, b in pairwise(places) if a < b]
