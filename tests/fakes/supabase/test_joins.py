"""Joining a channel: the reply, `system` after it, and every reason to be refused."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from fakes.environment import Secret
from fakes.supabase import Limits, Timing
from fakes.supabase.faults import JoinDelayed, JoinMismatched, JoinRefused, JoinUnanswered
from fakes.supabase.keys import Keys
from tests.fakes.supabase.world import SETTINGS, Got, binding, message, running

if TYPE_CHECKING:
    from tests.fakes.supabase.world import World

VERSIONS = pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])


def refusal(reply: Got) -> str:
    """The reason of a refused join."""
    assert reply.payload["status"] == "error", reply
    assert list(reply.payload["response"]) == ["reason"]
    reason: str = reply.payload["response"]["reason"]
    return reason


@VERSIONS
async def test_the_reply_has_the_bindings_in_order_each_with_an_id(
    world: World, version: str
) -> None:
    """Clients match by index: the objects as they were given, in the order they were given."""
    wanted = [
        binding("INSERT", filter="conversation_id=eq.c-1"),
        binding("UPDATE", filter="conversation_id=eq.c-1"),
        binding("*", "conversations"),
    ]
    phoenix = await world.connect(version)
    reply = await phoenix.join(*wanted)
    answered = reply.payload["response"]["postgres_changes"]
    ids = [each.pop("id") for each in answered]
    assert reply.payload["status"] == "ok"
    assert answered == wanted
    assert all(isinstance(each, int) for each in ids)
    assert len(set(ids)) == 3
    assert reply.join_ref == (None if version == "1.0.0" else reply.ref)


async def test_ids_are_a_hash_of_the_parameters(world: World) -> None:
    """The same binding has the same id in any channel, whatever the order of its fields."""
    phoenix = await world.connect()
    first = await phoenix.join(binding(), topic="realtime:a")
    await phoenix.expect("system")
    second = await phoenix.join(dict(reversed(binding().items())), topic="realtime:b")
    ids = [each.payload["response"]["postgres_changes"][0]["id"] for each in (first, second)]
    assert ids[0] == ids[1]


@VERSIONS
async def test_system_follows_the_reply(world: World, version: str) -> None:
    """`system` says when the subscription is there, and names the channel without `realtime:`."""
    phoenix = await world.connect(version)
    reply = await phoenix.join(binding(), topic="realtime:messages-c-1")
    system = await phoenix.expect("system")
    assert system.payload == {
        "extension": "postgres_changes",
        "status": "ok",
        "message": "Subscribed to PostgreSQL",
        "channel": "messages-c-1",
    }
    assert (system.ref, system.join_ref) == (None, reply.join_ref)


async def test_without_bindings_there_is_no_system(world: World) -> None:
    """A channel without database changes subscribes to none."""
    phoenix = await world.connect()
    reply = await phoenix.join()
    assert reply.payload["response"] == {"postgres_changes": []}
    ref = await phoenix.send("phoenix", "heartbeat", {})
    assert (await phoenix.receive()).ref == ref


@VERSIONS
async def test_presence_state_follows_where_presence_is_enabled(world: World, version: str) -> None:
    """The state comes after the reply, with the join_ref in version 2."""
    phoenix = await world.connect(version)
    reply = await phoenix.join(config={"presence": {"key": "", "enabled": True}})
    state = await phoenix.expect("presence_state")
    assert (state.payload, state.ref, state.join_ref) == ({}, None, reply.join_ref)


async def test_changes_before_system_are_lost() -> None:
    """What is committed between the reply and `system` never comes, even if polled after it."""
    timing = replace(SETTINGS.timing, system_delay_ms=20, poll_ms=50)
    async with running(replace(SETTINGS, timing=timing)) as world:
        early = await world.connect()
        await early.subscribe(binding())
        phoenix = await world.connect()
        await phoenix.join(binding())
        world.insert(message(body="in the gap"))
        await phoenix.expect("system")
        world.insert(message(body="after it"))
        assert (await phoenix.change())["record"]["body"] == "after it"
        assert (await early.change())["record"]["body"] == "in the gap"
    assert Timing().system_delay_ms == 100


async def test_the_first_join_may_lack_its_token(world: World) -> None:
    """The API key of the socket then says who it is."""
    phoenix = await world.connect()
    await phoenix.subscribe(binding())
    (channel,) = await world.control.call("GET", "/channels")
    assert (channel["role"], channel["topic"]) == ("anon", "room")


@pytest.mark.parametrize("name", ["access_token", "user_token"])
async def test_the_token_of_the_join_counts(world: World, name: str) -> None:
    """A user's token names another role and workspace than the API key."""
    phoenix = await world.connect()
    await phoenix.subscribe(binding(), **{name: world.token(workspace_id="w-2")})
    world.insert(message(body="of w-1"), message(body="of w-2", workspace_id="w-2"))
    assert (await phoenix.change())["record"]["body"] == "of w-2"


async def test_a_key_of_the_new_kind_is_no_token(world: World) -> None:
    """supabase-js sends a publishable key as access_token; the socket's key counts then."""
    phoenix = await world.connect()
    reply = await phoenix.join(access_token="sb_publishable_abc")
    assert reply.payload["status"] == "ok"


async def test_refused_tokens(world: World) -> None:
    """A join says what is wrong with its token, and the socket stays open."""
    phoenix = await world.connect()
    other = Keys(Secret("the-secret-of-another-project-32-chars")).anon("w-1")
    reasons = {
        "garbage": "MalformedJWT: The token provided is not a valid JWT",
        other: "JwtSignatureError: Failed to validate JWT signature",
        world.token(None): "InvalidJWTToken: Fields `role` and `exp` are required in JWT",
        world.token(exp=None): "InvalidJWTToken: Fields `role` and `exp` are required in JWT",
        world.token(exp="soon"): "Unknown Error on Channel",
    }
    for token, reason in reasons.items():
        reply = await phoenix.join(access_token=token)
        assert refusal(reply) == reason
    assert refusal(await phoenix.join(access_token=world.token(ttl_s=-7))) in (
        "InvalidJWTToken: Token has expired 7 seconds ago",
        "InvalidJWTToken: Token has expired 8 seconds ago",
    )


async def test_a_failed_join_takes_its_time_and_holds_up_the_socket() -> None:
    """The answer comes after the pause, and so does everything behind it: 5 s in Realtime."""
    timing = replace(SETTINGS.timing, failed_join_ms=100)
    async with running(replace(SETTINGS, timing=timing)) as world:
        phoenix, began = await world.connect(), time.monotonic()
        config = {"config": {}, "access_token": "garbage"}
        join = await phoenix.send("realtime:room", "phx_join", config)
        heartbeat = await phoenix.send("phoenix", "heartbeat", {})
        assert [(await phoenix.receive()).ref for _ in range(2)] == [join, heartbeat]
        assert time.monotonic() - began >= 0.1
    assert Timing().failed_join_ms == 5000


async def test_topics(world: World) -> None:
    """A topic needs a name; one of another kind is unmatched."""
    phoenix = await world.connect()
    assert refusal(await phoenix.join(topic="realtime:")) == (
        "TopicNameRequired: You must provide a topic name"
    )
    unmatched = await phoenix.join(topic="other:room")
    assert (refusal(unmatched), unmatched.join_ref) == ("unmatched topic", None)


@pytest.mark.parametrize(
    "payload", [[], None, "text", 5, {"config": {"postgres_changes": ["messages"]}}]
)
async def test_a_payload_that_is_no_map(world: World, payload: Any) -> None:
    """What Realtime cannot read fails; the socket stays open."""
    phoenix = await world.connect()
    await phoenix.send("realtime:room", "phx_join", payload, ref="1", join_ref="1")
    assert refusal(await phoenix.receive()) == "UnknownErrorOnChannel: expected a map"
    assert (await phoenix.join()).payload["status"] == "ok"


@pytest.mark.parametrize(
    "config", [None, 5, [], {"postgres_changes": None}, {"broadcast": 1, "presence": "x"}]
)
async def test_a_config_of_wrong_types_counts_as_absent(world: World, config: Any) -> None:
    """What cannot be parsed is left out, and the channel is joined."""
    phoenix = await world.connect()
    await phoenix.send("realtime:room", "phx_join", {"config": config}, ref="1", join_ref="1")
    reply = await phoenix.receive()
    assert reply.payload == {"status": "ok", "response": {"postgres_changes": []}}


@VERSIONS
async def test_a_second_join_of_a_topic(world: World, version: str) -> None:
    """The new reply comes first, then the old channel's close; one channel is left."""
    phoenix = await world.connect(version)
    first = await phoenix.join(binding())
    await phoenix.expect("system")
    second = await phoenix.join(binding("UPDATE"))
    close = await phoenix.expect("phx_close")
    assert (close.payload, close.join_ref) == ({}, first.join_ref)
    assert (await phoenix.expect("system")).join_ref == second.join_ref
    (channel,) = await world.control.call("GET", "/channels")
    assert [each["event"] for each in channel["bindings"]] == ["UPDATE"]


async def test_too_many_channels() -> None:
    """A socket has so many channels at most; one that is left makes room."""
    async with running(replace(SETTINGS, limits=Limits(channels=2))) as world:
        phoenix = await world.connect()
        a = await phoenix.join(topic="realtime:a")
        await phoenix.join(topic="realtime:b")
        assert refusal(await phoenix.join(topic="realtime:c")) == (
            "ChannelRateLimitReached: Too many channels"
        )
        await phoenix.send("realtime:a", "phx_leave", {}, join_ref=a.join_ref)
        await phoenix.expect("phx_reply")
        await phoenix.expect("phx_close")
        assert (await phoenix.join(topic="realtime:c")).payload["status"] == "ok"
    assert Limits().channels == 100


async def test_too_many_joins() -> None:
    """The join beyond the limit of a second fails, and the socket is closed with 1001."""
    async with running(replace(SETTINGS, limits=Limits(joins=2))) as world:
        phoenix = await world.connect()
        await phoenix.join(topic="realtime:a")
        await phoenix.join(topic="realtime:b")
        assert refusal(await phoenix.join(topic="realtime:c")) == (
            "ClientJoinRateLimitReached: Too many joins per second"
        )
        assert await phoenix.closed() == 1001
    assert Limits().joins == 100


async def test_a_join_delayed(world: World) -> None:
    """The reply comes late, and then all is well."""
    world.faults.add(JoinDelayed(ms=80, count=1))
    phoenix, began = await world.connect(), time.monotonic()
    await phoenix.subscribe(binding())
    assert time.monotonic() - began >= 0.08


async def test_a_join_refused(world: World) -> None:
    """The join of one topic fails for the reason given, as often as given."""
    world.faults.add(JoinRefused(reason="TestError: no", topic="a", count=1))
    phoenix = await world.connect()
    assert (await phoenix.join(topic="realtime:b")).payload["status"] == "ok"
    assert refusal(await phoenix.join(topic="realtime:a")) == "TestError: no"
    assert (await phoenix.join(topic="realtime:a")).payload["status"] == "ok"


async def test_a_join_unanswered(world: World) -> None:
    """No reply comes and nothing is joined; the socket lives."""
    world.faults.add(JoinUnanswered(count=1))
    phoenix = await world.connect()
    await phoenix.send("realtime:room", "phx_join", {"config": {}})
    ref = await phoenix.send("phoenix", "heartbeat", {})
    assert (await phoenix.receive()).ref == ref
    assert await world.control.call("GET", "/channels") == []


async def test_a_mismatch(world: World) -> None:
    """The reply names another table than was asked for."""
    world.faults.add(JoinMismatched(count=1))
    phoenix = await world.connect()
    reply = await phoenix.join(binding())
    assert reply.payload["response"]["postgres_changes"][0]["table"] == "another_table"
