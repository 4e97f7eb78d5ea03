"""The Socket.IO protocol at the wire: connecting, events, acknowledgements, and what is refused."""

import asyncio
import json
from typing import Any

import pytest
from socketio.exceptions import ConnectionRefusedError as Refused

from fakes.chatengine.realtime import RealtimeServer
from tests.fakes.chatengine.protocol.wire import Client, closed, join, realtime_server, until

Realtime = tuple[Client, RealtimeServer]


async def test_a_client_joins_the_main_namespace(realtime: Realtime) -> None:
    """CONNECT is answered with an id of its own."""
    client, server = realtime
    _, sid = await client.join()
    assert [connection.sids for connection in server.connections()] == [{"/": sid}]


async def test_an_unknown_namespace_is_refused_with_nodes_words(realtime: Realtime) -> None:
    """The connection stays open, and another namespace can be joined."""
    client, _ = realtime
    socket, _ = await client.open_websocket()
    await socket.send_str("40/random")
    assert await socket.receive_str() == '44/random,{"message":"Invalid namespace"}'
    await join(socket)


async def test_a_refusal_has_its_words_and_its_data(realtime: Realtime) -> None:
    """A connect handler that refuses answers CONNECT_ERROR; the client may try again."""
    client, server = realtime

    async def connect(sid: str, environ: dict[str, str], auth: dict[str, str] | None) -> None:
        if auth != {"token": "good"}:
            await server.enter_room(sid, "room")
            raise Refused("no token", {"code": "unauthorized"})

    server.on("connect", connect)
    socket, _ = await client.open_websocket()
    await socket.send_str("40")
    answer = '44{"message":"no token","data":{"code":"unauthorized"}}'
    assert await socket.receive_str() == answer
    await server.emit("secret", room="room")
    await join(socket, auth='{"token":"good"}')
    await socket.send_str('42["message"]')
    assert await socket.receive_str() == '42["message-back"]'


async def test_what_the_connect_handler_emits_follows_the_connect_packet(
    realtime: Realtime,
) -> None:
    """Also what others emit to a room that it entered."""
    client, server = realtime

    async def connect(sid: str, environ: dict[str, str], auth: object) -> None:
        await server.emit("first", environ["QUERY_STRING"], room=sid)
        await server.enter_room(sid, "room")
        await server.emit("second", auth, room="room")

    server.on("connect", connect)
    socket, _ = await client.open_websocket()
    await join(socket, auth='{"a":1}')
    assert await socket.receive_str() == '42["first","EIO=4&transport=websocket"]'
    assert await socket.receive_str() == '42["second",{"a":1}]'


async def test_arguments_and_answers_keep_their_form(realtime: Realtime) -> None:
    """Several arguments of any JSON type go and come back; so does an acknowledgement's id."""
    client, _ = realtime
    socket, _ = await client.join()
    await socket.send_str('42["message",1,"2",{"3":[true,null]}]')
    assert await socket.receive_str() == '42["message-back",1,"2",{"3":[true,null]}]'
    await socket.send_str('42456["message-with-ack",1,"2",{"3":[false]}]')
    assert await socket.receive_str() == '43456[1,"2",{"3":[false]}]'


async def test_binary_arguments_go_and_come_back(realtime: Realtime) -> None:
    """Attachments travel behind their packet, for events and for acknowledgements."""
    client, _ = realtime
    socket, _ = await client.join()
    placeholders = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
    for sent, answered in (
        ('452-["message",', '452-["message-back",'),
        ('452-789["message-with-ack",', "462-789["),
    ):
        await socket.send_str(f"{sent}{placeholders}]")
        await socket.send_bytes(b"\x01\x02\x03")
        await socket.send_bytes(b"\x04")
        assert await socket.receive_str() == f"{answered}{placeholders}]"
        assert [await socket.receive_bytes() for _ in range(2)] == [b"\x01\x02\x03", b"\x04"]


async def test_everything_works_over_polling(realtime: Realtime) -> None:
    """Binary included, which travels in base64."""
    client, _ = realtime
    sid = await client.open_polling()
    await client.post(sid, "40")
    _, answer = await client.poll(sid)
    assert answer.startswith('40{"sid":"')
    await client.post(sid, '451-["message",{"_placeholder":true,"num":0}]\x1ebAQID')
    expected = '451-["message-back",{"_placeholder":true,"num":0}]\x1ebAQID'
    assert await client.poll(sid) == (200, expected)


async def test_namespaces_are_apart(realtime: Realtime) -> None:
    """Leaving one leaves the other, and the connection, as they are."""
    client, server = realtime
    gone: list[str] = []
    server.on("disconnect", lambda sid, reason: gone.append(reason), namespace="/custom")
    socket, _ = await client.join()
    await join(socket, "/custom")
    await socket.send_str("41/custom,")
    await socket.send_str('42["message","main"]')
    assert await socket.receive_str() == '42["message-back","main"]'
    assert gone == ["client disconnect"]
    await join(socket, "/custom")


@pytest.mark.parametrize(
    "packet",
    ["4abc", '42["message"]', "431[]", "41", '44"x"', '451-["message",{}]', "4", "40[]", "47"],
)
async def test_anything_but_a_good_connect_closes_a_fresh_connection(
    realtime: Realtime, packet: str
) -> None:
    """An invalid handshake, and an event before CONNECT, close at once."""
    client, _ = realtime
    socket, _ = await client.open_websocket()
    await socket.send_str(packet)
    if packet.startswith("45"):
        await socket.send_bytes(b"x")
    await closed(socket)


@pytest.mark.parametrize(
    "packet",
    [
        "4abc", "42{}", "42", '42["disconnect"]', '42abc["message-with-ack"]', "43x", "41{}",
        "40", '44"x"', '42/other,["message"]', '4511-["message"]', '45-["message"]',
        '450-["message",{"_placeholder":true,"num":0}]', "42" + "[" * 90_000,
    ],
)  # fmt: skip
async def test_an_invalid_packet_closes_at_once(realtime: Realtime, packet: str) -> None:
    """A second CONNECT, an event of a namespace not joined, impossible attachment counts too."""
    client, server = realtime
    reasons: list[str] = []
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    other, _ = await client.join()
    socket, _ = await client.join()
    await socket.send_str(packet)
    await closed(socket)
    await until(lambda: reasons == ["server disconnect"])
    await other.send_str('42["message"]')
    assert await other.receive_str() == '42["message-back"]'


@pytest.mark.parametrize("attachment", ["text", "too many", "without a packet", "wrong number"])
async def test_attachments_out_of_place_close_at_once(realtime: Realtime, attachment: str) -> None:
    """A text where an attachment is due, an attachment that nothing announced, and so on."""
    client, _ = realtime
    socket, _ = await client.join()
    number = 1 if attachment == "wrong number" else 0
    if attachment != "without a packet":
        text = f'451-["message",{{"_placeholder":true,"num":{number}}}]'
        await socket.send_str(text)
    if attachment == "text":
        await socket.send_str('42["message"]')
    else:
        await socket.send_bytes(b"x")
    if attachment == "too many":
        assert (await socket.receive_str()).startswith("451-")
        assert await socket.receive_bytes() == b"x"
        await socket.send_bytes(b"y")
    await closed(socket)


async def test_an_invalid_packet_over_polling_closes_the_session(realtime: Realtime) -> None:
    """The next poll says so with a close packet, the one after that is refused."""
    client, _ = realtime
    sid = await client.open_polling()
    await client.post(sid, "4abc")
    assert await client.poll(sid) == (200, "1")
    assert (await client.poll(sid))[0] == 400


async def test_a_connection_that_never_connects_is_closed_in_time() -> None:
    """After connectTimeout, not when the heartbeat runs out; one that has joined stays."""
    async with realtime_server(connect_timeout_ms=100) as (client, server):
        joined, sid = await client.join()
        crowd = await asyncio.gather(*(client.open_websocket() for _ in range(200)))
        refused, _ = await client.open_websocket()
        await refused.send_str("40/random")
        await refused.receive_str()
        await asyncio.gather(*(closed(socket) for socket, _ in crowd), closed(refused))
        await joined.send_str('42["message"]')
        assert await joined.receive_str() == '42["message-back"]'
        assert [connection.sids for connection in server.connections()] == [{"/": sid}]


async def test_a_handler_that_fails_disturbs_nobody(
    realtime: Realtime, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged and answers no acknowledgement; the connection works on."""
    client, server = realtime

    async def fail(sid: str, *_: Any) -> None:
        raise RuntimeError("a handler's own fault")

    server.on("fail", fail)
    server.on("strict", lambda sid: "ok")
    server.on("unencodable", lambda sid: object())
    socket, _ = await client.join()
    for event in (
        '1["fail"]',
        '2["strict","surplus"]',
        '3["unencodable"]',
        '4["unknown"]',
        '5["*"]',
    ):
        await socket.send_str(f"42{event}")
    await socket.send_str('42["message"]')
    assert await socket.receive_str() == '42["message-back"]'
    assert [record.getMessage() for record in caplog.records] == [
        "the handler of event 'fail' failed",
        "the handler of event 'strict' failed",
        "the handler of event 'unencodable' failed",
    ]


async def test_a_connect_handler_that_fails_refuses(
    realtime: Realtime, caplog: pytest.LogCaptureFixture
) -> None:
    """The client is told no more than that."""
    client, server = realtime

    async def connect(sid: str, environ: object, auth: dict[str, Any]) -> None:
        auth["missing"]["deeper"]

    server.on("connect", connect)
    socket, _ = await client.open_websocket()
    await socket.send_str('40{"a":1}')
    assert await socket.receive_str() == '44{"message":"Internal error"}'
    assert [record.getMessage() for record in caplog.records] == ["the connect handler failed"]


async def test_a_disconnect_handler_still_knows_its_member(realtime: Realtime) -> None:
    """Rooms and session data are there until it ends; nothing is delivered meanwhile."""
    client, server = realtime
    known: list[Any] = []

    async def disconnect(sid: str, reason: str) -> None:
        known.append((reason, sorted(map(str, server.rooms(sid))), await server.get_session(sid)))

    server.on("disconnect", disconnect)
    socket, sid = await client.join()
    await server.enter_room(sid, "room")
    await server.save_session(sid, {"user": "u-1"})
    await socket.close()
    await until(lambda: bool(known))
    assert known == [("transport close", sorted([sid, "room"]), {"user": "u-1"})]
    assert server.connections() == []
    with pytest.raises(KeyError):
        await server.get_session(sid)


async def test_a_client_lost_while_connecting_is_disconnected_afterwards(
    realtime: Realtime,
) -> None:
    """What the connect handler set up can be undone, though the client never saw CONNECT."""
    client, server = realtime
    entered, leave = asyncio.Event(), asyncio.Event()
    gone: list[str] = []

    async def connect(sid: str, environ: object, auth: object) -> None:
        entered.set()
        await leave.wait()

    server.on("connect", connect)
    server.on("disconnect", lambda sid, reason: gone.append(reason))
    socket, _ = await client.open_websocket()
    await socket.send_str("40")
    await entered.wait()
    await socket.close()
    await until(lambda: not server.connections())
    assert gone == []
    leave.set()
    await until(lambda: gone == ["transport close"])


async def test_an_event_while_connecting_is_out_of_place() -> None:
    """Node knows no socket of the namespace until its CONNECT is answered."""

    async def connect(sid: str, environ: object, auth: object) -> None:
        await asyncio.Event().wait()

    async with realtime_server(close_grace_ms=50) as (client, server):
        server.on("connect", connect)
        socket, _ = await client.open_websocket()
        await socket.send_str("40")
        await socket.send_str('42["message"]')
        await closed(socket)


async def test_half_a_surrogate_pair_is_relayed_as_a_replacement(realtime: Realtime) -> None:
    """A text that JavaScript cut inside an emoji is no reason to close."""
    client, _ = realtime
    socket, _ = await client.join()
    await socket.send_str('42["message","\\ud83d"]')
    assert json.loads((await socket.receive_str())[2:]) == ["message-back", "\ufffd"]
