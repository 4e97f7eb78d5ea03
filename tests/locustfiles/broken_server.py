"""A ChatEngine that does wrong on purpose, and remembers what it did.

It speaks just enough of Engine.IO and Socket.IO to take a socket in, and takes messages at the
webhook. What goes wrong is set in `Faults` before or while it runs, or done at once by a method.
It runs on a thread of its own, so that gevent, or a blocking test, can be the other end.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    import ssl
    from collections.abc import Coroutine, Iterator

__all__ = ["BrokenServer", "Client", "Faults", "broken_server"]

_PAGE: Final = "<!doctype html><title>Another kind of server</title>"


@dataclass
class Faults:
    """What goes wrong. `..._every` n hits every n-th message that enters, 0 none.

    A message is numbered as it enters, from 1: `lose_every` 3 loses the third, sixth, ...;
    `swap_every` 3 holds the third back until the next of its conversation
    has gone out.
    """

    lose_every: int = 0
    duplicate_every: int = 0
    swap_every: int = 0
    lose_from: int | None = None
    """From this number on, nothing is delivered: the tail is lost."""
    delivery_delay_s: float = 0
    answer_delay_s: float = 0
    """How late the webhook answers; the message has been delivered by then."""
    refuse_every: int = 0
    """The webhook answers 500 and delivers nothing."""
    cut_every: int = 0
    """The webhook hangs up instead of answering, but the message has entered."""
    moved: bool = False
    """The webhook redirects a POST to itself, where a GET is answered with 200."""
    handshake: Literal["good", "silent", "garbage", "page", "missing", "doomed"] = "good"
    """silent: a WebSocket that says nothing; garbage: no handshake packet; page: 200 and HTML;
    missing: 404; doomed: the CONNECT is answered and the connection cut in the same breath."""
    refusal: dict[str, Any] | None = None
    """The data of a CONNECT_ERROR, in place of every CONNECT."""
    acks: bool = True
    pings: bool = True
    ping_interval_ms: int = 25_000
    ping_timeout_ms: int = 20_000


@dataclass(eq=False)
class Client:
    """One connection as the server sees it."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport
    auth: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    """Every text that came."""
    rooms: set[str] = field(default_factory=set)


class BrokenServer:
    """The server; all that is public may be used from any thread."""

    def __init__(self, faults: Faults, tls: ssl.SSLContext | None) -> None:
        self.faults = faults
        self.clients: list[Client] = []
        """The connections that are open."""
        self.attempts: list[tuple[float, str]] = []
        """Every CONNECT: when, by `time.monotonic()`, and with which token."""
        self.subscribed: Counter[str] = Counter()
        """How often each conversation was subscribed to."""
        self.posts: list[tuple[float, str]] = []
        """Every message that entered: when, and its provider id."""
        self.deliveries: Counter[str] = Counter()
        """What happened to the messages: `delivered`, `lost`, `duplicated`, `swapped`; one each
        for every subscriber it happened to."""
        self.held: dict[str, str] = {}
        """The message of each conversation that waits for the next one to go out before it."""
        self.port = 0
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    # What a test does at once

    def say(self, text: str) -> None:
        """Send a text to everyone."""
        self._do(self._to_all(text))

    def deliver(self, conversation_id: str, *provider_ids: str) -> None:
        """Send messages to whoever is subscribed, whatever the faults are."""
        for provider_id in provider_ids:
            self._do(self._send(conversation_id, provider_id))

    def raw(self, data: bytes) -> None:
        """Write bytes, frames or not, to every TCP connection."""
        self._do(self._each(lambda client: client.transport.write(data)))

    def cut(self) -> None:
        """Abort every TCP connection."""
        self._do(self._each(lambda client: client.transport.abort()))

    def close(self, code: int) -> None:
        """Close every WebSocket with a code."""
        self._do(self._close(code))

    # Serving

    async def serve(self, ready: threading.Event) -> None:
        """Serve until `stop`."""
        app = web.Application()
        app.router.add_get("/api/ws/", self._websocket)
        app.router.add_get("/api/webhooks/whatsapp", self._hello)
        app.router.add_post("/api/webhooks/whatsapp", self._webhook)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        self.port = runner.addresses[0][1]
        ready.set()
        await self._stop.wait()
        for client in self.clients:
            client.transport.abort()
        await runner.cleanup()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def run(self, ready: threading.Event) -> None:
        """Be the thread."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self.serve(ready))

    def stop(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._stop.set)

    async def _hello(self, _: web.Request) -> web.Response:
        if self.faults.handshake in ("page", "missing"):
            return web.Response(text=_PAGE, content_type="text/html")
        return web.Response()

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        if self.faults.handshake == "missing":
            raise web.HTTPNotFound
        if self.faults.handshake == "page":
            return web.Response(text=_PAGE, content_type="text/html")
        socket = web.WebSocketResponse(autoping=False, autoclose=False, timeout=0.1)
        await socket.prepare(request)
        assert isinstance(request.transport, asyncio.Transport)
        client = Client(socket, request.transport)
        self.clients.append(client)
        pinging = asyncio.create_task(self._ping(client))
        try:
            if self.faults.handshake != "silent":
                await self._open(client)
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    client.said.append(message.data)
                    await self._hear(client, message.data)
                elif message.type is WSMsgType.CLOSE:
                    await socket.close()
        finally:
            pinging.cancel()
            self.clients.remove(client)
        return socket

    async def _open(self, client: Client) -> None:
        times = {
            "pingInterval": self.faults.ping_interval_ms,
            "pingTimeout": self.faults.ping_timeout_ms,
        }
        opening = {"sid": "s", "upgrades": [], "maxPayload": 1_000_000, **times}
        if self.faults.handshake == "garbage":
            await _tell(client, '0{"sid":')
        elif self.faults.handshake == "doomed":
            await _tell(client, "0" + json.dumps(opening))
            await _tell(client, '40{"sid":"x"}')
            client.transport.close()
        else:
            await _tell(client, "0" + json.dumps(opening))

    async def _ping(self, client: Client) -> None:
        while True:
            await asyncio.sleep(self.faults.ping_interval_ms / 1000)
            if self.faults.pings:
                await _tell(client, "2")

    async def _hear(self, client: Client, text: str) -> None:
        if text.startswith("40"):
            client.auth = json.loads(text[2:])
            self.attempts.append((time.monotonic(), client.auth["token"]))
            if self.faults.refusal is None:
                await _tell(client, '40{"sid":"x"}')
            else:
                await _tell(client, "44" + json.dumps(self.faults.refusal))
        elif text.startswith("42"):
            number, _, rest = text[2:].partition("[")
            name, *arguments = json.loads("[" + rest)
            if name == "subscribe:conversation":
                self.subscribed[arguments[0]] += 1
                client.rooms.add(arguments[0])
            elif name == "unsubscribe:conversation":
                client.rooms.discard(arguments[0])
            if number and self.faults.acks:
                await _tell(client, f'43{number}[{{"ok":true}}]')

    # Messages

    async def _webhook(self, request: web.Request) -> web.Response:
        key = (await request.json())["data"]["key"]
        self.posts.append((time.monotonic(), key["id"]))
        number, faults = len(self.posts), self.faults
        if faults.moved:
            raise web.HTTPFound(request.path)
        if _hits(faults.refuse_every, number):
            return web.Response(status=500)
        task = asyncio.create_task(self._enter(number, key["remoteJid"], key["id"]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.sleep(faults.answer_delay_s)
        if _hits(faults.cut_every, number) and request.transport is not None:
            request.transport.close()
        return web.json_response({})

    async def _enter(self, number: int, conversation_id: str, provider_id: str) -> None:
        faults = self.faults
        await asyncio.sleep(faults.delivery_delay_s)
        reached = sum(conversation_id in client.rooms for client in self.clients)
        tail = faults.lose_from is not None and number >= faults.lose_from
        if tail or _hits(faults.lose_every, number):
            self.deliveries["lost"] += reached
            return
        if _hits(faults.swap_every, number):
            self.held[conversation_id] = provider_id
            return
        await self._send(conversation_id, provider_id)
        if _hits(faults.duplicate_every, number):
            await self._send(conversation_id, provider_id)
            self.deliveries["duplicated"] += reached
        held = self.held.pop(conversation_id, None)
        if held is not None:
            await self._send(conversation_id, held)
            self.deliveries["swapped"] += reached

    async def _send(self, conversation_id: str, provider_id: str) -> None:
        message = {
            "id": f"evo-{provider_id}",
            "conversationId": conversation_id,
            "metadata": {"providerMessageId": provider_id},
        }
        for client in list(self.clients):
            if conversation_id in client.rooms:
                text = json.dumps(["message", message], separators=(",", ":"))
                await _tell(client, f"42{text}")
                self.deliveries["delivered"] += 1

    # On the loop

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _to_all(self, text: str) -> None:
        for client in list(self.clients):
            await _tell(client, text)

    async def _each(self, act: Any) -> None:
        for client in list(self.clients):
            act(client)

    async def _close(self, code: int) -> None:
        for client in list(self.clients):
            await client.socket.close(code=code)


async def _tell(client: Client, text: str) -> None:
    with suppress(ConnectionError):  # it has gone: a test need not know yet
        await client.socket.send_str(text)


def _hits(every: int, number: int) -> bool:
    return bool(every) and number % every == 0


@contextmanager
def broken_server(
    faults: Faults | None = None, *, tls: ssl.SSLContext | None = None
) -> Iterator[BrokenServer]:
    """A server within the block, which begins with `faults`; `tls` makes it speak https."""
    server = BrokenServer(faults or Faults(), tls)
    ready = threading.Event()
    thread = threading.Thread(target=server.run, args=[ready])
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        server.stop()
        thread.join(10)
        assert not thread.is_alive()
