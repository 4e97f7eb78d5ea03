"""Rooms, broadcasts, acknowledgements by clients, and a test's control of connections."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from chatengine.packets import PacketError
from fakes.chatengine.realtime import RealtimeServer
from tests.fakes.chatengine.protocol.wire import Client, closed, join, realtime_server, until

Realtime = tuple[Client, RealtimeServer]


async def test_a_broadcast_reaches_the_room_whatever_the_transport() -> None:
    """One event, to plain, compressed and polling members, text and binary, and to nobody else."""
    async with realtime_server(compression=True) as (client, server):
        plain, plain_sid = await client.join()
        packed, _ = await client.open_websocket(compress=15)
        packed_sid = await join(packed)
        outsider, outsider_sid = await client.join()
        polling = await client.open_polling()
        await client.post(polling, "40")
        await client.poll(polling)
        polling_sid = next(c for c in server.connections() if c.id == polling).sids["/"]
        for sid in (plain_sid, packed_sid, polling_sid):
            await server.enter_room(sid, "room")
        text = "x" * 2_000
        await server.emit("news", {"text": text, "data": b"\x01"}, room="room")
        await server.emit("own", room=outsider_sid)
        packet = f'451-["news",{{"text":"{text}","data":{{"_placeholder":true,"num":0}}}}]'
        for socket in (plain, packed):
            assert await socket.receive_str() == packet
            assert await socket.receive_bytes() == b"\x01"
        assert await client.poll(polling) == (200, f"{packet}\x1ebAQ==")
        assert await outsider.receive_str() == '42["own"]'


async def test_rooms_are_entered_left_and_closed(realtime: Realtime) -> None:
    """Only those inside hear; whoever is named by `skip_sid` does not; entering twice is once."""
    client, server = realtime
    (first, first_sid), (second, second_sid) = await client.join(), await client.join()
    for sid in (first_sid, first_sid, second_sid):
        await server.enter_room(sid, "a")
    await server.enter_room(first_sid, "b")
    await server.emit("1", room="a")
    await server.emit("2", room="a", skip_sid=first_sid)
    await server.leave_room(first_sid, "a")
    await server.leave_room(first_sid, "never entered")
    await server.emit("3", room="a")
    await server.emit("4", room=["a", "b"])
    await server.close_room("a")
    await server.emit("5", room="a")
    await server.emit("6")
    assert [await first.receive_str() for _ in range(3)] == ['42["1"]', '42["4"]', '42["6"]']
    expected = ['42["1"]', '42["2"]', '42["3"]', '42["4"]', '42["6"]']
    assert [await second.receive_str() for _ in range(5)] == expected
    assert server.rooms(first_sid) == [first_sid, "b"]


async def test_a_room_cannot_be_somebody_else(realtime: Realtime) -> None:
    """Entering the room of another's id would deliver what is meant for it alone."""
    client, server = realtime
    (_, first), (_, second) = await client.join(), await client.join()
    with pytest.raises(ValueError, match="cannot enter a sid room"):
        await server.enter_room(first, second)
    with pytest.raises(ValueError, match="sid is not connected to requested namespace"):
        await server.enter_room("unknown", "room")


async def test_an_event_that_cannot_be_encoded_is_the_callers_error(realtime: Realtime) -> None:
    """Nobody receives half of it."""
    client, server = realtime
    socket, _ = await client.join()
    with pytest.raises(PacketError, match="cannot be encoded as JSON"):
        await server.emit("bad", [b"x", object()])
    await server.emit("good")
    assert await socket.receive_str() == '42["good"]'


async def test_clients_acknowledge(realtime: Realtime) -> None:
    """`call` returns what the client answers; strangers' acknowledgements are ignored."""
    client, server = realtime
    socket, sid = await client.join()
    call = asyncio.create_task(server.call("question", 42, to=sid))
    assert await socket.receive_str() == '421["question",42]'
    for answer in ("437[]", "43[]", '431["yes"]', '431["again"]'):
        await socket.send_str(answer)
    assert await call == "yes"


async def test_a_callback_that_fails_disturbs_nobody(
    realtime: Realtime, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; the connection works on."""
    client, server = realtime

    async def callback(*_: Any) -> None:
        raise RuntimeError("a callback's own fault")

    socket, sid = await client.join()
    await server.emit("question", to=sid, callback=callback)
    assert await socket.receive_str() == '421["question"]'
    await socket.send_str("431[]")
    await socket.send_str('42["message"]')
    assert await socket.receive_str() == '42["message-back"]'
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["an acknowledgement's callback failed"]


async def test_the_server_disconnects_a_member(realtime: Realtime) -> None:
    """DISCONNECT for the namespace; the connection stays open, and can join again."""
    client, server = realtime
    reasons: list[str] = []
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    socket, sid = await client.join()
    await server.disconnect(sid)
    assert await socket.receive_str() == "41"
    await server.disconnect(sid)
    assert reasons == ["server disconnect"]
    await join(socket)


async def test_connections_are_listed(realtime: Realtime) -> None:
    """With transport, address and the ids of their namespaces; found by Socket.IO id too."""
    client, server = realtime
    polling = await client.open_polling()
    _, sid = await client.join()
    listed = {c.transport: c for c in server.connections()}
    assert (listed["polling"].id, listed["polling"].sids) == (polling, {})
    assert (listed["websocket"].sids, listed["websocket"].remote) == ({"/": sid}, "127.0.0.1")
    assert server.connection_of(sid) == listed["websocket"]
    with pytest.raises(KeyError):
        server.connection_of("unknown")


async def test_a_connection_is_cut_without_a_close_frame(realtime: Realtime) -> None:
    """The client sees its TCP connection end, and the server forgets it."""
    client, server = realtime
    reasons: list[str] = []
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    socket, sid = await client.join()
    server.cut(server.connection_of(sid).id)
    answer = await socket.receive()
    assert answer.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    assert server.connections() == []
    await until(lambda: reasons == ["transport error"])
    with pytest.raises(KeyError):
        server.cut("unknown")


async def test_a_polling_connection_is_cut(realtime: Realtime) -> None:
    """Its waiting poll ends without an answer."""
    client, server = realtime
    sid = await client.open_polling()
    reader, writer = await client.raw_request("GET", sid)
    await until(lambda: server.eio.waiting_polls == 1)
    server.cut(sid)
    assert await reader.read() == b""
    writer.close()
    assert server.connections() == []


async def test_a_connection_is_closed_by_engine_io(realtime: Realtime) -> None:
    """With a close frame, behind everything that was sent before."""
    client, server = realtime
    socket, sid = await client.join()
    await server.emit("last words", room=sid)
    server.close(server.connection_of(sid).id)
    assert await socket.receive_str() == '42["last words"]'
    await closed(socket)
    assert server.connections() == []


async def test_connections_are_closed_when_the_application_ends() -> None:
    """On either transport, and their disconnect handlers have run by then."""
    reasons: list[str] = []
    async with realtime_server() as (client, server):
        server.on("disconnect", lambda sid, reason: reasons.append(reason))
        socket, _ = await client.join()
        polling = await client.open_polling()
        poll = asyncio.create_task(client.poll(polling))
        await until(lambda: server.eio.waiting_polls == 1)
        shutdown = asyncio.create_task(server.shutdown())
        assert await poll == (200, "1")
        await closed(socket)
        await shutdown
        assert reasons == ["server disconnect"]


async def test_rooms_of_others_cost_a_disconnect_nothing(realtime: Realtime) -> None:
    """Leaving touches a member's own rooms alone, however many others there are."""
    client, server = realtime
    _, sid = await client.join()
    for number in range(20_000):
        await server.enter_room(sid, f"room-{number}")
    session = server.manager.member(sid, "/").session
    members = [server.manager.add(session, "/") for _ in range(500)]
    started = time.perf_counter()
    for member in members:
        server.manager.forget(member)
    assert time.perf_counter() - started < 0.2  # a walk through all rooms would take a second
