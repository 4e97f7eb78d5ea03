"""What is sent: a packet that is encoded and framed once, however many peers it goes to."""

from __future__ import annotations

from functools import cached_property

from chatengine.packets.engineio import Packet, PacketType, encode, encode_text
from chatengine.packets.websocket import Opcode, frame_of

__all__ = ["CLOSE", "NOOP", "PING", "PROBE_ANSWER", "Outbound", "message"]


class Outbound:
    """One Engine.IO packet on its way out. Each form is made when first asked for."""

    def __init__(self, packet: Packet) -> None:
        self._packet = packet

    @cached_property
    def text(self) -> str:
        """The form for a polling payload."""
        return encode_text(self._packet)

    @cached_property
    def opcode(self) -> Opcode:
        """Whether the WebSocket message is text or binary."""
        return Opcode.BINARY if isinstance(self._packet.data, bytes) else Opcode.TEXT

    @cached_property
    def payload(self) -> bytes:
        """The WebSocket message, bare."""
        encoded = encode(self._packet)
        return encoded if isinstance(encoded, bytes) else encoded.encode()

    @cached_property
    def frame(self) -> bytes:
        """The WebSocket message in its frame, for every peer without compression."""
        return frame_of(self.opcode, self.payload)


def message(data: str | bytes) -> Outbound:
    """A MESSAGE packet."""
    return Outbound(Packet(PacketType.MESSAGE, data))


CLOSE = Outbound(Packet(PacketType.CLOSE))
NOOP = Outbound(Packet(PacketType.NOOP))
PING = Outbound(Packet(PacketType.PING))
PROBE_ANSWER = Outbound(Packet(PacketType.PONG, "probe"))
