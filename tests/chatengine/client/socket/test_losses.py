"""Silence is a loss (C-CONN-8), noticed when the heartbeat says so and not before."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from msgspec.structs import replace

from fakes.network import Address, HalfOpen, ProxySettings, running_proxy
from fakes.serving import serving
from tests.chatengine.client.socket.peers import Heard, Peer, nothing_left, scripted, source
from tests.fakes.chatengine.world import JID, SETTINGS, running
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from chatengine.client.config import Transport

BEATING = replace(SETTINGS, ping_interval_ms=500, ping_timeout_ms=400)
"""The proportions of 25 s and 20 s."""

SILENCE_S = 0.9


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("direction", ["both", "to_client"])
async def test_a_half_open_connection_is_noticed(transport: Transport, direction: str) -> None:
    """C-CONN-8: within pingInterval + pingTimeout of the last sign of life, over both transports.

    python-engineio alone would wait for 5.5 s while polling.
    """
    heard = Heard()
    async with running(BEATING) as world:
        host, port = world.url.removeprefix("http://").split(":")
        async with (
            running_proxy(ProxySettings(target=Address(host, int(port)))) as proxy,
            source(proxy.url, heard, transports=(transport,)) as socket,
        ):
            await until(lambda: socket.connected)
            proxy.strike(HalfOpen("both" if direction == "both" else "to_client"))
            since_s = asyncio.get_running_loop().time()
            await until(lambda: heard.losses)
            assert asyncio.get_running_loop().time() - since_s < SILENCE_S + 2  # a loaded machine
            assert heard.losses == [("ChatEngine was silent for 0.9 s", False)]
            await until(lambda: heard.connections == 2)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_heartbeat_keeps_a_connection(transport: Transport) -> None:
    """C-CONN-8: nobody but the heartbeat speaks for several intervals, and that is no loss."""
    heard = Heard()
    loop = asyncio.get_running_loop()
    async with running(BEATING) as world, source(world.url, heard, transports=(transport,)) as it:
        await until(lambda: it.connected)
        since_s = loop.time()
        await until(lambda: loop.time() > since_s + 2 * SILENCE_S)
        assert await it.subscribe(JID)
    assert (heard.connections, heard.losses) == (1, [])


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_message_that_takes_long_to_come_is_no_silence(transport: Transport) -> None:
    """Bytes received are life, though no packet is complete for longer than a silence may last."""
    heard = Heard()
    async with slow_server() as url, source(url, heard, transports=(transport,)) as socket:
        await until(lambda: heard.events or heard.losses, within_s=20)
        assert heard.losses == []
        assert socket.connected
    ((name, payload),) = heard.events
    assert (name, len(payload["content"])) == ("message", PARTS * PART)


PARTS, PART = 25, 100_000
"""Of a message; one comes every 100 ms."""


@asynccontextmanager
async def slow_server() -> AsyncIterator[str]:
    """A server that lets in, sends one long message slowly, and is gone; yields its URL."""
    opened = '0{"sid":"e-1","upgrades":[],"pingInterval":500,"pingTimeout":400,"maxPayload":1000}'
    answers = [opened, '40{"sid":"s-1"}']
    event = b'42["message",{"content":"' + b"x" * (PARTS * PART) + b'"}]'

    async def slowly(write: Callable[[bytes], Awaitable[None]], data: bytes) -> None:
        for start in range(0, len(data), PART):
            await write(data[start : start + PART])
            await asyncio.sleep(0.1)

    async def poll(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            return web.Response(text="ok")
        if answers:
            return web.Response(text=answers.pop(0))
        response = web.StreamResponse()
        await response.prepare(request)
        await slowly(response.write, event)
        return response

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.query["transport"] == "polling":
            return await poll(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for answer in answers:
            await socket.send_str(answer)
        transport = request.transport
        assert transport is not None
        # A text frame, whole, its length in 64 bits (RFC 6455, 5.2): aiohttp sends none in parts.
        frame = b"\x81\x7f" + len(event).to_bytes(8, "big") + event

        async def write(data: bytes) -> None:
            transport.write(data)

        await slowly(write, frame)
        await socket.receive()
        return socket

    app = web.Application()
    app.router.add_route("*", "/api/ws/", handle)
    async with serving(app, "127.0.0.1", 0, handler_cancellation=True) as port:
        yield f"http://127.0.0.1:{port}"


async def test_a_peer_that_takes_no_bytes_is_noticed() -> None:
    """C-CONN-8: silence ends a connection also while what we write cannot go out.

    python-engineio would wait for its writer, and that for the peer.
    """

    async def script(peer: Peer) -> None:
        await peer.open(500, 400)
        await peer.receive()
        await peer.send('40{"sid":"s-1"}')
        await asyncio.Event().wait()  # reads nothing more

    heard = Heard()
    async with nothing_left(), scripted(script) as url, source(url, heard) as socket:
        await until(lambda: socket.connected)
        for _ in range(20):
            await socket.emit("typing", {"conversationId": "x" * 1_000_000, "isTyping": True})
        await until(lambda: heard.losses)
        assert heard.losses == [("ChatEngine was silent for 0.9 s", False)]
