"""What both raw transports have in common: Engine.IO packets, and Socket.IO over them."""

from __future__ import annotations

import abc
import json
from collections.abc import Mapping
from typing import Any, Final, Literal

from chatengine.packets import PacketError
from chatengine.packets.engineio import PacketType as EnginePacketType
from chatengine.packets.engineio import decode as decode_engine
from chatengine.packets.socketio import Decoder, Packet, PacketType
from conformance.deadlines import Deadline
from conformance.outcomes import Nonconforming
from conformance.probes.trace import Trace

__all__ = ["Handshake", "HandshakeRefused", "TransportName", "Wire"]

TransportName = Literal["websocket", "polling"]
Handshake = dict[str, Any]

_QUOTED: Final = 200


class HandshakeRefused(Nonconforming):
    """No session: the HTTP status that a server answered a handshake with, and its body.

    A check that does not expect it has found a server that lets nobody in.
    """

    def __init__(self, status: int, body: str) -> None:
        super().__init__(expected="a session", seen=f"status {status}: {body[:_QUOTED]}")
        self.status = status
        self.body = body

    def __str__(self) -> str:
        return self.seen


class Wire(abc.ABC):
    """An Engine.IO session in the hand of a check. Packets are as on a WebSocket: text or bytes.

    It answers pings, unless `answers_pings` is taken from it, and shows them to nobody. A server
    that is silent to the end of the check raises `Nonconforming`; where a deadline is given,
    silence is for the check to judge: `TimeoutError`.
    """

    transport: TransportName
    handshake: Handshake

    def __init__(self, trace: Trace, deadline: Deadline) -> None:
        self.trace = trace
        self.deadline = deadline
        self.answers_pings = True
        self._decoder = Decoder()

    @abc.abstractmethod
    async def send(self, *packets: str | bytes) -> None:
        """Send packets, in one message each or, over polling, in one payload."""

    async def receive(self, deadline: Deadline | None = None) -> str | bytes | None:
        """Return the next packet; None once the session is over."""
        try:
            return await self._receive(deadline or self.deadline)
        except TimeoutError:
            if deadline is not None:
                raise
        seen = f"nothing within {self.deadline.within_s:g} s"
        raise self.trace.broken(expected="an answer of the server", seen=seen)

    @abc.abstractmethod
    async def _receive(self, deadline: Deadline) -> str | bytes | None:
        """As `receive`; raises `TimeoutError`."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Leave without a word: nothing is waited for."""

    async def packet(self, deadline: Deadline | None = None) -> Packet | None:
        """Return the next Socket.IO packet; None once the session is over.

        Raises `Nonconforming` where the server sends what is none.
        """
        while (received := await self.receive(deadline)) is not None:
            try:
                engine = decode_engine(received)
                if engine.type is EnginePacketType.CLOSE:
                    return None
                if engine.type is not EnginePacketType.MESSAGE:
                    continue
                packet = self._decoder.add(engine.data)
            except PacketError as error:
                raise self.trace.broken(
                    expected="a packet that the protocols know", seen=f"{received!r}: {error}"
                ) from None
            if packet is not None:
                return packet
        return None

    async def connect(self, auth: object = None) -> Packet | None:
        """Send CONNECT; return what answers it: CONNECT, CONNECT_ERROR, an event out of turn.

        None where the session ended instead.
        """
        await self.send("40" if auth is None else f"40{json.dumps(auth)}")
        return await self.packet()

    async def join(self, auth: Mapping[str, object]) -> str:
        """Connect with good credentials; returns the socket's id."""
        answer = await self.connect(auth)
        self.trace.require(
            answer is not None
            and answer.type is PacketType.CONNECT
            and isinstance(answer.data, dict)
            and isinstance(answer.data.get("sid"), str),
            expected="CONNECT with a sid, in answer to a good token",
            seen=answer,
        )
        assert answer is not None
        return str(answer.data["sid"])

    async def emit(self, event: str, *arguments: object, ack: int | None = None) -> None:
        """Send an event, with the id of an acknowledgement where one is asked for."""
        await self.send(f"42{'' if ack is None else ack}{json.dumps([event, *arguments])}")

    async def acknowledgement(self, ack: int) -> Any:
        """Wait for the acknowledgement of that id; returns its arguments. Events are let pass."""
        while (packet := await self.packet()) is not None:
            if packet.type is PacketType.ACK and packet.id == ack:
                return packet.data
        raise self.trace.broken(
            expected=f"the acknowledgement {ack}", seen="the server closed the session"
        )

    async def accepted(self, ack: int) -> None:
        """Wait for the acknowledgement of that id, which has to be `{"ok": true}`."""
        answer = await self.acknowledgement(ack)
        said = answer[0] if answer else None
        self.trace.require(
            isinstance(said, dict) and said.get("ok") is True,
            expected=f'{{"ok": true}} as the acknowledgement {ack}',
            seen=answer,
        )

    async def is_over(self, deadline: Deadline) -> bool:
        """Whether the session ends within the deadline, whatever comes before."""
        try:
            while (received := await self.receive(deadline)) is not None:
                if received == EnginePacketType.CLOSE.value:
                    break
        except TimeoutError:
            return False
        return True
