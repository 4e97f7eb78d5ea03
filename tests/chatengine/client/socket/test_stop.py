"""C-CONN-7: after stop no socket, no timer, no task, no traffic, wherever the stop comes."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from chatengine.client.config import Timing
from chatengine.client.core.shapes import ConnectionState
from chatengine.client.tokens import AskedTokens
from fakes.network import Address, ProxySettings, running_proxy
from tests.chatengine.client.socket.peers import (
    Heard,
    Peer,
    nothing_left,
    raw_server,
    scripted,
    source,
)
from tests.fakes.chatengine.world import JID, running
from tests.waiting import until

if TYPE_CHECKING:
    from chatengine.client.config import Transport
    from tests.fakes.chatengine.world import World

TRANSPORTS = ("websocket", "polling")

PATIENT = Timing(connect_timeout_ms=30_000)
AT_ONCE_S = 10.0
"""At once, on a loaded machine; what a stop must not wait for takes 30 s or more."""


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_stop_leaves_nothing(world: World, transport: Transport) -> None:
    """A connection in use is closed; the server knows at once, the listener hears nothing."""
    heard = Heard()
    async with nothing_left():
        async with source(world.url, heard, transports=(transport,)) as socket:
            await until(lambda: socket.connected)
            await socket.subscribe(JID)
            await socket.stop()
            assert (socket.connected, socket.state) == (False, ConnectionState.DISCONNECTED)
            assert (socket.last_error, socket.transport) == (None, None)
            assert await socket.emit("typing", {}) is False
        await world.arrive("A1")
        assert await world.control.call("GET", "/connections") == []
    assert (heard.connections, heard.losses, heard.events) == (1, [], [])


async def test_no_traffic_after_a_stop() -> None:
    """No attempt comes after a stop between two attempts."""
    accepted = 0

    async def refuse(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1

    heard = Heard()
    async with nothing_left(), raw_server(refuse) as url:
        async with source(url, heard):
            await until(lambda: len(heard.losses) > 2)
        stopped, losses = accepted, len(heard.losses)
        since_s = asyncio.get_running_loop().time()
        await until(lambda: asyncio.get_running_loop().time() > since_s + 0.5)
    assert (accepted, len(heard.losses)) == (stopped, losses)


async def test_the_listener_hears_nothing_after_a_stop() -> None:
    """From the moment of the call on, wherever in a burst it comes, and before it has returned."""

    async def script(peer: Peer) -> None:
        await peer.let_in()
        await peer.send(*(f'42["message",{number}]' for number in range(300)))
        await peer.rest()

    heard = Heard()
    async with scripted(script) as url, source(url, heard, started=False) as socket:
        for turns in range(12):
            heard.events.clear()
            socket.start()
            await until(lambda: heard.events)
            for _ in range(turns):
                await asyncio.sleep(0)
            until_then = len(heard.events)
            await socket.stop()
            assert len(heard.events) == until_then
    assert heard.losses == []


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_stop_in_the_middle_of_connecting(transport: Transport) -> None:
    """A handshake that hangs is given up at once."""
    called = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        called.set()
        await reader.read()

    async with (
        nothing_left(),
        raw_server(hang) as url,
        source(url, transports=(transport,), timing=PATIENT) as socket,
    ):
        await called.wait()
        async with asyncio.timeout(AT_ONCE_S):
            await socket.stop()


@pytest.mark.parametrize("frames", [0, 1, 2])
async def test_a_stop_at_each_step_of_the_handshake(frames: int) -> None:
    """Before OPEN, before the answer to CONNECT, and right after it."""
    reached = asyncio.Event()

    async def script(peer: Peer) -> None:
        if frames:
            await peer.open()
            await peer.receive()
        if frames > 1:
            await peer.send('40{"sid":"s-1"}')
        reached.set()
        await peer.rest()

    async with nothing_left(), scripted(script) as url, source(url, timing=PATIENT) as socket:
        await reached.wait()
        async with asyncio.timeout(AT_ONCE_S):
            await socket.stop()


async def test_a_stop_while_a_token_is_waited_for() -> None:
    """A callable that hangs is cancelled."""
    asked = asyncio.Event()
    cancelled: list[bool] = []

    async def ask() -> str:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)
        return ""

    async with (
        nothing_left(),
        source("http://127.0.0.1:9", token_source=AskedTokens(ask)) as socket,
    ):
        await asked.wait()
        await socket.stop()
    assert cancelled == [True]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_stop_of_a_half_open_connection(transport: Transport) -> None:
    """A peer that is gone without a word holds a stop up for a moment, not for its heartbeat."""
    async with nothing_left(), running() as world:
        host, port = world.url.removeprefix("http://").split(":")
        async with (
            running_proxy(ProxySettings(target=Address(host, int(port)))) as proxy,
            source(proxy.url, transports=(transport,)) as socket,
        ):
            await until(lambda: socket.connected)
            proxy.half_open()
            async with asyncio.timeout(AT_ONCE_S):
                await socket.stop()


async def test_a_stop_that_is_cancelled_can_be_repeated() -> None:
    """A caller that loses patience loses nothing: the next stop waits for the same end."""

    async def script(peer: Peer) -> None:
        await peer.let_in()
        await asyncio.Event().wait()

    async with nothing_left(), scripted(script) as url, source(url) as socket:
        await until(lambda: socket.connected)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await socket.stop()
        await socket.stop()
        assert socket.state is ConnectionState.DISCONNECTED


async def test_stopping_what_does_not_run(world: World) -> None:
    """A stop before the start, or another one, does nothing; so does a second start."""
    async with nothing_left(), source(world.url, started=False) as socket:
        await socket.stop()
        socket.start()
        socket.start()
        await until(lambda: socket.connected)
        assert len(await world.control.call("GET", "/connections")) == 1
        await asyncio.gather(socket.stop(), socket.stop())


async def test_it_can_be_started_again(world: World) -> None:
    """After a stop everything begins afresh, as often as one likes."""
    heard = Heard()
    async with nothing_left(), source(world.url, heard, started=False) as socket:
        for count in range(1, 6):
            socket.start()
            await until(lambda count=count: heard.connections == count)  # type: ignore[misc]
            await socket.stop()
    assert heard.losses == []


async def test_flapping_leaves_nothing(world: World) -> None:
    """C-FBK-8: fifty losses of all kinds leak no task, no timer and no socket."""
    heard = Heard()
    timing = Timing(reconnect_delay_ms=1, reconnect_delay_max_ms=5)
    async with nothing_left(), source(world.url, heard, timing=timing) as socket:
        for number in range(50):
            await until(lambda: socket.connected)
            how = ("abort", "engine", "socket")[number % 3]
            await world.control.call("POST", "/connections/drop", {"how": how})
            await until(lambda number=number: len(heard.losses) == number + 1)  # type: ignore[misc]
    assert len(heard.losses) == 50


async def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Not even at DEBUG does a token, a secret or a text come into a log."""
    caplog.set_level(logging.DEBUG)
    async with running() as world, source(world.url) as socket:
        await until(lambda: socket.connected)
        await socket.subscribe(JID)
        await world.arrive("A1", "a private word")
        await world.control.call("POST", "/connections/drop", {"how": "abort"})
        await until(lambda: not socket.connected)
        await until(lambda: socket.connected)
    assert "eyJ" not in caplog.text
    assert "private" not in caplog.text
