"""python-socketio's `AsyncClient`, made fit for servers that are silent, strange or hostile.

What it lacks for us, seen in python-socketio 5.18 and python-engineio 4.15:

- a task for each packet received: here they are taken in place, in their order;
- a malformed packet raises in such a task, and a binary packet whose attachments never come
  swallows what follows: here both are dropped and counted, and the next one is handled;
- an event called "connect" or "disconnect" would call the handlers of those: it is malformed here;
- polling reads a body without a bound, and at most 16 packets of it;
- what went wrong in a handshake is told as "Connection error": here it is `NotConnected`;
- its log lines hold whole packets, the token among them: it has no log here.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

import engineio
import socketio
from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    TCPConnector,
    TraceConfig,
    TraceRequestEndParams,
    TraceRequestRedirectParams,
    WSMsgType,
    WSServerHandshakeError,
    hdrs,
)
from aiohttp.connector import AddrInfoType
from engineio.packet import CLOSE
from engineio.packet import Packet as EnginePacket
from engineio.payload import Payload
from msgspec import Struct

from chatengine.client.answers import TooLong, read_bounded, unreachable
from chatengine.client.overhearing import overhear
from chatengine.packets.errors import PacketError
from chatengine.packets.socketio import Decoder, Packet

__all__ = ["CLOSE_S", "NotConnected", "Wire"]

CLOSE_S: Final = 0.5
"""How long a polite close may take; a peer that is gone must not hold a stop up."""

_MOST_BYTES: Final = 16 * 1024 * 1024
"""A message, or a polling body, above it ends the connection before it fills the memory. The
longest text of WhatsApp is 65,536 characters."""

_AGAIN_S: Final = 0.05
"""After which a task that has not ended is cancelled once more; most end in the same moment."""

_AT_ONCE: Final = 50
"""Packets of a burst, some milliseconds, until everything else in the process has its turn."""

_REFUSALS: Final = (401, 403)

_DATA: Final = (WSMsgType.TEXT, WSMsgType.BINARY)

_silent = logging.getLogger(f"{__name__}.library")
_silent.setLevel(logging.CRITICAL)

# The library's only way to set it is for the whole process. A burst fills one body with packets.
Payload.max_decode_packets = 100_000


class NotConnected(Exception):
    """An attempt that failed, and what to do about it.

    `refused` where a server said that this client may not, `reached` where there was one at all.
    """

    def __init__(self, sentence: str, *, refused: bool = False, reached: bool = True) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.refused = refused
        self.reached = reached


class _Answer(Struct, frozen=True):
    """A response as python-engineio reads it."""

    status: int
    body: bytes

    async def read(self) -> bytes:
        return self.body


class _Http:
    """The aiohttp session as python-engineio uses it, bounded; it remembers the WebSocket.

    `heard_s` is when the server was last heard, in the loop's time.
    """

    def __init__(self, *, compression: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self.heard_s = self._loop.time()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        trace = TraceConfig()
        trace.on_request_redirect.append(_forbid)  # the only way to forbid them to a WebSocket
        trace.on_request_end.append(self._answered)  # and the only one to its transport
        self._session = ClientSession(
            connector=TCPConnector(socket_factory=self._new_socket), trace_configs=[trace]
        )
        self._compress = 15 if compression else 0  # the window's bits, RFC 7692, 7.1.2
        self.socket: ClientWebSocketResponse | None = None

    @property
    def closed(self) -> bool:
        return self._session.closed

    async def ws_connect(self, url: str, headers: Mapping[str, str], **_: Any) -> Any:
        try:
            self.socket = await self._session.ws_connect(
                url,
                headers=headers,
                compress=self._compress,
                max_msg_size=_MOST_BYTES,
                timeout=ClientWSTimeout(ws_close=CLOSE_S),
            )
        except (ClientError, OSError) as error:
            raise _not_connected(error) from None
        return self.socket

    async def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, body: Any, timeout_s: float
    ) -> _Answer:
        """Make one polling call; raises ClientError, OSError or `TooLong`."""
        async with self._session.request(
            method, url, headers=headers, data=body, timeout=ClientTimeout(total=timeout_s)
        ) as response:
            # What answers a POST says nothing of the GET that waits for packets.
            heard = self._hear if method == hdrs.METH_GET else _nothing
            return _Answer(response.status, await read_bounded(response, _MOST_BYTES, heard))

    async def close(self) -> None:
        """Close every socket at once, then let aiohttp see that the WebSocket is gone.

        asyncio keeps a socket for as long as there is anything to be written to it, for ever where
        the peer takes nothing; a socket that is shut down ends that.
        """
        for each in self._sockets:
            with suppress(OSError):  # closed already
                each.shutdown(socket.SHUT_RDWR)
        await self._session.close()
        if self.socket is not None:
            await self.socket.close()

    async def _answered(self, _: Any, __: Any, end: TraceRequestEndParams) -> None:
        """Hear whatever comes over a WebSocket, from its handshake on."""
        if end.response.status == HTTPStatus.SWITCHING_PROTOCOLS and end.response.connection:
            self._hear()
            transport = end.response.connection.transport
            if transport is not None:
                overhear(transport, self._hear)

    def _hear(self) -> None:
        self.heard_s = self._loop.time()

    def _new_socket(self, address: AddrInfoType) -> socket.socket:
        family, kind, protocol, *_ = address
        made = socket.socket(family, kind, protocol)
        self._sockets.add(made)
        return made


class _Engine(engineio.AsyncClient):  # type: ignore[misc]  # the library has no types
    """Engine.IO, packets taken in place. `http` is an `_Http`."""

    async def _trigger_event(self, event: str, *args: Any, run_async: bool = False) -> Any:
        return await super()._trigger_event(event, *args, run_async=False)

    async def _read_loop_websocket(self) -> None:
        """Take packets until there is none any more; an end of this task ends the connection.

        The library's own loop makes a task and a timer for each, a quarter of what a packet costs,
        to mind a silence that `Connection.until_lost` minds.
        """
        for number in itertools.count(1):
            message = await self.ws.receive()
            if message.type not in _DATA:
                return
            await self._receive_packet(EnginePacket(encoded_packet=message.data))
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _receive_packet(self, packet: Any) -> None:
        if packet.packet_type == CLOSE:
            await self._trigger_event("disconnect", self.reason.SERVER_DISCONNECT)
        else:
            await super()._receive_packet(packet)

    async def _send_request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        timeout: float = 0.0,  # noqa: ASYNC109  # the library's own signature
    ) -> _Answer | str:
        try:
            answer: _Answer = await self.http.request(method, url, headers, body, timeout)
        except (ClientError, OSError, TooLong) as error:
            if self.state == "connected":
                return type(error).__name__  # to the loops a text means: the connection is lost
            raise _not_connected(error) from None
        if self.state != "connected" and answer.status != 200:
            raise _answered(answer.status)
        return answer


class Wire(socketio.AsyncClient):  # type: ignore[misc]  # the library has no types
    """One Socket.IO connection of the namespace `/`; `packet` is called with each of its packets.

    `ended` is called with the library's reason when the connection is lost. Neither may raise.
    """

    def __init__(
        self,
        packet: Callable[[Packet], None],
        ended: Callable[[str], None],
        *,
        compression: bool,
    ) -> None:
        self.http = _Http(compression=compression)
        super().__init__(
            reconnection=False,
            handle_sigint=False,
            logger=_silent,
            engineio_logger=_silent,
            http_session=self.http,
        )
        self.malformed = 0
        self._packet = packet
        self._ended = ended
        self._decoder = Decoder()

    async def open(self, url: str, path: str, transport: str, auth: Mapping[str, str]) -> None:
        """Shake hands and send CONNECT; raises `NotConnected`."""
        try:
            await self.connect(
                url,
                auth=dict(auth),
                transports=[transport],
                namespaces=["/"],
                socketio_path=path,
                wait=False,
            )
        except NotConnected:
            raise
        except Exception as error:  # whatever the library makes of what is no Engine.IO
            sentence = "what answered is no ChatEngine: check its URL and path"
            raise NotConnected(sentence) from error

    def joined(self) -> None:
        """Take note that the server let us in: from now on `emit` works."""
        self.namespaces["/"] = self.eio.sid

    def acknowledged(self, packet: Packet) -> None:
        """Call back whoever asked for this acknowledgement; one that nobody asked for is nothing.

        Ids begin with 1: under 0 the library keeps its counter.
        """
        callback = self.callbacks.get("/", {}).pop(packet.id, None) if packet.id else None
        if callback is not None:
            callback(*packet.data)

    async def abort(self) -> None:
        """Close every socket and end every task, whatever state they are in."""
        tasks = {each for each in (self.eio.read_loop_task, self.eio.write_loop_task) if each}
        try:
            while tasks:
                # Again: `wait_for` of Python 3.11 loses a cancellation that comes with a result.
                for task in tasks:
                    task.cancel()
                done, tasks = await asyncio.wait(tasks, timeout=_AGAIN_S)
                await asyncio.gather(*done, return_exceptions=True)  # none is left unread
        finally:
            if self.eio in engineio.base_client.connected_clients:
                engineio.base_client.connected_clients.remove(self.eio)
            await self.http.close()

    def _engineio_client_class(self) -> type[_Engine]:
        return _Engine

    async def _handle_eio_message(self, data: Any) -> None:
        try:
            if not isinstance(data, str | bytes):
                raise PacketError("an Engine.IO message of JSON")
            packet = self._decoder.add(data)
        except PacketError:
            self.malformed += 1
            self._decoder = Decoder()
            return
        if packet is not None and packet.namespace == "/":
            self._packet(packet)

    async def _handle_eio_disconnect(self, reason: str) -> None:
        await super()._handle_eio_disconnect(reason)
        self._ended(reason)


def _nothing() -> None:
    """What is heard here says nothing."""


async def _forbid(_: Any, __: Any, redirect: TraceRequestRedirectParams) -> None:
    """Another place must not get the token."""
    redirect.response.close()
    raise _answered(redirect.response.status)


def _not_connected(error: Exception) -> NotConnected:
    if isinstance(error, WSServerHandshakeError):
        return _answered(error.status)
    if isinstance(error, TooLong):
        return NotConnected(f"what answered is no ChatEngine: {error}")
    # What takes a connection and cuts it may be a proxy that knows no WebSocket.
    return NotConnected(unreachable(error), reached=not isinstance(error, ClientConnectorError))


def _answered(status: int) -> NotConnected:
    if status in _REFUSALS:
        sentence = f"ChatEngine refused the connection ({status}): check the token and who may in"
        return NotConnected(sentence, refused=True)
    advice = "it is tried again" if status >= 500 else "check its URL and path"
    return NotConnected(f"ChatEngine answered the handshake with {status}: {advice}")
