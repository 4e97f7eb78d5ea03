"""Socket.IO protocol 5: packets and their binary attachments.

Source: the Socket.IO protocol, https://github.com/socketio/socket.io-protocol, revision 5, and
the rules that Node's socket.io-parser 4 adds to it: reserved event names, attachments bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from chatengine.packets.errors import PacketError
from chatengine.packets.jsontext import decode_json, encode_json

__all__ = ["MAX_ATTACHMENTS", "RESERVED_EVENTS", "Decoder", "Packet", "PacketType", "encode"]

MAX_ATTACHMENTS = 10
"""The default of socket.io-parser's `maxAttachments`."""

MAX_ACK_ID = 2**53 - 1
"""Beyond it JavaScript cannot tell two ids apart (Number.MAX_SAFE_INTEGER)."""

RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)


class PacketType(IntEnum):
    """What a packet is for; the value is its first character on the wire.

    The two binary kinds exist on the wire alone: `Decoder` returns EVENT and ACK for them.
    """

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    CONNECT_ERROR = 4
    BINARY_EVENT = 5
    BINARY_ACK = 6


_BINARY_OF = {PacketType.EVENT: PacketType.BINARY_EVENT, PacketType.ACK: PacketType.BINARY_ACK}
_PLAIN_OF = {binary: plain for plain, binary in _BINARY_OF.items()}


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet. `data` by type:

    CONNECT: a dict or None. DISCONNECT: None. EVENT: a list, its first item the event's name
    (a string that is not reserved, or a number). ACK: a list. CONNECT_ERROR: a string or a dict.
    """

    type: PacketType
    namespace: str = "/"
    data: Any = None
    id: int | None = None


def encode(packet: Packet) -> list[str | bytes]:
    """The packet as Engine.IO messages: the text, then its attachments in order.

    Bytes anywhere in the lists and dicts of an EVENT or ACK become attachments (not those inside
    structs). Raises PacketError for what JSON cannot hold and for binary data in other packets.
    """
    attachments: list[bytes] = []
    data = _take_apart(packet.data, attachments)
    kind, count = packet.type, ""
    if attachments:
        if packet.type not in _BINARY_OF:
            raise PacketError(f"a {packet.type.name} packet cannot be binary")
        kind, count = _BINARY_OF[packet.type], f"{len(attachments)}-"
    namespace = "" if packet.namespace == "/" else f"{packet.namespace},"
    ack_id = "" if packet.id is None else str(packet.id)
    body = "" if data is None else encode_json(data)
    return [f"{kind.value}{count}{namespace}{ack_id}{body}", *attachments]


class Decoder:
    """Turns the messages of one connection into packets, collecting attachments on the way."""

    def __init__(self, max_attachments: int = MAX_ATTACHMENTS) -> None:
        self._max_attachments = max_attachments
        self._waiting: Packet | None = None
        self._missing = 0
        self._attachments: list[bytes] = []

    def add(self, message: str | bytes) -> Packet | None:
        """Take the next message; returns a packet once it is whole.

        Raises PacketError for anything malformed, text in the middle of a binary packet and
        binary outside of one included. After an error the decoder must not be used again.
        """
        if isinstance(message, str):
            return self._add_text(message)
        return self._add_attachment(message)

    def _add_text(self, text: str) -> Packet | None:
        if self._waiting is not None:
            raise PacketError("text where a binary attachment was due")
        packet, announced = _decode_text(text)
        if announced is None:
            return packet
        if announced > self._max_attachments:
            raise PacketError(f"more than {self._max_attachments} attachments")
        self._waiting, self._missing, self._attachments = packet, announced, []
        return self._complete() if announced == 0 else None

    def _add_attachment(self, attachment: bytes) -> Packet | None:
        if self._waiting is None:
            raise PacketError("binary data outside of a packet")
        self._attachments.append(attachment)
        self._missing -= 1
        return self._complete() if self._missing == 0 else None

    def _complete(self) -> Packet:
        assert self._waiting is not None
        packet, self._waiting = self._waiting, None
        return replace(packet, data=_put_together(packet.data, self._attachments))


_HEADER = re.compile(
    r"(?P<type>[0-6])(?:(?<=[56])(?P<count>[0-9]{1,10})-)?(?P<namespace>/[^,]*,?)?(?P<id>[0-9]*)"
)


def _decode_text(text: str) -> tuple[Packet, int | None]:
    """The packet, binary kinds made plain, and how many attachments follow a binary one."""
    header = _HEADER.match(text)
    if header is None:
        raise PacketError(f"unknown Socket.IO packet type {text[:1]!r}")
    kind = PacketType(int(header["type"]))
    announced = None
    if kind in _PLAIN_OF:
        if header["count"] is None:
            raise PacketError("a binary packet without its number of attachments")
        kind, announced = _PLAIN_OF[kind], int(header["count"])
    namespace = (header["namespace"] or "/").removesuffix(",")
    data = _decode_data(kind, text[header.end() :])
    return Packet(kind, namespace, data, _decode_id(header["id"])), announced


def _decode_id(digits: str) -> int | None:
    if not digits:
        return None
    if len(digits) > 16 or int(digits) > MAX_ACK_ID:
        raise PacketError("the ack id is too large")
    return int(digits)


def _decode_data(kind: PacketType, text: str) -> Any:
    if not text and kind in (PacketType.CONNECT, PacketType.DISCONNECT):
        return None
    data = decode_json(text)
    if not _is_valid(kind, data):
        raise PacketError(f"invalid data in a {kind.name} packet")
    return data


def _is_valid(kind: PacketType, data: Any) -> bool:
    match kind:
        case PacketType.CONNECT:
            return isinstance(data, dict)
        case PacketType.EVENT:
            return isinstance(data, list) and bool(data) and _is_event_name(data[0])
        case PacketType.ACK:
            return isinstance(data, list)
        case PacketType.CONNECT_ERROR:
            return isinstance(data, str | dict)
        case _:
            return False


def _is_event_name(name: Any) -> bool:
    if isinstance(name, str):
        return name not in RESERVED_EVENTS
    return isinstance(name, int | float) and not isinstance(name, bool)


def _take_apart(value: Any, attachments: list[bytes]) -> Any:
    """A copy of `value` whose bytes were moved to `attachments`, placeholders in their stead."""
    try:
        return _without_bytes(value, attachments)
    except RecursionError as error:
        raise PacketError("nested too deeply") from error


def _without_bytes(value: Any, attachments: list[bytes]) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        attachments.append(bytes(value))
        return {"_placeholder": True, "num": len(attachments) - 1}
    if isinstance(value, dict):
        return {key: _without_bytes(item, attachments) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_bytes(item, attachments) for item in value]
    return value


def _put_together(value: Any, attachments: list[bytes]) -> Any:
    """A copy of `value` with the attachments where their placeholders were."""
    try:
        return _with_bytes(value, attachments)
    except RecursionError as error:
        raise PacketError("nested too deeply") from error


def _with_bytes(value: Any, attachments: list[bytes]) -> Any:
    if isinstance(value, list):
        return [_with_bytes(item, attachments) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("_placeholder") is not True:
        return {key: _with_bytes(item, attachments) for key, item in value.items()}
    number = value.get("num")
    if type(number) is not int or not 0 <= number < len(attachments):
        raise PacketError("a placeholder without its attachment")
    return attachments[number]
