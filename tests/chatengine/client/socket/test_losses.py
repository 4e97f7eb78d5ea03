"""Silence is a loss (C-CONN-8), noticed when the heartbeat says so and not before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from fakes.network import Address, HalfOpen, ProxySettings, running_proxy
from tests.chatengine.client.socket.peers import Heard, Peer, nothing_left, scripted, source
from tests.fakes.chatengine.world import JID, SETTINGS, running
from tests.waiting import until

if TYPE_CHECKING:
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
            assert asyncio.get_running_loop().time() - since_s < SILENCE_S + 0.1
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
        await until(lambda: heard.losses, within_s=1.5)
        assert heard.losses == [("ChatEngine was silent for 0.9 s", False)]
