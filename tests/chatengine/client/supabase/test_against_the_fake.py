"""The Supabase client and the fake Supabase, over real sockets."""

import time
from collections.abc import AsyncIterator

import pytest

from chatengine.client.core.shapes import ConnectionState
from chatengine.client.problems import HttpProblem
from chatengine.client.supabase import Binding, conversation_topic, list_topic
from fakes.supabase import RunningSupabase, faults
from fakes.supabase import Timing as FakeTiming
from tests.chatengine.client.supabase.world import AWKWARD, JID, TOPIC, World, running
from tests.waiting import until


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as world:
        await world.serves()
        yield world


async def test_rows(world: World) -> None:
    """C-MSG-1, C-MSG-2, C-STA-1: new and changed rows come, and those of nobody else."""
    world.write("of another conversation", conversation="another")
    world.write("of another workspace", workspace="w-2")
    row = world.write("ours")
    await until(lambda: world.bodies == ["ours"])
    world.fake.database.update("messages", lambda each: each["id"] == row, {"status": "read"})
    await until(lambda: len(world.heard.rows) == 2)
    assert world.heard.rows[1]["status"] == "read"
    assert (await world.rest.messages(JID)) == [world.heard.rows[1]]
    assert world.source.malformed == 0


async def test_the_list(world: World) -> None:
    """C-CNV-1, C-CNV-5: conversations and new messages of a number, and those of no other."""
    topic, bindings = list_topic("w-1", "n-1")
    world.source.watch(topic, bindings)
    await world.serves(TOPIC, topic)
    rows = [
        {"id": f"c-{number}", "workspace_id": "w-1", "whatsapp_number_id": number}
        for number in ("n-1", "n-9", None)
    ]
    world.fake.database.insert("conversations", rows)
    await until(lambda: [row["id"] for row in world.heard.rows] == ["c-n-1"])
    found = await world.rest.conversations("w-1", "n-1")
    assert sorted(row["id"] for row in found if isinstance(row, dict)) == ["c-None", "c-n-1"]
    assert len(await world.rest.conversations("w-1")) == 3
    assert await world.rest.conversations("w-2") == []


async def test_an_awkward_id(world: World) -> None:
    """C-MSG-2: an id with the signs of a filter in it stays an id, over Realtime and REST."""
    topic, bindings = conversation_topic(AWKWARD)
    world.source.watch(topic, bindings)
    await world.serves(TOPIC, topic)
    world.write("not ours", conversation="a")
    world.write("awkward", conversation=AWKWARD)
    await until(lambda: world.bodies == ["awkward"])
    assert await world.rest.messages(AWKWARD) == world.heard.rows
    world.fake.database.insert(
        "conversations",
        [{"id": AWKWARD, "workspace_id": "w-1", "whatsapp_number_id": AWKWARD}],
    )
    assert len(await world.rest.conversations("w-1", AWKWARD)) == 1


async def test_what_is_written_before_the_subscription() -> None:
    """C-FBK-4: what came between join and subscription is fetched once `serving` was said."""
    async with running(timing=FakeTiming(system_delay_ms=300, poll_ms=5)) as world:
        await until(lambda: [*world.fake.hub.channels()])
        began_ms = int(time.time() * 1000)
        world.write("in between")
        await world.serves()
        world.write("afterwards")
        await until(lambda: world.bodies == ["afterwards"])
        found = await world.rest.messages(JID, began_ms - 1000)
        assert [row["body"] for row in found if isinstance(row, dict)] == [
            "afterwards",
            "in between",
        ]


async def test_it_serves_soon() -> None:
    """C-FBK-2: with the usual delay of a subscription, two topics serve soon: nothing is waited for
    that takes longer, such as a join's timeout. `make bench` has the figure.
    """
    began = time.monotonic()
    async with running(timing=FakeTiming()) as world:
        topic, bindings = list_topic("w-1")
        world.source.watch(topic, bindings)
        await world.serves(TOPIC, topic)
        assert time.monotonic() - began < 5


async def test_a_gap_of_a_thousand_messages(world: World) -> None:
    """C-FBK-4: a thousand rows of a gap are read whole, newest first, in under 2 s."""
    rows = [
        {
            "conversation_id": JID,
            "workspace_id": "w-1",
            "body": str(number),
            "created_at": f"2026-01-01T00:{number // 60:02}:{number % 60:02}+00:00",
        }
        for number in range(1_000)
    ]
    world.fake.database.insert("messages", rows)
    began = time.monotonic()
    found = await world.rest.messages(JID, 1_767_225_600_000, limit=10_000)
    assert time.monotonic() - began < 10
    assert [row["body"] for row in found if isinstance(row, dict)] == [
        str(number) for number in reversed(range(1_000))
    ]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (faults.JoinRefused(count=1), "Supabase refused the channel: UnknownErrorOnChannel"),
        (faults.JoinUnanswered(count=1), "Supabase did not answer the join within 0.4 s"),
        (faults.JoinMismatched(count=1), "Supabase answered the join with other subscriptions"),
        (faults.SystemDelayed(count=1, ms=60_000), "the database subscription was not there"),
        (faults.HandshakeRefused(count=1, status=429), "Supabase Realtime answered 429"),
        (faults.HandshakeRefused(count=3), "Supabase Realtime answered 503"),
        (faults.HeartbeatUnanswered(count=1), "Supabase did not answer a heartbeat"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
async def test_a_fault(fault: faults.Fault, says: str) -> None:
    """C-FBK-4: each fault is said, and overcome: rows come again."""
    async with running() as world:
        await world.serves()
        world.fake.faults.add(fault)
        if not isinstance(fault, faults.HeartbeatUnanswered):
            world.drop()
        await until(lambda: any(why.startswith(says) for why in world.heard.reasons))
        await world.hears("serving", 2)
        await world.serves()
        world.write("after all")
        await until(lambda: world.bodies == ["after all"])
        assert len([*world.fake.hub.channels()]) == 1


@pytest.mark.parametrize("how", ["crash", "close"])
async def test_a_channel_that_ends(world: World, how: str) -> None:
    """C-FBK-4: a channel that crashes or closes is joined again on the same connection."""
    (channel,) = world.fake.hub.channels()
    (socket,) = world.fake.hub.sockets
    getattr(channel, how)()
    await world.hears("serving", 2)
    assert [*world.fake.hub.sockets] == [socket]
    assert len([*world.fake.hub.channels()]) == 1


async def test_a_row_that_is_too_large(world: World) -> None:
    """C-FBK-4: of a row that is cut (error 413) the listener is told to fetch the whole."""
    world.fake.faults.add(faults.ChangeTooLarge(count=1))
    world.write("x" * 100)
    await world.hears("gap")
    assert world.heard.rows == []


async def test_expiry() -> None:
    """C-CONN-5's measure: tokens that end after a second are followed by others, again and again.

    A token that could have been renewed in time is, and then no channel ends.
    """
    asked = 0

    async def short(fake: RunningSupabase) -> str:
        nonlocal asked
        asked += 1
        return fake.keys.user("w-1", f"u-{asked}", now=time.time(), ttl_s=2)

    async with running(token=short) as world:
        await world.serves()
        (channel,) = world.fake.hub.channels()
        channel.expire()
        await world.hears("serving", 2)
        assert "Token has expired" in world.heard.reasons[0]
        (channel,) = world.fake.hub.channels()
        assert (channel.claims.role, channel.claims.subject) != ("authenticated", "u-1")
        first_expiry = channel.claims.expires_at
        await until(lambda: time.time() > first_expiry + 0.2)
        assert len(world.heard.reasons) == 1
        assert channel.claims.expires_at > first_expiry


async def test_a_wrong_key() -> None:
    """C-CONN-6's measure: a key of another project is refused, and the sentence says so."""
    async with running(key="garbage") as world:
        await world.hears("lost")
        assert world.source.state is ConnectionState.UNAUTHORIZED
        why = "Supabase Realtime answered 401: the key was refused"
        assert (world.source.last_error or "").startswith(why)
        with pytest.raises(HttpProblem) as raised:
            await world.rest.messages(JID)
        assert raised.value.status == 401


async def test_a_table_that_is_not_there(world: World) -> None:
    """A subscription that cannot be made says why, while the other one serves on."""
    world.source.watch("bad", (Binding("INSERT", "no_such_table", "id=eq.1"),))
    await world.hears("refused")
    assert world.heard.reasons[0].startswith("Supabase does not serve the channel: ")
    assert world.source.state is ConnectionState.UNAUTHORIZED
    world.write("still here")
    await until(lambda: world.bodies == ["still here"])
    world.source.unwatch("bad")
    await until(lambda: world.source.state is ConnectionState.CONNECTED)


async def test_no_right_to_read(world: World) -> None:
    """A role that lost its right is told so by Realtime and REST, and nothing shows."""
    world.fake.policy.revoke("anon", "messages")
    world.write("secret")
    await world.hears("refused")
    assert "Error 401" in world.heard.reasons[0]
    assert world.heard.rows == []
    with pytest.raises(HttpProblem, match="permission denied"):
        await world.rest.messages(JID)


async def test_flapping(world: World) -> None:
    """C-FBK-8: connections that are cut and wishes that come and go leave one of each."""
    topic, bindings = list_topic("w-1")
    for number in range(20):
        world.source.watch(topic, bindings)
        if number % 2:
            await world.serves(TOPIC, topic)
        world.drop()
        world.source.unwatch(topic)
    await world.serves()
    await until(lambda: len(world.fake.hub.sockets) == 1)
    await until(lambda: [each.name for each in world.fake.hub.channels()] == [TOPIC])
    world.source.unwatch(TOPIC)
    await until(lambda: not world.fake.hub.sockets)
