"""Within a channel and around it: leaving, tokens, heartbeats, broadcasts, and every end."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import WSMsgType
from msgspec.structs import replace

from fakes.supabase import Limits, Timing
from fakes.supabase.faults import HeartbeatUnanswered, SystemDelayed
from tests.fakes.supabase.world import SETTINGS, Phoenix, binding, message, running
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fakes.supabase.world import World

VERSIONS = pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])


@VERSIONS
async def test_heartbeats(world: World, version: str) -> None:
    """A heartbeat is answered with its ref."""
    phoenix = await world.connect(version)
    ref = await phoenix.send("phoenix", "heartbeat", {})
    reply = await phoenix.expect("phx_reply")
    assert (reply.ref, reply.join_ref, reply.topic) == (ref, None, "phoenix")
    assert reply.payload == {"status": "ok", "response": {}}


async def test_a_heartbeat_without_a_ref(world: World) -> None:
    """Python sends its heartbeats with a null ref; the answer has it too."""
    phoenix = await world.connect("1.0.0")
    await phoenix.ws.send_json(
        {"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": None, "join_ref": None}
    )
    assert (await phoenix.expect("phx_reply")).ref is None


async def test_heartbeats_unanswered(world: World) -> None:
    """Heartbeats go unanswered while a test wants it so; the rest goes on."""
    world.faults.add(HeartbeatUnanswered(count=1))
    phoenix = await world.connect()
    await phoenix.send("phoenix", "heartbeat", {})
    ref = await phoenix.send("phoenix", "heartbeat", {})
    assert (await phoenix.receive()).ref == ref


@pytest.mark.parametrize("ping", [False, True])
async def test_silence_ends_a_socket(ping: bool) -> None:
    """Without data from the client the server closes; a ping is data too."""
    timing = replace(SETTINGS.timing, idle_timeout_ms=150)
    async with running(replace(SETTINGS, timing=timing)) as world:
        phoenix, began = await world.connect(), time.monotonic()
        if ping:
            for _ in range(4):
                await phoenix.ws.ping()
                with pytest.raises(TimeoutError):
                    await phoenix.ws.receive(timeout=0.05)
        assert await phoenix.closed() == 1000
        assert time.monotonic() - began >= (0.3 if ping else 0.15)
        await until(lambda: not world.supabase.hub.sockets)
    assert Timing().idle_timeout_ms == 60_000


@VERSIONS
async def test_leaving(world: World, version: str) -> None:
    """`phx_leave` is answered, then the channel is closed; its changes end, another's do not."""
    phoenix = await world.connect(version)
    system = await phoenix.subscribe(binding(), topic="realtime:a")
    await phoenix.subscribe(binding(), topic="realtime:b")
    ref = await phoenix.send("realtime:a", "phx_leave", {}, join_ref=system.join_ref)
    reply = await phoenix.expect("phx_reply")
    assert (reply.ref, reply.payload) == (ref, {"status": "ok", "response": {}})
    close = await phoenix.expect("phx_close")
    assert (close.topic, close.payload, close.join_ref) == ("realtime:a", {}, system.join_ref)
    world.insert(message())
    assert (await phoenix.expect("postgres_changes")).topic == "realtime:b"
    assert [each["topic"] for each in await world.control.call("GET", "/channels")] == ["b"]


async def test_leaving_what_was_not_joined(world: World) -> None:
    """Leaving goes well, whatever it is."""
    phoenix = await world.connect()
    await phoenix.send("realtime:a", "phx_leave", {}, ref="7", join_ref="3")
    assert tuple(await phoenix.receive()) == (
        "3",
        "7",
        "realtime:a",
        "phx_reply",
        {"status": "ok", "response": {}},
    )


@VERSIONS
async def test_an_unmatched_topic(world: World, version: str) -> None:
    """Anything else to a topic that was not joined is an error."""
    phoenix = await world.connect(version)
    ref = await phoenix.send("realtime:a", "broadcast", {}, join_ref="1")
    reply = await phoenix.expect("phx_reply")
    assert (reply.ref, reply.join_ref) == (ref, None)
    assert reply.payload == {"status": "error", "response": {"reason": "unmatched topic"}}


async def test_a_frame_of_an_older_join_is_ignored(world: World) -> None:
    """A leave that raced with a rejoin does not end the new channel."""
    phoenix = await world.connect()
    await phoenix.subscribe(binding())
    await phoenix.send("realtime:room", "phx_leave", {}, join_ref="an older one")
    world.insert(message())
    assert await phoenix.change()


@pytest.mark.parametrize("how", ["error", "close", "expire"])
@VERSIONS
async def test_how_a_channel_ends(world: World, version: str, how: str) -> None:
    """A crash is `phx_error`; an expiry says why, then closes. The channel can be joined again."""
    phoenix = await world.connect(version)
    system = await phoenix.subscribe(binding())
    assert await world.control.call("POST", "/channels/end", {"how": how}) == {"ended": 1}
    if how == "expire":
        said = await phoenix.expect("system")
        assert said.payload == {
            "extension": "system",
            "status": "error",
            "message": "Token has expired 0 seconds ago",
            "channel": "room",
        }
    end = await phoenix.expect("phx_error" if how == "error" else "phx_close")
    assert (end.topic, end.payload, end.join_ref) == ("realtime:room", {}, system.join_ref)
    assert await world.control.call("GET", "/channels") == []
    await phoenix.subscribe(binding())
    world.insert(message())
    assert await phoenix.change()


async def test_one_channel_of_many_ends(world: World) -> None:
    """A test names the topic, or the socket, or both."""
    first, second = await world.connect(), await world.connect()
    for phoenix in (first, second):
        await phoenix.join(topic="realtime:a")
        await phoenix.join(topic="realtime:b")
    socket_id = (await world.control.call("GET", "/sockets"))[0]["socketId"]
    what = {"how": "error", "topic": "a", "socketId": socket_id}
    assert await world.control.call("POST", "/channels/end", what) == {"ended": 1}
    assert (await first.expect("phx_error")).topic == "realtime:a"
    left = {each["socketId"] == socket_id: each["topics"] for each in await _sockets(world)}
    assert left == {True: ["b"], False: ["a", "b"]}


async def _sockets(world: World) -> list[dict[str, Any]]:
    sockets: list[dict[str, Any]] = await world.control.call("GET", "/sockets")
    return sockets


async def test_a_token_expires(world: World) -> None:
    """At its end `system` says so, then the channel is closed; others live."""
    phoenix = await world.connect()
    await phoenix.join(access_token=world.token(ttl_s=1), topic="realtime:a")
    await phoenix.join(topic="realtime:b")
    system = await phoenix.expect("system")
    assert system.payload["status"] == "error"
    assert system.payload["extension"] == "system"
    assert system.payload["message"] in (
        "Token has expired 0 seconds ago",
        "Token has expired 1 seconds ago",
    )
    assert (await phoenix.expect("phx_close")).topic == "realtime:a"
    assert [each["topic"] for each in await world.control.call("GET", "/channels")] == ["b"]


async def test_a_new_token_in_time(world: World) -> None:
    """A pushed token has no reply, and keeps the channel open; `system` says that it holds."""
    phoenix = await world.connect()
    await phoenix.subscribe(binding(), access_token=world.token(ttl_s=1))
    fresh = world.token(workspace_id="w-2")
    for token in (fresh, fresh, None, "sb_publishable_x"):  # only the first one is news
        await phoenix.send("realtime:room", "access_token", {"access_token": token}, join_ref="1")
    assert (await phoenix.expect("system")).payload["message"] == "Subscribed to PostgreSQL"
    ended = time.time() + 1.1
    await until(lambda: time.time() > ended)  # the first token is over, and nothing says so
    world.insert(message(), message(workspace_id="w-2", body="as the new one"))
    assert (await phoenix.change())["record"]["body"] == "as the new one"


@pytest.mark.parametrize(("delay_ms", "poll_ms"), [(50, 1), (0, 50)])
async def test_no_change_is_lost_over_a_new_token(delay_ms: int, poll_ms: int) -> None:
    """Until the subscription is renewed the old one goes on, and what it has not seen yet stays."""
    timing = replace(SETTINGS.timing, poll_ms=poll_ms)
    async with running(replace(SETTINGS, timing=timing)) as world:
        phoenix = await world.connect()
        await phoenix.subscribe(binding())
        world.faults.add(SystemDelayed(ms=delay_ms, count=1))
        world.insert(*(message() for _ in range(10)))
        payload = {"access_token": world.token()}
        await phoenix.send("realtime:room", "access_token", payload, join_ref="1")
        events = [(await phoenix.receive()).event for _ in range(11)]
        assert (events.count("postgres_changes"), events.count("system")) == (10, 1)


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("garbage", "The token provided is not a valid JWT"),
        (None, "Token has expired 5 seconds ago"),
    ],
)
async def test_a_bad_token_closes_the_channel(world: World, token: str | None, said: str) -> None:
    """A pushed token that is not taken ends the channel, with the reason."""
    phoenix = await world.connect()
    await phoenix.join()
    payload = {"access_token": token or world.token(ttl_s=-5)}
    await phoenix.send("realtime:room", "access_token", payload, join_ref="1")
    message = (await phoenix.expect("system")).payload["message"]
    assert message in (said, said.replace("5", "6"))
    await phoenix.expect("phx_close")


@pytest.mark.parametrize("code", [1000, 1001, 1012, 4000])
async def test_a_close_with_a_code(world: World, code: int) -> None:
    """A test closes sockets with the code it says, and nothing of them is left."""
    phoenix = await world.connect()
    await phoenix.subscribe(binding())
    what = {"how": "close", "code": code}
    assert await world.control.call("POST", "/sockets/drop", what) == {"dropped": 1}
    assert await phoenix.closed() == code
    await until(lambda: not world.supabase.hub.sockets)
    assert not list(world.supabase.hub.channels())


async def test_an_abort(world: World) -> None:
    """The connection is cut without a word."""
    phoenix = await world.connect()
    await phoenix.join()
    await world.control.call("POST", "/sockets/drop", {"how": "abort"})
    assert await phoenix.closed() == 1006
    await until(lambda: not world.supabase.hub.sockets)


async def test_sockets_of_one_workspace_are_dropped(world: World) -> None:
    """Those that match all that is given."""
    mine = await world.connect()
    theirs = await world.connect(key=world.supabase.anon_keys["w-2"])
    what = {"how": "close", "workspaceId": "w-2"}
    assert await world.control.call("POST", "/sockets/drop", what) == {"dropped": 1}
    assert await theirs.closed() == 1001
    assert (await mine.join()).payload["status"] == "ok"


async def test_a_client_that_vanishes_leaves_nothing(world: World) -> None:
    """Neither socket nor channel nor subscription."""
    phoenix = await world.connect()
    await phoenix.subscribe(binding())
    (channel,) = world.supabase.hub.channels()
    await phoenix.ws.close()
    await until(lambda: not world.supabase.hub.sockets)
    assert not channel.is_subscribed


async def test_the_end_of_the_server_drains(world: World) -> None:
    """A server that ends closes with 1012."""
    async with running() as other:
        ws = await world.session.ws_connect(other.socket_url())
        closed = asyncio.create_task(Phoenix(ws, "2.0.0").closed())
        await until(lambda: other.supabase.hub.sockets)
    assert await closed == 1012


# broadcasts


@VERSIONS
async def test_broadcasts(world: World, version: str) -> None:
    """They reach the others of the topic; the sender too, and an answer, where it asks for them."""
    first, second = await world.connect(version), await world.connect()
    away = await world.connect()
    reply = await first.join(config={"broadcast": {"ack": True, "self": True}})
    await second.join()
    await away.join(topic="realtime:elsewhere")
    payload = {"type": "broadcast", "event": "hello", "payload": {"to": "all"}}
    ref = await first.send("realtime:room", "broadcast", payload, join_ref=reply.ref)
    assert (await first.expect("broadcast")).payload == payload
    answer = await first.expect("phx_reply")
    assert (answer.ref, answer.payload) == (ref, {"status": "ok", "response": {}})
    heard = await second.expect("broadcast")
    assert (heard.join_ref, heard.ref, heard.payload) == (None, None, payload)
    beat = await away.send("phoenix", "heartbeat", {})
    assert (await away.receive()).ref == beat


async def test_broadcasts_in_binary_frames(world: World) -> None:
    """JSON in a binary frame reaches everybody as JSON, bytes those who speak version 2."""
    first, second, third = [await world.connect(v) for v in ("2.0.0", "2.0.0", "1.0.0")]
    for phoenix in (first, second, third):
        await phoenix.join()
    await first.ws.send_bytes(_pushed(b'{"a":1}', encoding=1))
    for phoenix in (second, third):
        assert (await phoenix.expect("broadcast")).payload == {
            "type": "broadcast",
            "event": "wave",
            "payload": {"a": 1},
        }
    await first.ws.send_bytes(_pushed(b"\x00\xff", encoding=0))
    got = await second.ws.receive(timeout=5)
    assert (got.type, got.data) == (
        WSMsgType.BINARY,
        bytes((4, 13, 4, 0, 0)) + b"realtime:room" + b"wave" + b"\x00\xff",
    )


def _pushed(content: bytes, encoding: int) -> bytes:
    texts = (b"1", b"9", b"realtime:room", b"wave", b"")
    return bytes((3, *map(len, texts), encoding)) + b"".join(texts) + content


async def test_presence_is_refused_in_words(world: World) -> None:
    """Tracking is no part of the fake, and it says so."""
    phoenix = await world.connect()
    await phoenix.join()
    await phoenix.send("realtime:room", "presence", {"event": "track"}, join_ref="1")
    assert (await phoenix.expect("phx_reply")).payload["status"] == "error"


# what nobody should send


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "garbage",
        "{}",
        "[]",
        "null",
        "5",
        '{"topic": "phoenix"}',
        '["1", "1", "realtime:room"]',
        '[1, 2, "realtime:room", "phx_join", {}]',
        '["1", "1", 5, "phx_join", {}]',
        '["1", "1", "realtime:room", "phx_join"]',
        deep(100_000),
        f'["9", "9", "realtime:room", "phx_join", {{"config": {deep(500)}}}]',
        f'["9", "9", "realtime:x", "broadcast", {deep(900)}]',
        '["9", "9", "realtime:\\ud800", "phx_join", {}]',
        b"",
        b"\x03",
        b"\x03\x01\x01\xff\x01\x01\x00abc",
        b"\x00\x01\x01\x01\x01\x01\x00abcdefgh",
        b"\x03\x00\x00\x01\x01\x00\x01\xff\xff{}",
        b"\x03\x00\x00\x01\x01\x00\x01ab{",
    ],
)
@VERSIONS
async def test_malformed_frames_are_ignored(world: World, version: str, frame: str | bytes) -> None:
    """No frame ends the socket, and none troubles another."""
    phoenix, other = await world.connect(version), await world.connect()
    await other.subscribe(binding())
    if isinstance(frame, bytes):
        await phoenix.ws.send_bytes(frame)
    else:
        await phoenix.ws.send_str(frame)
    beat = await phoenix.send("phoenix", "heartbeat", {}, ref="the heartbeat")
    while (await phoenix.receive()).ref != beat:
        pass  # a few of these are frames, and are answered
    world.insert(message())
    assert await other.change()


@pytest.mark.parametrize("event", ["broadcast", "access_token", "presence", "phx_leave", "x" * 999])
@pytest.mark.parametrize("payload", [None, 5, "text", [], [[]], {"access_token": 5}])
async def test_payloads_of_any_type(world: World, event: str, payload: object) -> None:
    """Whatever a client says in its channel, the socket lives."""
    phoenix = await world.connect()
    await phoenix.join()
    await phoenix.send("realtime:room", event, payload, join_ref="1")
    beat = await phoenix.send("phoenix", "heartbeat", {})
    while (await phoenix.receive()).ref != beat:
        pass


async def test_a_deep_broadcast_reaches_nobody(world: World) -> None:
    """What can be read but not written again is dropped, and the next one comes through."""
    first, second = await world.connect(), await world.connect()
    await first.join()
    await second.join()
    for levels in (600, 900, 990):
        await first.ws.send_str(f'["1", "2", "realtime:room", "broadcast", {deep(levels)}]')
    await first.send("realtime:room", "broadcast", {"event": "last"}, join_ref="1")
    while (await second.expect("broadcast")).payload != {"event": "last"}:
        pass


async def test_a_frame_beyond_the_limit() -> None:
    """A message beyond the limit ends the socket with 1009; others live."""
    async with running(replace(SETTINGS, limits=Limits(frame=1000))) as world:
        phoenix, other = await world.connect(), await world.connect()
        await phoenix.send("realtime:room", "x", "y" * 1000)
        assert await phoenix.closed() == 1009
        assert (await other.join()).payload["status"] == "ok"
    assert Limits().frame == 5_000_000


async def test_a_client_that_does_not_read_is_cut_at_last(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for a client is bounded; beyond it the connection is cut."""
    monkeypatch.setattr("fakes.supabase.realtime.socket._MOST_UNSENT", 1_000_000)
    deaf = await world.connect()
    await deaf.subscribe(binding())

    def flood() -> bool:
        world.insert(*(message(body="x" * 500_000) for _ in range(5)))
        return not world.supabase.hub.sockets

    await until(flood)
    assert await deaf.closed() == 1006
