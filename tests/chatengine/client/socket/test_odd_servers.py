"""Servers that are silent, strange or hostile: each is a failed attempt that says what was wrong.

After each of them the socket is as ready for the right one as before, and leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from chatengine.client.config import Timing
from chatengine.client.core.shapes import ConnectionState
from tests.chatengine.client.socket.peers import (
    Heard,
    Peer,
    nothing_left,
    raw_server,
    scripted,
    source,
)
from tests.fakes.chatengine.world import JID
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chatengine.client.config import Transport
    from tests.fakes.chatengine.world import World

    Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HASTY = Timing(reconnect_delay_ms=20, reconnect_delay_max_ms=100, connect_timeout_ms=300)

LATE = "ChatEngine did not answer the handshake in time"
NO_CHATENGINE = "what answered is no ChatEngine: check its URL and path"


def http(head: str, body: bytes = b"", *, length: int | None = None) -> bytes:
    """An HTTP response."""
    length = len(body) if length is None else length
    return f"HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n".encode() + body


def answering(answer: bytes) -> Handler:
    """Answers every request with these bytes, and stays."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()

    return handle


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def hanging_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(http("200 OK", length=10**12))
    while True:
        writer.write(b"x" * 1_000_000)
        await writer.drain()


HTML = b"<!doctype html><title>Welcome to nginx!</title>"
DISCONNECTED = (
    "ChatEngine cannot be reached (ServerDisconnectedError): check its URL and the network"
)


OOPS = answering(http("500 Oops", b'{"error":"x"}'))
OOPS_SAID = "ChatEngine answered the handshake with 500: it is tried again"
ELSEWHERE = answering(http("302 Found\r\nLocation: /elsewhere", b""))
ELSEWHERE_SAID = "ChatEngine answered the handshake with 302: check its URL and path"
PAGE = answering(http("200 OK\r\nContent-Type: text/html", HTML))
PAGE_SAID = "ChatEngine answered the handshake with 200: check its URL and path"

ODD: dict[str, tuple[Transport, Handler, str | None]] = {
    "a websocket without a word": ("websocket", silent, LATE),
    "a poll without an answer": ("polling", silent, LATE),
    "a websocket that hangs up": ("websocket", hanging_up, DISCONNECTED),
    "a poll that hangs up": ("polling", hanging_up, DISCONNECTED),
    "a page for a websocket": ("websocket", PAGE, PAGE_SAID),
    "a page for a poll": ("polling", PAGE, NO_CHATENGINE),
    "500 to a websocket": ("websocket", OOPS, OOPS_SAID),
    "500 to a poll": ("polling", OOPS, OOPS_SAID),
    "a redirect of a websocket": ("websocket", ELSEWHERE, ELSEWHERE_SAID),
    "a redirect of a poll": ("polling", ELSEWHERE, ELSEWHERE_SAID),
    "an empty poll": ("polling", answering(http("200 OK", b"")), NO_CHATENGINE),
    "a poll that is no text": ("polling", answering(http("200 OK", b"\xff\xfe")), NO_CHATENGINE),
    "another packet": ("polling", answering(http("200 OK", b"4hello")), NO_CHATENGINE),
    "half an OPEN": ("polling", answering(http("200 OK", b'0{"sid":7}')), NO_CHATENGINE),
    "a body without an end": ("polling", endless, None),
    "garbage for a websocket": ("websocket", answering(b"\x00\x01garbage\r\n\r\n"), None),
    "another protocol": ("polling", answering(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), None),
}
"""What answers, over which transport, and the whole sentence where it is ours alone."""


@pytest.mark.parametrize("what", ODD)
async def test_what_is_no_socketio_server(what: str) -> None:
    """C-CONN-3: it is tried again and again, and `last_error` says what is wrong."""
    transport, handler, sentence = ODD[what]
    heard = Heard()
    async with nothing_left(), raw_server(handler) as url:
        async with source(url, heard, transports=(transport,), timing=HASTY) as socket:
            await until(lambda: len(heard.losses) >= 3)
            assert (socket.connected, socket.state) == (False, ConnectionState.CONNECTING)
            assert socket.last_error == (sentence or heard.losses[0][0])
        assert len(set(heard.losses)) == 1
        assert heard.connections == 0


@pytest.mark.parametrize(
    "frames",
    [
        [""],
        ["x"],
        [b"\x00\x01"],
        ["4hello"],
        ["0"],
        ["0null"],
        ['0{"sid":"a"}'],
        ['0{"sid":"a","upgrades":[],"pingInterval":"soon","pingTimeout":1}'],
        ['0{"sid":"a","upgrades":[],"pingInterval":1e999,"pingTimeout":1}'],
        ["0" + "[" * 100_000],
    ],
)
async def test_what_is_no_open_packet(frames: list[str | bytes]) -> None:
    """A WebSocket that does not begin with Engine.IO's OPEN is no ChatEngine."""

    async def script(peer: Peer) -> None:
        await peer.send(*frames)
        await peer.rest()

    heard = Heard()
    async with (
        nothing_left(),
        scripted(script) as url,
        source(url, heard, transports=("websocket",), timing=HASTY),
    ):
        await until(lambda: len(heard.losses) >= 2)
        assert heard.losses[0] == (NO_CHATENGINE, False)


@pytest.mark.parametrize("heartbeat", [(0, 0), (-1000, 0), (10**9, 10**9)])
async def test_a_heartbeat_that_cannot_be_kept(heartbeat: tuple[int, int]) -> None:
    """A server that announces no heartbeat, or one of days, could not be missed (C-CONN-8)."""

    async def script(peer: Peer) -> None:
        await peer.open(*heartbeat)
        await peer.rest()

    heard = Heard()
    async with scripted(script) as url, source(url, heard, timing=HASTY):
        await until(lambda: heard.losses)
        assert heard.losses[0] == ("ChatEngine announced a heartbeat that cannot be kept", False)


async def test_a_connect_that_is_never_answered() -> None:
    """An attempt ends after its time also where Engine.IO is there and Socket.IO is not."""

    async def script(peer: Peer) -> None:
        await peer.open()
        await peer.rest()

    heard = Heard()
    async with (
        nothing_left(),
        scripted(script) as url,
        source(url, heard, transports=("websocket",), timing=HASTY),
    ):
        await until(lambda: len(heard.losses) >= 2)
        assert heard.losses[0] == (LATE, False)
        assert heard.connections == 0


async def test_garbage_in_the_middle_is_a_loss() -> None:
    """A frame that is no Engine.IO ends the connection, as in socket.io-client; it comes back."""
    scripts = iter([["\x00garbage"], []])

    async def script(peer: Peer) -> None:
        await peer.let_in()
        await peer.send(*next(scripts))
        await peer.rest()

    heard = Heard()
    async with nothing_left(), scripted(script) as url, source(url, heard):
        await until(lambda: heard.connections == 2)
        assert heard.losses == [("the connection to ChatEngine broke", False)]


async def test_a_message_beyond_all_bounds_is_a_loss(world: World) -> None:
    """A message of more than 16 MiB is not read; what comes after the reconnect is."""
    huge = ["42" + f'["message","{"x" * 17_000_000}"]', '42["message",{"id":"m-1"}]']

    async def script(peer: Peer) -> None:
        await peer.let_in()
        await peer.send(huge.pop(0))
        await peer.rest()

    heard = Heard()
    async with scripted(script) as url, source(url, heard):
        await until(lambda: heard.events)
    assert heard.all("message") == [{"id": "m-1"}]
    assert len(heard.losses) == 1


def front(world: World, answer: bytes | None) -> Handler:
    """A gateway that knows no WebSocket: it answers an upgrade so, or (None) not at all."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if b"transport=websocket" in request:
            if answer is None:
                await reader.read()
            writer.write(answer or b"")
            return
        host, port = world.url.removeprefix("http://").split(":")
        back, forth = await asyncio.open_connection(host, int(port))
        forth.write(request)
        await asyncio.gather(_pump(reader, forth), _pump(back, writer))

    return handle


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


@pytest.mark.parametrize("answer", [http("400 Bad Request"), http("200 OK", HTML), b"", None])
async def test_where_only_polling_can_be_had(world: World, answer: bytes | None) -> None:
    """Contract, section 2: websocket first, then polling, in one and the same attempt."""
    heard = Heard()
    async with raw_server(front(world, answer)) as url, source(url, heard) as socket:
        await until(lambda: socket.connected)
        assert (socket.transport, heard.losses) == ("polling", [])
        assert await socket.subscribe(JID)
        await world.arrive("A1")
        await until(lambda: heard.all("message"))


async def test_a_server_that_cannot_be_reached() -> None:
    """Where nobody listens, the other transport is not tried, and the sentence says so."""
    async with raw_server(silent) as url:
        pass  # a port that is free again
    heard = Heard()
    async with source(url, heard) as socket:
        await until(lambda: len(heard.losses) >= 3)
        assert socket.last_error is not None
        assert socket.last_error.startswith("ChatEngine cannot be reached (")
        assert socket.last_error.endswith("): check its URL and the network")
