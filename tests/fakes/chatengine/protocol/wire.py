"""A raw client of Engine.IO and Socket.IO, and servers for it to talk to.

The heartbeat of the servers is Node's default of 25 s and 20 s unless a test says otherwise, and
every wait here ends after `AT_ONCE_S`: a close that only the heartbeat brings fails the test.
"""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp import web
from yarl import URL

from chatengine.packets.websocket import FrameReader, Opcode, frame_of
from fakes.chatengine.engineio.outbound import message
from fakes.chatengine.engineio.server import EngineServer
from fakes.chatengine.engineio.settings import EngineSettings
from fakes.chatengine.realtime import RealtimeServer, RealtimeSettings, create_realtime
from fakes.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from chatengine.packets.websocket import Frame

AT_ONCE_S: Final = 5.0
"""Far below the heartbeat, far above what a busy two-core machine needs."""

WebSocket = aiohttp.ClientWebSocketResponse


class Client:
    """Requests to one server's path."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http = http
        self.url = url

    def request(
        self,
        method: str = "GET",
        sid: str | None = None,
        data: str | bytes | None = None,
        **query: str,
    ) -> Any:
        """A request of the polling transport; `query` overrides its parameters."""
        parameters = {"EIO": "4", "transport": "polling", **query}
        if sid is not None:
            parameters["sid"] = sid
        return self.http.request(
            method,
            self.url,
            params={name: value for name, value in parameters.items() if value},
            data=data,
            headers={"Content-Type": "text/plain;charset=UTF-8"},  # as socket.io-client
        )

    async def open_polling(self) -> str:
        """A session on the polling transport; returns its id."""
        status, body = await self.poll()
        assert status == 200
        sid: str = json.loads(body[1:])["sid"]
        return sid

    async def poll(self, sid: str | None = None) -> tuple[int, str]:
        """Status and body of a GET."""
        async with self.request("GET", sid) as response:
            return response.status, await response.text()

    async def post(self, sid: str, body: str | bytes) -> tuple[int, str]:
        """Status and body of a POST."""
        async with self.request("POST", sid, body) as response:
            return response.status, await response.text()

    async def websocket(self, sid: str | None = None, **options: Any) -> WebSocket:
        """A WebSocket, for a new session or to upgrade one."""
        parameters = {"EIO": "4", "transport": "websocket"} | ({"sid": sid} if sid else {})
        socket: WebSocket = await self.http.ws_connect(self.url, params=parameters, **options)
        return socket

    async def open_websocket(self, **options: Any) -> tuple[WebSocket, str]:
        """A session on a WebSocket, and its id."""
        socket = await self.websocket(**options)
        return socket, json.loads((await socket.receive_str())[1:])["sid"]

    async def upgrade(self, sid: str) -> WebSocket:
        """A WebSocket that has taken a polling session over."""
        socket = await self.websocket(sid)
        await socket.send_str("2probe")
        assert await socket.receive_str() == "3probe"
        await socket.send_str("5")
        return socket

    async def join(self, namespace: str = "/") -> tuple[WebSocket, str]:
        """A WebSocket in a namespace, and its Socket.IO id."""
        socket, _ = await self.open_websocket()
        return socket, await join(socket, namespace)

    @asynccontextmanager
    async def raw_websocket(self) -> AsyncIterator[RawWebSocket]:
        """A WebSocket session on a bare TCP connection, the greeting already read."""
        address = URL(self.url)
        assert address.host is not None
        assert address.port is not None
        reader, writer = await asyncio.open_connection(address.host, address.port)
        try:
            request = (
                f"GET {address.path}?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            writer.write(request.encode())
            await reader.readuntil(b"\r\n\r\n")
            socket = RawWebSocket(reader, writer)
            assert (await socket.frames(1))[0].opcode is Opcode.TEXT
            yield socket
        finally:
            writer.transport.abort()

    async def raw_request(
        self, method: str, sid: str, body: str = "", length: int = 0
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A polling request on a TCP connection of its own, `length` announced for its body."""
        url = URL(self.url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        target = f"{url.path}?EIO=4&transport=polling&sid={sid}"
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
        writer.write(f"{head}{body}".encode())
        return reader, writer


class RawWebSocket:
    """Frames on a TCP connection, for what no decent client would send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self._reader = reader
        self._frames = FrameReader(64 * 1024 * 1024, masked=False)

    def send(self, opcode: Opcode, payload: bytes) -> None:
        """Send a decent frame."""
        self.writer.write(frame_of(opcode, payload, os.urandom(4)))

    async def frames(self, count: int) -> list[Frame]:
        """The next frames; fewer if the connection ends first, the rest of its chunk dropped."""
        frames: list[Frame] = []
        while len(frames) < count and (data := await self._reader.read(65_536)):
            frames += self._frames.feed(data)
        return frames

    async def ends(self) -> None:
        """Wait for the end of the stream."""
        while await self._reader.read(65_536):
            pass


async def join(socket: WebSocket, namespace: str = "/", auth: str = "") -> str:
    """Send CONNECT and return the id that answers it."""
    name = "" if namespace == "/" else f"{namespace},"
    await socket.send_str(f"40{name}{auth}")
    answer = await socket.receive_str()
    assert answer.startswith(f"40{name}{{"), answer
    sid: str = json.loads(answer[2 + len(name) :])["sid"]
    return sid


async def closed(socket: WebSocket) -> None:
    """Wait for the server's close frame, not for long."""
    async with asyncio.timeout(AT_ONCE_S):
        answer = await socket.receive()
    assert answer.type is aiohttp.WSMsgType.CLOSE, answer


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, not for long."""
    async with asyncio.timeout(AT_ONCE_S):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event to set
            await asyncio.sleep(0.005)


@asynccontextmanager
async def client_of(app: web.Application, path: str) -> AsyncIterator[Client]:
    """The application, served as the fakes are, and a client of the path."""
    timeout = aiohttp.ClientTimeout(total=AT_ONCE_S, sock_connect=AT_ONCE_S)
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        serving(app, "127.0.0.1", 0) as port,
        aiohttp.ClientSession(connector=connector, timeout=timeout) as http,
    ):
        yield Client(http, f"http://127.0.0.1:{port}{path}/")


@asynccontextmanager
async def echo_server(**settings: Any) -> AsyncIterator[tuple[Client, EngineServer, list[str]]]:
    """An Engine.IO server that echoes, and the reasons for which its sessions ended."""
    engine = EngineServer(settings=EngineSettings(**settings))
    reasons: list[str] = []
    engine.on("connect", lambda sid, environ: None)
    engine.on("message", lambda sid, data: engine.sessions[sid].send(message(data)))
    engine.on("disconnect", lambda sid, reason: reasons.append(reason))
    app = web.Application()
    engine.attach(app)
    app.on_shutdown.append(lambda _: engine.shutdown())
    async with client_of(app, engine.settings.path) as client:
        yield client, engine, reasons


@asynccontextmanager
async def realtime_server(**settings: Any) -> AsyncIterator[tuple[Client, RealtimeServer]]:
    """A Socket.IO server with the handlers that the protocol's own test suite asks for."""
    app = web.Application()
    server = create_realtime(app, RealtimeSettings(**settings))

    async def answer(sid: str, *arguments: Any) -> None:
        await server.emit("message-back", arguments, room=sid)

    async def acknowledge(sid: str, *arguments: Any) -> tuple[Any, ...]:
        return arguments

    server.on("message", answer)
    server.on("message-with-ack", acknowledge)
    server.on("message-with-ack", acknowledge, namespace="/custom")
    async with client_of(app, server.settings.path) as client:
        yield client, server
