"""One connection to ChatEngine's socket: from the handshake to its loss, over one transport."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Protocol

from engineio.packet import CLOSE
from engineio.packet import Packet as EnginePacket
from msgspec import Struct

from chatengine.client.answers import quoted
from chatengine.client.config import ChatEngineConfig, Transport
from chatengine.client.wire import CLOSE_S, NotConnected, Wire
from chatengine.packets.socketio import Packet, PacketType

__all__ = ["Connection", "ConnectionListener", "End"]

_ADVICE: Final = {
    "unauthorized": "check the token's secret and this machine's clock, or sign in again",
    "forbidden": "check that the token is of this workspace",
}

_BROKEN: Final = "the connection to ChatEngine broke"

_LONGEST_HEARTBEAT_S: Final = 3600.0
"""A server that wants to be silent for longer would not be missed when it is gone."""


class End(Struct, frozen=True, kw_only=True):
    """How a connection ended, or an attempt failed: one sentence, fit for a user.

    `refused`: a server said no to this client. `reached`: something answered at all.
    """

    cause: str
    refused: bool = False
    reached: bool = True


class ConnectionListener(Protocol):
    """Who hears a connection; called in the order in which things came, and must not raise."""

    def joined(self) -> None:
        """The server let us in."""

    def event(self, name: str, payload: object) -> None:
        """An event came; `payload` is its first argument, None where it has none."""


class Connection:
    """Dials once. `open`, then `until_lost`; `close` at the end, whatever happened before."""

    def __init__(
        self, config: ChatEngineConfig, transport: Transport, listener: ConnectionListener
    ) -> None:
        self._config = config
        self._transport = transport
        self._listener: ConnectionListener | None = listener
        self._loop = asyncio.get_running_loop()
        self._joined: asyncio.Future[None] = self._loop.create_future()
        self._end: asyncio.Future[End] = self._loop.create_future()
        self._is_reachable = True
        self._wire = Wire(self._take, self._left, compression=config.compression)

    # in the order of time

    async def open(self, auth: Mapping[str, str]) -> None:
        """Shake hands and join; raises `NotConnected`. It may hang: callers bring a deadline."""
        config = self._config
        await self._wire.open(config.base, config.path, self._transport, auth)
        self._wire.eio.read_loop_task.add_done_callback(lambda _: self._left())
        if not 0 < self._silence_s <= _LONGEST_HEARTBEAT_S:
            raise NotConnected("ChatEngine announced a heartbeat that cannot be kept")
        await self._either(self._joined, None)
        if not self._joined.done():
            end = self._end.result()
            raise NotConnected(end.cause, refused=end.refused)

    async def until_lost(self) -> End:
        """Wait for the end, which silence is too (C-CONN-8).

        python-engineio minds it over WebSocket alone, and there it then waits for its writer, which
        a peer that takes no more bytes blocks. Any byte counts as a sign of life: a packet may take
        longer to come than a silence may last.
        """
        while not self._end.done():
            left_s = self._wire.http.heard_s + self._silence_s - self._loop.time()
            if left_s <= 0:
                self._is_reachable = False
                self._finish(End(cause=f"ChatEngine was silent for {self._silence_s:g} s"))
            await asyncio.wait([self._end], timeout=left_s)
        return self._end.result()

    async def emit(self, event: str, payload: object) -> bool:
        """Hand an event over; False where the connection is not there. Raises what JSON raises."""
        if not self.is_joined:
            return False
        await self._wire.emit(event, payload)
        return True

    async def ask(self, event: str, payload: object, within_s: float) -> object:
        """Emit with an acknowledgement; returns its first value, None if none came in time."""
        if not self.is_joined:
            return None
        answer: asyncio.Future[object] = self._loop.create_future()

        def answered(*values: object) -> None:
            if not answer.done():
                answer.set_result(values[0] if values else None)

        await self._wire.emit(event, payload, callback=answered)
        await self._either(answer, within_s)
        return answer.result() if answer.done() else None

    async def close(self) -> None:
        """Say goodbye where that is possible, and leave no socket and no task."""
        self._listener = None
        try:
            if self._wire.eio.state == "connected" and self._is_reachable:
                await self._goodbye()
        finally:
            self._finish(End(cause="the connection was closed"))
            await self._wire.abort()

    # what others may know

    @property
    def is_joined(self) -> bool:
        """Whether events can go out."""
        return self._joined.done() and not self._end.done()

    @property
    def is_compressed(self) -> bool:
        """Whether permessage-deflate was agreed upon (RFC 7692)."""
        socket = self._wire.http.socket
        return socket is not None and bool(socket.compress)

    @property
    def transport(self) -> Transport:
        """What carries it."""
        return self._transport

    @property
    def malformed(self) -> int:
        """How many packets were dropped because they were none."""
        return self._wire.malformed

    # what comes in

    def _take(self, packet: Packet) -> None:
        match packet.type:
            case PacketType.EVENT:
                self._take_event(packet.data)
            case PacketType.ACK:
                self._wire.acknowledged(packet)
            case PacketType.CONNECT if not self._joined.done():
                self._wire.joined()
                self._joined.set_result(None)
                if self._listener is not None:
                    self._listener.joined()
            case PacketType.CONNECT_ERROR:
                self._finish(End(cause=_refusal(packet.data), refused=True))
            case PacketType.DISCONNECT:
                self._finish(End(cause="ChatEngine ended the connection"))

    def _take_event(self, data: list[Any]) -> None:
        name, *arguments = data
        if self._listener is not None:
            self._listener.event(str(name), arguments[0] if arguments else None)

    def _left(self, reason: str = "") -> None:
        self._is_reachable = False
        by_server = reason == Wire.reason.SERVER_DISCONNECT
        cause = "ChatEngine closed the connection" if by_server else _BROKEN
        self._finish(End(cause=cause))

    def _finish(self, end: End) -> None:
        if not self._end.done():
            self._end.set_result(end)

    # helpers

    @property
    def _silence_s(self) -> float:
        """How long the server may be silent: pingInterval + pingTimeout (Engine.IO 4)."""
        silence: float = self._wire.eio.ping_interval + self._wire.eio.ping_timeout
        return silence

    async def _either(self, wanted: asyncio.Future[Any], within_s: float | None) -> None:
        """Wait for `wanted`, the end of the connection or the end of the time."""
        first = asyncio.FIRST_COMPLETED
        await asyncio.wait([wanted, self._end], timeout=within_s, return_when=first)

    async def _goodbye(self) -> None:
        """Leave the namespace and close the session, or a server that is polled would wait for us.

        The library's own `disconnect` throws away what it has queued.
        """
        engine = self._wire.eio
        if self._joined.done():
            await engine.send(str(PacketType.DISCONNECT.value))
        await engine.queue.put(EnginePacket(CLOSE))
        try:
            async with asyncio.timeout(CLOSE_S):
                await engine.queue.join()
        except TimeoutError:
            return


def _refusal(data: object) -> str:
    """Put a CONNECT_ERROR in a sentence: `{message, data: {code}}`, or what else there may be."""
    said, code = quoted(data), ""
    if isinstance(data, dict):
        said = quoted(data.get("message"))
        inner = data.get("data")
        code = quoted(inner.get("code")) if isinstance(inner, dict) else ""
    words = ", ".join(filter(None, (code, said))) or "without a reason"
    advice = _ADVICE.get(code)
    sentence = f"ChatEngine refused the connection: {words}"
    return sentence if advice is None else f"{sentence} ({advice})"
