"""The WebSocket transport."""

import asyncio
import json

import aiohttp
import pytest

from chatengine.packets.websocket import Opcode, frame_of
from fakes.chatengine.engineio.outbound import message
from fakes.chatengine.engineio.server import EngineServer
from tests.fakes.chatengine.protocol.wire import (
    AT_ONCE_S,
    Client,
    closed,
    echo_server,
    until,
)

Echo = tuple[Client, EngineServer, list[str]]
MASK = b"\x01\x02\x03\x04"


async def test_text_and_binary_come_back(echo: Echo) -> None:
    """A text is a text and bytes are bytes, in order, also when longer than one TCP segment."""
    client, _, _ = echo
    socket, _ = await client.open_websocket()
    big = bytes(range(256)) * 1000
    await socket.send_str("4hello €")
    await socket.send_bytes(big)
    assert await socket.receive_str() == "4hello €"
    assert await socket.receive_bytes() == big


async def test_a_websocket_session_offers_no_upgrade(echo: Echo) -> None:
    """There is nothing better to upgrade to."""
    client, _, _ = echo
    socket = await client.websocket()
    assert json.loads((await socket.receive_str())[1:])["upgrades"] == []


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"abc", "parse error"),
        (b"", "parse error"),
        (b"1", "transport close"),
        (b"2", "transport error"),
    ],
)
async def test_an_invalid_packet_closes_at_once(echo: Echo, packet: bytes, reason: str) -> None:
    """So do a close packet and a ping by the client; the close frame has no code (Node)."""
    client, engine, reasons = echo
    async with asyncio.timeout(AT_ONCE_S), client.raw_websocket() as raw:
        raw.send(Opcode.TEXT, packet)
        (frame,) = await raw.frames(1)
        assert (frame.opcode, frame.close_code) == (Opcode.CLOSE, None)
        assert (engine.sessions, reasons) == ({}, [reason])
        raw.send(Opcode.CLOSE, b"")
        await raw.ends()


@pytest.mark.parametrize("text", ["0", "5", "6", "3", "3probe"])
async def test_packets_without_meaning_are_ignored(echo: Echo, text: str) -> None:
    """Node ignores an open, upgrade or noop by the client, and a pong that nobody asked for."""
    client, _, _ = echo
    socket, _ = await client.open_websocket()
    await socket.send_str(text)
    await socket.send_str("4still here")
    assert await socket.receive_str() == "4still here"


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        pytest.param(b"\xa1\x80" + MASK, 1002, id="reserved bit"),
        pytest.param(b"\xc1\x80" + MASK, 1002, id="compression not granted"),
        pytest.param(b"\x81\x02hi", 1002, id="not masked"),
        pytest.param(b"\x83\x80" + MASK, 1002, id="unknown opcode"),
        pytest.param(b"\x80\x80" + MASK, 1002, id="continuation of nothing"),
        pytest.param(frame_of(Opcode.TEXT, b"4\xff", MASK), 1007, id="not UTF-8"),
        pytest.param(b"\x81\xff" + (10**7).to_bytes(8, "big") + MASK, 1009, id="10 MB announced"),
    ],
)
async def test_a_malformed_frame_closes_with_its_code(echo: Echo, wire: bytes, code: int) -> None:
    """RFC 6455 says what to answer; another client notices nothing."""
    client, engine, reasons = echo
    other, _ = await client.open_websocket()
    async with asyncio.timeout(AT_ONCE_S), client.raw_websocket() as raw:
        raw.writer.write(wire)
        (frame,) = await raw.frames(1)
        assert (frame.opcode, frame.close_code) == (Opcode.CLOSE, code)
        await raw.ends()
        assert reasons == ["transport error"]
    await other.send_str("4still here")
    assert await other.receive_str() == "4still here"
    assert len(engine.sessions) == 1


async def test_a_message_of_ten_megabytes_closes_with_1009(echo: Echo) -> None:
    """The client reads the close code although it is still sending when it is refused."""
    client, _, reasons = echo
    socket, _ = await client.open_websocket()
    await socket.send_str("4" + "x" * 10_000_000)
    await closed(socket)
    assert socket.close_code == 1009
    assert reasons == ["transport error"]


async def test_a_message_of_exactly_the_limit_is_taken() -> None:
    """The limit counts the packet's type too, as Node's does."""
    async with echo_server(max_payload=100) as (client, _, _):
        socket, _ = await client.open_websocket()
        await socket.send_str("4" + "x" * 99)
        assert await socket.receive_str() == "4" + "x" * 99
        await socket.send_str("4" + "x" * 100)
        await closed(socket)
        assert socket.close_code == 1009


async def test_a_ping_frame_is_answered(echo: Echo) -> None:
    """A WebSocket ping is not an Engine.IO ping: its payload comes back in a pong frame."""
    client, _, _ = echo
    async with asyncio.timeout(AT_ONCE_S), client.raw_websocket() as raw:
        raw.send(Opcode.PING, b"abc")
        (frame,) = await raw.frames(1)
        assert (frame.opcode, frame.data) == (Opcode.PONG, b"abc")


async def test_a_close_frame_is_answered_and_ends_the_connection(echo: Echo) -> None:
    """The client's code comes back, then the end of the stream."""
    client, engine, reasons = echo
    async with asyncio.timeout(AT_ONCE_S), client.raw_websocket() as raw:
        raw.send(Opcode.CLOSE, (1001).to_bytes(2, "big"))
        (frame,) = await raw.frames(1)
        assert (frame.opcode, frame.close_code) == (Opcode.CLOSE, 1001)
        await raw.ends()
    assert (engine.sessions, reasons) == ({}, ["transport close"])


async def test_a_lost_connection_ends_the_session(echo: Echo) -> None:
    """A TCP connection that ends without a close frame is noticed at once."""
    client, engine, reasons = echo
    async with asyncio.timeout(AT_ONCE_S), client.raw_websocket() as raw:
        raw.writer.transport.abort()
        await until(lambda: not engine.sessions)
    assert reasons == ["transport close"]


async def test_a_peer_that_ignores_the_close_is_cut() -> None:
    """A closed WebSocket whose peer neither answers nor leaves is dropped after the grace."""
    async with echo_server(close_grace_ms=50) as (client, _, _), client.raw_websocket() as raw:
        async with asyncio.timeout(AT_ONCE_S):
            raw.send(Opcode.TEXT, b"1")
            (frame,) = await raw.frames(1)
            assert frame.opcode is Opcode.CLOSE
            await raw.ends()


async def test_a_slow_consumer_is_cut() -> None:
    """A client that reads nothing costs the server no more than the limit."""
    async with echo_server(max_write_buffer=100_000) as (client, engine, reasons):
        async with asyncio.timeout(AT_ONCE_S), client.raw_websocket():
            (session,) = engine.sessions.values()
            packet = message("x" * 50_000)
            peak = 0
            while engine.sessions:
                session.send(packet)
                peak = max(peak, session.transport.buffered)
                await asyncio.sleep(0)
        assert peak < 150_100  # the limit and the message that exceeded it
        assert reasons == ["transport error"]


@pytest.mark.parametrize("grant", [True, False])
async def test_compression_is_granted_where_it_is_set(grant: bool) -> None:
    """With permessage-deflate, large messages travel both ways in order among small ones."""
    async with echo_server(compression=grant) as (client, _, _):
        socket, _ = await client.open_websocket(compress=15)
        assert bool(socket.compress) is grant
        texts = ["4" + str(i) * (5_000 if i % 2 else 5) for i in range(10)]
        for text in texts:
            await socket.send_str(text)
        assert [await socket.receive_str() for _ in texts] == texts


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("Sec-WebSocket-Version", "12", 426),
        ("Sec-WebSocket-Key", "short", 400),
        ("Sec-WebSocket-Key", "", 400),
        ("Connection", "keep-alive", 400),
        ("Upgrade", "h2c", 400),
    ],
)
async def test_a_bad_websocket_handshake_is_refused(
    echo: Echo, header: str, value: str, status: int
) -> None:
    """RFC 6455, 4.2.1: the two upgrade headers, version 13 and a key of 16 bytes."""
    client, engine, _ = echo
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    query = {"EIO": "4", "transport": "websocket"}
    async with client.http.get(
        client.url, params=query, headers=headers | {header: value}
    ) as answer:
        assert answer.status == status
    assert engine.sessions == {}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"transport": "websocket"}, 5),
        ({"EIO": "abc", "transport": "websocket"}, 5),
        ({"EIO": "4"}, 0),
        ({"EIO": "4", "transport": "polling"}, 3),
        ({"EIO": "4", "transport": "websocket", "sid": "unknown"}, 1),
    ],
)
async def test_a_websocket_with_a_bad_query_is_refused(
    echo: Echo, query: dict[str, str], code: int
) -> None:
    """The checks of polling hold for a WebSocket too."""
    client, _, _ = echo
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await client.http.ws_connect(client.url, params=query)
    assert caught.value.status == 400
