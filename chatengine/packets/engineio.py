"""Engine.IO protocol 4: packets, and the payloads in which polling carries several.

Source: the Engine.IO protocol, https://github.com/socketio/engine.io-protocol, revision 4.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import Enum

from chatengine.packets.errors import PacketError

__all__ = [
    "Packet",
    "PacketType",
    "decode",
    "decode_payload",
    "encode",
    "encode_text",
]

SEPARATOR = "\x1e"
BASE64_PREFIX = "b"


class PacketType(Enum):
    """What a packet is for; the value is its first character on the wire."""

    OPEN = "0"
    CLOSE = "1"
    PING = "2"
    PONG = "3"
    MESSAGE = "4"
    UPGRADE = "5"
    NOOP = "6"


_TYPES = {kind.value: kind for kind in PacketType}


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet; only a MESSAGE may carry bytes."""

    type: PacketType
    data: str | bytes = ""


def encode(packet: Packet) -> str | bytes:
    """What goes into one WebSocket message: text, or the bare bytes of a binary message.

    Raises PacketError for bytes in anything but a MESSAGE.
    """
    if isinstance(packet.data, str):
        return packet.type.value + packet.data
    if packet.type is not PacketType.MESSAGE:
        raise PacketError(f"a {packet.type.name} packet cannot be binary")
    return packet.data


def encode_text(packet: Packet) -> str:
    """The packet as text: as in `encode`, but bytes in base64 behind a `b`."""
    encoded = encode(packet)
    if isinstance(encoded, str):
        return encoded
    return BASE64_PREFIX + base64.b64encode(encoded).decode("ascii")


def decode(encoded: str | bytes) -> Packet:
    """Read one WebSocket message, or one part of a payload.

    Raises PacketError for an empty text, an unknown type and bad base64.
    """
    if isinstance(encoded, bytes):
        return Packet(PacketType.MESSAGE, encoded)
    first, rest = encoded[:1], encoded[1:]
    if first == BASE64_PREFIX:
        return Packet(PacketType.MESSAGE, _decode_base64(rest))
    kind = _TYPES.get(first)
    if kind is None:
        raise PacketError(f"unknown Engine.IO packet type {first!r}")
    return Packet(kind, rest)


def decode_payload(payload: str) -> list[Packet]:
    """Read the body of one poll or POST; PacketError if any of its packets is malformed."""
    return [decode(part) for part in payload.split(SEPARATOR)]


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PacketError(f"bad base64: {error}") from error
