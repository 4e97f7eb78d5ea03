"""One Socket.IO connection over a WebSocket, from the dial to its end.

Engine.IO 4 and Socket.IO 5, namespace `/`. A connection is used once; `sockets.Socket` makes a new
one to reconnect. Everything here runs on the engine's loop.
"""

import asyncio
import json
import socket
import ssl
from typing import Any, Final, Protocol
from urllib.parse import urlsplit, urlunsplit

import msgspec
from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from chatengine import events
from chatengine.packets import PacketError, socketio
from locustfiles.engine.errors import ConnectFailed, ConnectionLost, ConnectRefused

__all__ = ["Connection", "Receiver", "dial", "websocket_url"]

# What arrives by the thousand, recognised by its first bytes without parsing the rest.
_MESSAGE_EVENT: Final = b'42["message",'

_TEXT: Final = WSMsgType.TEXT  # to fetch a member of an enum takes 0.1 us, of 1.5 for a message
_READ_BUFFER_BYTES: Final = 1024  # grows with a message; picows' own 16 KiB is a third of our 50
_LONGEST_MESSAGE: Final = 10 * 1024 * 1024  # what picows allows a single frame
_CLOSE_S: Final = 2.0


class Receiver(Protocol):
    """Who is told what a connection brings."""

    def on_known(self, payload: bytes) -> bool:
        """A frame came; False where it is not the `message` that came last. The hot path."""

    def on_message(self, event: bytes) -> None:
        """A `message` event came, as the packet `42["message",{...}]`."""

    def on_event(self, name: str, arguments: list[Any]) -> None:
        """Any other event came."""

    def on_lost(self, cause: str) -> None:
        """The connection, once up, is gone; called once, and not after `close`."""


def websocket_url(base_url: str, path: str) -> str:
    """The Engine.IO WebSocket address of the server at `base_url` (http or https)."""
    parts = urlsplit(base_url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    full_path = f"{parts.path.rstrip('/')}/{path.strip('/')}/"
    return urlunsplit((scheme, parts.netloc, full_path, "EIO=4&transport=websocket", ""))


async def dial(
    url: str,
    auth: dict[str, Any],
    receiver: Receiver,
    *,
    timeout_s: float,
    tls: ssl.SSLContext | None = None,
) -> "Connection":
    """Connect, shake hands and CONNECT; raises `ConnectFailed`, or `ConnectRefused`."""
    connection = Connection(receiver, auth)
    try:
        async with asyncio.timeout(timeout_s):
            await ws_connect(
                lambda: connection,
                url,
                ssl_context=tls,
                # The deadline is ours, but picows closes its TCP connection only after its own.
                websocket_handshake_timeout=timeout_s,
                max_redirects=0,
                read_buffer_init_size=_READ_BUFFER_BYTES,
                # aiofastnet's own transport, picows' default, never learns of a reset that comes
                # with the last data: uvloop stops watching a socket in error after one read. As
                # fast for us (receiving, five rounds side by side: 0.99).
                use_aiofastnet=False,
            )
            await connection.opened
        connection.begin()
    except BaseException as error:
        connection.abort()
        if isinstance(error, OSError | WSError | TimeoutError | UnicodeError):
            raise ConnectFailed(_sentence(error, url, timeout_s)) from None
        raise
    return connection


class Connection(WSListener):
    """A live connection: what it brings goes to the receiver, what is asked is awaited."""

    # Thousands of them take turns, so that each comes cold out of memory: small is quick.
    __slots__ = (
        "_acks",
        "_auth",
        "_begun",
        "_cause",
        "_decoder",
        "_ended",
        "_ending",
        "_fragments",
        "_fragments_are_text",
        "_last_ack",
        "_loop",
        "_patience_s",
        "_receiver",
        "_transport",
        "_watchdog",
        "opened",
    )

    def __init__(self, receiver: Receiver, auth: dict[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._receiver: Receiver | None = receiver
        self._auth = auth
        self._transport: WSTransport | None = None
        self._decoder = socketio.Decoder()
        self._acks: dict[int, asyncio.Future[list[Any]]] = {}
        self._last_ack = 0
        self._patience_s = 45.0
        self._watchdog: asyncio.TimerHandle | None = None
        self._fragments = b""
        self._fragments_are_text = True
        self._cause = "the connection was cut"
        self._begun = False
        self._ended = False
        self._ending: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """From now on the receiver hears of a loss; raises `ConnectFailed` when it came before."""
        if self._ended:
            raise ConnectFailed(f"the server ended the handshake: {self._cause}")
        self._begun = True

    # What the user asks

    def emit(self, name: str, *arguments: Any) -> None:
        """Send an event without waiting for anything."""
        self._send_packet(socketio.Packet(socketio.PacketType.EVENT, data=[name, *arguments]))

    async def call(self, name: str, *arguments: Any, timeout_s: float) -> list[Any]:
        """Send an event and await its ack's arguments; TimeoutError or `ConnectionLost`."""
        self._last_ack += 1
        number = self._last_ack
        answer: asyncio.Future[list[Any]] = self._loop.create_future()
        self._acks[number] = answer
        data = [name, *arguments]
        try:
            self._send_packet(socketio.Packet(socketio.PacketType.EVENT, id=number, data=data))
            async with asyncio.timeout(timeout_s):
                return await answer
        finally:
            self._acks.pop(number, None)

    async def close(self) -> None:
        """Leave as the protocols ask: DISCONNECT, a WebSocket close, then the TCP connection."""
        self._receiver = None
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        self._send_packet(socketio.Packet(socketio.PacketType.DISCONNECT))
        transport.send_close(WSCloseCode.OK)
        try:
            async with asyncio.timeout(_CLOSE_S):
                await transport.wait_disconnected()
        except TimeoutError:
            self.abort()
        except WSError:
            return  # the server broke the protocol with its last words

    def abort(self) -> None:
        """Drop the TCP connection without a word."""
        self._receiver = None
        if self._transport is not None:
            self._transport.underlying_transport.abort()

    # What picows reports

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep the transport; the server speaks first."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take one frame, and what is wrong with it as a reason to close."""
        payload = frame.get_payload_as_bytes()
        receiver = self._receiver
        # First, because to ask for the type of a frame takes longer than all of this; and no other
        # type of frame ever holds the same bytes as a message event.
        if receiver is not None and receiver.on_known(payload):
            return
        if frame.msg_type is _TEXT and frame.fin:
            if receiver is not None and payload.startswith(_MESSAGE_EVENT):
                receiver.on_message(payload)
            else:
                self._on_text(payload)
        elif frame.msg_type is WSMsgType.CLOSE:
            self._cause = (
                f"the server closed the WebSocket with {int(frame.get_close_code().value)}"
            )
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self._collect(frame)

    def _collect(self, frame: WSFrame) -> None:
        """Take what is rare: a binary message, or a part of a fragmented one."""
        if frame.msg_type is not WSMsgType.CONTINUATION:
            self._fragments_are_text = frame.msg_type is WSMsgType.TEXT
        self._fragments += frame.get_payload_as_bytes()
        if len(self._fragments) > _LONGEST_MESSAGE:
            self._give_up("the server sent too long a message")
        elif frame.fin:
            whole, self._fragments = self._fragments, b""
            if self._fragments_are_text:
                self._on_text(whole)
            else:
                self._on_socketio(whole)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Nothing more will come."""
        self._ended = True
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._ending = self._loop.create_task(self._tell_everyone(transport))

    async def _tell_everyone(self, transport: WSTransport) -> None:
        """End whatever is awaited; picows tells only here what it found wrong."""
        try:
            await transport.wait_disconnected()
        except WSError as error:
            self._cause = f"the server broke the WebSocket protocol: {error}"
        except Exception as error:
            self._cause = str(error)
        lost = ConnectionLost(self._cause)
        for answer in self._acks.values():
            if not answer.done():
                answer.set_exception(lost)
        if not self.opened.done():
            self.opened.set_exception(
                ConnectFailed(f"the server ended the handshake: {self._cause}")
            )
            self.opened.exception()  # seen: nobody need await it
        elif self._receiver is not None and self._begun:
            self._receiver.on_lost(self._cause)

    # What the packets mean

    def _on_text(self, text: bytes) -> None:
        if text == b"2":
            self._send("3")
            self._expect_ping()
        elif text.startswith(b"4"):
            self._on_socketio(text[1:].decode(errors="replace"))
        elif text.startswith(b"0"):
            self._on_open(text[1:])
        elif text.startswith(b"1"):
            self._give_up("the server closed the Engine.IO session")

    def _on_open(self, handshake: bytes) -> None:
        try:
            opened = msgspec.json.decode(handshake, type=_Open)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._give_up("its Engine.IO handshake is malformed")
        self._patience_s = (opened.ping_interval + opened.ping_timeout) / 1000
        self._expect_ping()
        return self._send_packet(socketio.Packet(socketio.PacketType.CONNECT, data=self._auth))

    def _on_socketio(self, part: str | bytes) -> None:
        try:
            packet = self._decoder.add(part)
        except PacketError:
            return self._give_up("the server sent a malformed packet")
        if packet is None or packet.namespace != "/":
            return None
        match packet.type:
            case socketio.PacketType.EVENT if self._receiver is not None:
                if packet.data[0] == events.MESSAGE:  # written otherwise than most servers do
                    return self._receiver.on_message(b"42" + msgspec.json.encode(packet.data))
                self._receiver.on_event(str(packet.data[0]), packet.data[1:])
            case socketio.PacketType.ACK:
                answer = self._acks.get(packet.id or 0)
                if answer is not None and not answer.done():
                    answer.set_result(packet.data)
            case socketio.PacketType.CONNECT if not self.opened.done():
                self.opened.set_result(None)
            case socketio.PacketType.CONNECT_ERROR if not self.opened.done():
                self.opened.set_exception(_refusal(packet.data))
            case socketio.PacketType.DISCONNECT:
                self._give_up("the server disconnected the socket")
        return None

    def _expect_ping(self) -> None:
        """Give the peer until pingInterval + pingTimeout for its next ping (C-CONN-8)."""
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._watchdog = self._loop.call_later(self._patience_s, self._on_silence)

    def _on_silence(self) -> None:
        self._cause = "no ping came in time"
        if self._transport is not None:
            self._transport.underlying_transport.abort()

    def _give_up(self, cause: str) -> None:
        self._cause = cause
        if self._transport is not None:
            self._transport.disconnect()

    def _send_packet(self, packet: socketio.Packet) -> None:
        for part in socketio.encode(packet):
            self._send(b"4" + part.encode() if isinstance(part, str) else part)

    def _send(self, data: str | bytes) -> None:
        if self._transport is None or self._transport.is_disconnected:
            raise ConnectionLost("the connection is gone")
        self._transport.send(WSMsgType.TEXT, data.encode() if isinstance(data, str) else data)


class _Open(msgspec.Struct, rename="camel"):
    """The Engine.IO handshake, as far as a WebSocket needs it; milliseconds."""

    ping_interval: float
    ping_timeout: float


def _refusal(data: Any) -> ConnectRefused:
    """CONNECT_ERROR: `{"message", "data": {"code"}}` by the contract, anything by others."""
    details = data.get("data") if isinstance(data, dict) else None
    code = details.get("code") if isinstance(details, dict) else None
    message = data.get("message") if isinstance(data, dict) else data
    text = message if isinstance(message, str) else json.dumps(data)
    return ConnectRefused(text[:200], code if isinstance(code, str) else None)


def _sentence(error: Exception, url: str, timeout_s: float) -> str:
    """One sentence for a person: what was wrong, where."""
    where = urlsplit(url)
    at = f"{where.hostname}:{where.port or (443 if where.scheme == 'wss' else 80)}"
    match error:
        case TimeoutError():
            return f"{at} did not complete the Socket.IO handshake within {timeout_s:g} s"
        case WSHandshakeError(response=response) if response is not None:
            return f"{at} answered {int(response.status)} at {where.path} instead of a WebSocket"
        case WSError():
            return f"{at} does not speak WebSocket at {where.path}"
        case ssl.SSLCertVerificationError():
            return f"the TLS certificate of {at} is not trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"{at} does not speak TLS: {error.reason}"
        case ConnectionRefusedError():
            return f"nothing listens at {at}"
        case socket.gaierror() | UnicodeError():  # too long a name, for one, cannot be encoded
            return f"the name {where.hostname} is unknown"
        case _:
            return f"no connection to {at}: {error}"
