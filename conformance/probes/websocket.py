"""Engine.IO on a WebSocket, on a bare TCP connection: byte for byte, for what no client sends."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import msgspec
from yarl import URL

from chatengine.events import SOCKET_PATH
from chatengine.packets import PacketError
from chatengine.packets.websocket import Frame, FrameReader, Opcode, frame_of
from conformance.deadlines import Deadline
from conformance.probes.trace import Trace
from conformance.probes.wire import HandshakeRefused, Wire

__all__ = ["RawWebSocket"]

_LARGEST: Final = 64 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_PING: Final = "2"
_PONG: Final = "3"


class RawWebSocket(Wire):
    """Frames on a TCP connection. `open` makes one."""

    transport = "websocket"

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        trace: Trace,
        deadline: Deadline,
    ) -> None:
        super().__init__(trace, deadline)
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader(_LARGEST, masked=False)
        self._arrived: deque[Frame] = deque()
        self._pongs = 0
        self.is_closed = False

    @classmethod
    async def open(
        cls,
        url: str,
        trace: Trace,
        deadline: Deadline,
        *,
        sid: str | None = None,
        query: Mapping[str, str] | None = None,
        greeted: bool = True,
    ) -> RawWebSocket:
        """Open a session, or with `sid` another transport of one, which is not greeted.

        Raises `HandshakeRefused` for any answer but 101.
        """
        try:
            socket = await cls._connected(url, trace, deadline)
        except TimeoutError:
            raise trace.broken(expected="a connection", seen=_nothing(deadline)) from None
        try:
            await socket._upgrade(url, sid, query or {})
            if greeted and sid is None:
                await socket._shake_hands()
        except BaseException:
            await socket.close()
            raise
        return socket

    @classmethod
    async def _connected(cls, url: str, trace: Trace, deadline: Deadline) -> RawWebSocket:
        address = URL(url)
        secure = ssl.create_default_context() if address.scheme == "https" else None
        async with asyncio.timeout(deadline.left_s):
            streams = await asyncio.open_connection(address.host, address.port, ssl=secure)
        return cls(*streams, trace, deadline)

    async def _upgrade(self, url: str, sid: str | None, query: Mapping[str, str]) -> None:
        address = URL(url)
        parameters = {"EIO": "4", "transport": "websocket"} | dict(query)
        if sid is not None:
            parameters["sid"] = sid
        path = f"{address.path.rstrip('/')}{SOCKET_PATH}/?{urlencode(parameters)}"
        try:
            async with asyncio.timeout(self.deadline.left_s):
                self._writer.write(_request(path, address))
                status = await _status(self._reader)
                if status != HTTPStatus.SWITCHING_PROTOCOLS:
                    body = await self._reader.read(_CHUNK)
                    raise HandshakeRefused(status, body.decode(errors="replace"))
        except TimeoutError:
            raise self.trace.broken(
                expected="an answer to the upgrade", seen=_nothing(self.deadline)
            ) from None

    async def _shake_hands(self) -> None:
        opening = await self.receive()
        try:
            assert isinstance(opening, str)
            assert opening.startswith("0")
            self.handshake = msgspec.json.decode(opening[1:], type=dict)
        except (AssertionError, msgspec.DecodeError):
            raise self.trace.broken(
                expected="an open packet with its handshake first", seen=opening
            ) from None

    async def send(self, *packets: str | bytes) -> None:
        """Send each packet as a message."""
        for packet in packets:
            if isinstance(packet, str):
                # A lone surrogate is sent as JavaScript would write it into a frame.
                self.send_frame(Opcode.TEXT, packet.encode("utf-8", "surrogatepass"))
            else:
                self.send_frame(Opcode.BINARY, packet)
        await self._flush()

    def send_frame(self, opcode: Opcode, payload: bytes) -> None:
        """Send a decent frame, masked as a client's has to be."""
        self._writer.write(frame_of(opcode, payload, os.urandom(4)))

    async def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._flush()

    async def _flush(self) -> None:
        with suppress(ConnectionError):  # the reader says so
            async with asyncio.timeout(self.deadline.left_s):
                await self._writer.drain()

    async def _receive(self, deadline: Deadline) -> str | bytes | None:
        """Return the next packet; None once the peer has closed, by a frame or without one."""
        while (frame := await self._frame(deadline)) is not None:
            match frame.opcode:
                case Opcode.CLOSE:
                    self.is_closed = True
                    return None
                case Opcode.PING:
                    assert isinstance(frame.data, bytes)
                    self.send_frame(Opcode.PONG, frame.data)
                case Opcode.PONG:
                    self._pongs += 1
                case _ if frame.data == _PING and self.answers_pings:
                    await self.send(_PONG)
                case _:
                    return frame.data
        return None

    async def fence(self) -> list[str | bytes]:
        """Return the packets that were on their way: a frame that the peer answers follows them.

        That is the ping of WebSocket itself (RFC 6455, 5.5.2), of which Socket.IO knows nothing.
        """
        passed: list[str | bytes] = []
        self.send_frame(Opcode.PING, b"fence")
        await self._flush()
        before = self._pongs
        while not self.is_closed and self._pongs == before:
            frame = await self._frame(self.deadline)
            if frame is None or frame.opcode is Opcode.CLOSE:
                self.is_closed = True
            elif frame.opcode is Opcode.PONG:
                self._pongs += 1
            elif frame.opcode in (Opcode.TEXT, Opcode.BINARY):
                passed.append(frame.data)
        return passed

    async def _frame(self, deadline: Deadline) -> Frame | None:
        async with asyncio.timeout(deadline.left_s):
            while not self._arrived:
                try:
                    data = await self._reader.read(_CHUNK)
                    self._arrived.extend(self._frames.feed(data))
                except ConnectionError:
                    data = b""
                except PacketError as error:
                    raise self.trace.broken(
                        expected="frames of RFC 6455", seen=str(error)
                    ) from None
                if not data:
                    self.is_closed = True
                    return None
        return self._arrived.popleft()

    async def rest(self, deadline: Deadline) -> bytes:
        """Return the bytes up to the end of the stream, whatever they are."""
        data = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(deadline.left_s):
                while chunk := await self._reader.read(_CHUNK):
                    data += chunk
        return data

    async def close(self) -> None:
        """Drop the connection."""
        self._writer.transport.abort()


def _nothing(deadline: Deadline) -> str:
    return f"nothing within {deadline.within_s:g} s"


def _request(path: str, address: URL) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: {address.authority}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


async def _status(reader: asyncio.StreamReader) -> int:
    """The status of the answer; raises `HandshakeRefused` (0) where the peer hung up instead."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1])
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        raise HandshakeRefused(0, "the connection was closed") from None
    except (IndexError, ValueError):
        raise HandshakeRefused(0, "the answer is no HTTP") from None
