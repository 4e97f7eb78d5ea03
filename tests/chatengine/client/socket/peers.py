"""Whom the socket talks to in these tests, who listens to it, and what it must not leave behind."""

from __future__ import annotations

import asyncio
import gc
import json
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import engineio
import psutil
from aiohttp import WSMsgType, web

from chatengine.client.config import ChatEngineConfig, Timing, TokenConfig
from chatengine.client.socket import SocketSource
from chatengine.client.tokens import MintedTokens
from fakes.serving import serving
from tests.fakes.chatengine.world import SECRET
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from chatengine.client.config import Transport
    from chatengine.client.tokens import TokenSource

__all__ = ["QUICK", "Heard", "Peer", "nothing_left", "raw_server", "scripted", "source", "tokens"]

QUICK = Timing(reconnect_delay_ms=20, reconnect_delay_max_ms=200, connect_timeout_ms=1000)
"""Pauses that a test can wait for; all else as usual."""


class Heard:
    """All that a socket told."""

    def __init__(self) -> None:
        self.connections = 0
        self.losses: list[tuple[str, bool]] = []
        self.events: list[tuple[str, Any]] = []

    def connected(self) -> None:
        self.connections += 1

    def lost(self, cause: str, refused: bool) -> None:
        self.losses.append((cause, refused))

    def event(self, name: str, payload: object) -> None:
        self.events.append((name, payload))

    def all(self, event: str) -> list[Any]:
        """The payloads of the events of that name."""
        return [payload for name, payload in self.events if name == event]


def tokens(secret: str = SECRET) -> MintedTokens:
    """Tokens of agent-1 in w-1."""
    return MintedTokens(TokenConfig(secret=secret), workspace_id="w-1", user_id="agent-1")


@asynccontextmanager
async def source(
    url: str,
    heard: Heard | None = None,
    *,
    token_source: TokenSource | None = None,
    timing: Timing = QUICK,
    transports: tuple[Transport, ...] = ("websocket", "polling"),
    compression: bool = False,
    random: Callable[[], float] = lambda: 1.0,
    started: bool = True,
) -> AsyncIterator[SocketSource]:
    """A socket to `url`, stopped at the end; its pauses are as long as they can be."""
    config = ChatEngineConfig(url=url, transports=transports, compression=compression)
    given = token_source or tokens()
    made = SocketSource(config, "w-1", given, timing, heard or Heard(), random=random)
    if started:
        made.start()
    try:
        yield made
    finally:
        await made.stop()


class Peer:
    """A Socket.IO server's side of one WebSocket, in the hands of a test."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def send(self, *frames: str | bytes) -> None:
        for frame in frames:
            if isinstance(frame, str):
                await self._socket.send_str(frame)
            else:
                await self._socket.send_bytes(frame)

    async def open(self, ping_interval: object = 25_000, ping_timeout: object = 20_000) -> None:
        handshake = {"sid": "e-1", "upgrades": [], "maxPayload": 1_000_000}
        handshake |= {"pingInterval": ping_interval, "pingTimeout": ping_timeout}
        await self.send("0" + json.dumps(handshake))

    async def receive(self) -> str | None:
        """The next text, None at the end."""
        message = await self._socket.receive()
        return message.data if message.type is WSMsgType.TEXT else None

    async def let_in(self) -> dict[str, Any]:
        """Open, and answer CONNECT; returns its auth."""
        await self.open()
        connect = await self.receive()
        assert connect is not None
        await self.send('40{"sid":"s-1"}')
        auth: dict[str, Any] = json.loads(connect.removeprefix("40"))
        return auth

    async def rest(self) -> None:
        """Stay until the client leaves."""
        while await self.receive() is not None:
            pass


@asynccontextmanager
async def scripted(script: Callable[[Peer], Awaitable[None]]) -> AsyncIterator[str]:
    """A server that does as the script says on each WebSocket; yields its URL. No polling.

    Over HTTP its history is empty.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.query.get("transport") != "websocket":
            return web.Response(status=400)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        with suppress(ConnectionError):
            await script(Peer(socket))
        await socket.close()
        return socket

    app = web.Application()

    async def nothing(_: web.Request) -> web.Response:
        return web.json_response([])

    app.router.add_route("*", "/api/ws/", handle)
    app.router.add_get("/api/chat/{what}", nothing)
    async with serving(app, "127.0.0.1", 0, handler_cancellation=True) as port:
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def raw_server(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A TCP server that does as `handle` says with each connection; yields its URL."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await handle(reader, writer)
        writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(lambda _: writer.transport.abort())

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """C-CONN-7: what the block began, tasks, timers and sockets of both peers, ends with it."""
    before = _held()
    yield
    with suppress(AssertionError):  # what is left says more than that something is
        await until(lambda: not _held() - before, within_s=10)
    left = _held() - before
    assert not left, left


def _held() -> Counter[str]:
    """How many there are of each task, of timers, of open files and of connections."""
    now_s = asyncio.get_running_loop().time()
    handles = [each for each in gc.get_objects() if isinstance(each, asyncio.TimerHandle)]
    timers = [each for each in handles if not each.cancelled() and each.when() > now_s]
    held = Counter(str(task.get_coro()).split(" at ")[0] for task in asyncio.all_tasks())
    library = len(engineio.base_client.connected_clients)  # it keeps a list of its own
    files = psutil.Process().num_fds()
    return held + Counter(timers=len(timers), files=files, library=library)
