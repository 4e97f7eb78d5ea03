"""C-FBK and C-CAC: who serves when the socket does not, and that nobody notices."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from chatengine.client import ConnectionState, CrmClient, Source, Status, Timing
from fakes.network.schedule import Hold, OnFrame, Rule, Schedule
from fakes.supabase.faults import ChangeDropped, HandshakeRefused, JoinRefused, SystemDelayed
from tests.chatengine.client.e2e.test_subscriptions import has_channels
from tests.chatengine.client.e2e.world import (
    JID,
    OTHER_JID,
    QUICK,
    World,
    bodies,
    message,
    tasks_of,
)
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable


def serves(client: CrmClient, source: Source) -> Callable[[], bool]:
    return lambda: client.connection.source is source


def shows(client: CrmClient, body: str) -> Callable[[], bool]:
    return lambda: body in bodies(client)


async def test_c_fbk_1_without_chatengine_supabase_serves(world: World) -> None:
    """Where no ChatEngine is configured, Realtime tells of messages, statuses and the list."""
    await world.write("an old one")
    async with world.client(chatengine=False, connected=False) as client:
        await until(serves(client, Source.SUPABASE))
        key = await world.write("a new one")
        await until(lambda: bodies(client) == ["a new one", "an old one"])
        await world.acknowledge(key, "read")
        await until(lambda: message(client, "a new one").status is Status.READ)
        await world.write("elsewhere", OTHER_JID, second=int(time.time()) + 2)
        await until(lambda: [each.id for each in client.conversations()] == [OTHER_JID, JID])
        assert client.conversations()[0].preview == "elsewhere"
        assert world.network.stats.accepted == 0


@pytest.mark.parametrize(("timing", "within_s"), [(Timing(), 6.0), (QUICK, 4.0)])
async def test_c_fbk_2_supabase_serves_soon_after_the_loss(
    world: World, timing: Timing, within_s: float
) -> None:
    """Supabase serves soon after the loss; `make bench` has the figures."""
    async with world.client(timing=timing) as client:
        began = time.monotonic()
        world.take_chatengine_down()
        await until(serves(client, Source.SUPABASE))
        assert time.monotonic() - began < within_s
        await world.write("over Supabase")
        await until(lambda: "over Supabase" in bodies(client))


async def test_c_fbk_1_a_wrong_key_is_told(world: World) -> None:
    """Where Supabase refuses the key, the state says so, and what to do."""
    patient = replace(QUICK, connect_timeout_ms=4000)  # a refused handshake is answered after 2 s
    config = world.config(chatengine=False, timing=patient)
    assert config.supabase is not None
    wrong = replace(config, supabase=replace(config.supabase, anon_key="wrong"))
    async with CrmClient(wrong) as client:
        await until(lambda: client.connection.state is ConnectionState.UNAUTHORIZED)
        assert "key" in str(client.connection.last_error)
        await client.configure(config)
        await until(serves(client, Source.SUPABASE))


async def test_c_fbk_2_a_socket_that_never_comes_up(world: World) -> None:
    """Configured but never connected is not connected: Supabase serves."""
    world.network.refuse()
    async with world.client(connected=False) as client:
        await until(serves(client, Source.SUPABASE))
        assert client.connection.is_enabled
        await world.write("all the same")
        await until(lambda: "all the same" in bodies(client))


async def test_c_fbk_2_a_short_loss_does_not_trouble_supabase(world: World) -> None:
    """A socket that is back within the grace joins no channel."""
    timing = replace(QUICK, fallback_after_ms=2000)
    async with world.client(timing=timing) as client:
        world.network.reset_all()
        await until(lambda: client.counters.reconnects == 1)
        await world.served(client)
        assert world.supabase_network.stats.accepted == 0


async def test_c_fbk_3_the_socket_serves_again_and_the_channels_are_released(world: World) -> None:
    """Back on the socket within 5 s of the server's return, and no channel 5 s after that."""
    async with world.client() as client:
        world.take_chatengine_down()
        await until(serves(client, Source.SUPABASE))
        assert has_channels(world, JID)
        world.network.heal()
        await until(serves(client, Source.WEBSOCKET), within_s=5 + 3)  # a loaded machine
        await until(lambda: not world.channels and not world.supabase.hub.sockets, within_s=5 + 3)
        await world.served(client)


async def test_c_fbk_3_the_channels_are_kept_until_the_gap_is_closed(world: World) -> None:
    """While the history cannot be had Supabase goes on telling, until its release is due."""
    async with world.client(timing=replace(QUICK, release_after_ms=3000)) as client:
        world.take_chatengine_down()
        await until(serves(client, Source.SUPABASE))
        world.bring_chatengine_back_without_history()
        await until(serves(client, Source.WEBSOCKET))
        back = time.monotonic()
        await asyncio.sleep(0.4)  # of the 3 s after which the release is due
        assert has_channels(world, JID)
        assert "cannot be reached" in str(client.connection.last_error)
        await until(lambda: not world.channels, within_s=20)
        assert time.monotonic() - back >= 2.9
        world.network.clear()
        await until(lambda: client.connection.last_error is None)


async def test_c_fbk_4_nothing_is_lost_across_a_switch(world: World) -> None:
    """Messages of every moment of a loss, of Supabase's serving and of the return are shown."""
    async with world.client() as client:
        written = []

        async def write(text: str) -> None:
            written.append(text)
            await world.write(text)

        await write("before")
        world.take_chatengine_down()
        await write("in the loss")
        await until(lambda: not client.connection.is_connected)
        await write("in the grace")
        await until(lambda: list(world.supabase.hub.channels()))
        await write("in the join")
        await until(serves(client, Source.SUPABASE))
        await write("over Supabase")
        world.network.heal()
        await write("in the return")
        await until(serves(client, Source.WEBSOCKET))
        await write("over the socket")
        await until(lambda: not world.channels)
        await write("after")
        await until(lambda: set(written) <= set(bodies(client)))
        shown = [each for each in bodies(client) if each in written]
        assert shown == written[::-1]


async def test_c_fbk_4_what_comes_between_reply_and_subscription(world: World) -> None:
    """What Realtime does not tell, because its subscription comes late, is fetched."""
    world.supabase.faults.add(SystemDelayed(ms=400))
    timing = replace(QUICK, poll_interval_ms=60_000)
    async with world.client(chatengine=False, connected=False, timing=timing) as client:
        await until(lambda: list(world.supabase.hub.channels()))
        await world.write("while it was deaf")
        assert client.connection.source is Source.NONE
        await until(serves(client, Source.SUPABASE))
        await until(lambda: "while it was deaf" in bodies(client))


async def test_c_fbk_4_what_realtime_dropped_is_fetched_on_the_return(world: World) -> None:
    """Realtime may lose changes without a word; ChatEngine's history closes that gap too."""
    async with world.client() as client:
        world.take_chatengine_down()
        await until(serves(client, Source.SUPABASE))
        await until(lambda: not tasks_of("filling.py"))
        world.supabase.faults.add(ChangeDropped())
        await world.write("dropped")
        await asyncio.sleep(0.3)  # three of Realtime's polls
        assert "dropped" not in bodies(client)
        world.network.heal()
        await until(lambda: "dropped" in bodies(client))


@pytest.mark.parametrize("hours", [0, 5])
async def test_c_fbk_4_written_before_the_gap_and_stored_in_it(world: World, hours: int) -> None:
    """A message whose createdAt lies before the loss, delivered late, is fetched, however late."""
    async with world.client(supabase=False) as client:
        world.take_chatengine_down()
        await until(lambda: not client.connection.is_connected)
        await world.write("late", second=int(time.time()) - 30 - 3600 * hours)
        world.network.heal()
        await until(lambda: "late" in bodies(client))
        assert bodies(client)[-1] == "late"


@pytest.mark.parametrize("by", [Source.WEBSOCKET, Source.SUPABASE])
async def test_c_fbk_4_statuses_of_the_gap_are_fetched(world: World, by: Source) -> None:
    """An old own message, read while nobody told of it, is read here too, by either source."""
    timing = replace(QUICK, backfill_overlap_ms=0)
    async with world.client(timing=timing) as client:
        old = int(time.time()) - 3600
        key = await world.write("an hour ago", from_me=True, second=old)
        await until(lambda: "an hour ago" in bodies(client))
        world.network.reset_all()
        await until(lambda: not client.connection.is_connected)
        if by is Source.SUPABASE:
            world.network.refuse()
        await world.acknowledge(key, "read")
        await until(lambda: message(client, "an hour ago").status is Status.READ)
        await until(serves(client, by))


async def test_c_fbk_4_a_gap_of_a_thousand_messages(world: World) -> None:
    """A thousand messages that were missed are shown completely, in order, within two seconds."""
    async with world.client(supabase=False) as client:
        world.take_chatengine_down()
        await until(lambda: not client.connection.is_connected)
        now = int(time.time())
        texts = [f"missed {number}" for number in range(1000)]
        for number, text in enumerate(texts):
            await world.write(text, second=now + number // 100)
        began = time.monotonic()
        world.network.heal()
        await until(lambda: bodies(client)[:1000] == texts[::-1])
        assert time.monotonic() - began < 10  # a loaded machine; `make bench` has the figure


async def test_c_fbk_4_a_subscription_that_comes_late(world: World) -> None:
    """What is written after the first fetch and before a late subscription is fetched too."""
    async with world.client(opened=None) as client:
        await world.write("known")
        late = OnFrame(direction="to_target", contains='["subscribe:conversation"')
        world.network.apply(Schedule((Rule(Hold(900), late),)))
        client.open(JID)
        await until(lambda: bodies(client) == ["known"])
        await world.write("in between")
        await until(lambda: bodies(client) == ["in between", "known"])


async def test_c_fbk_4_a_history_that_fails_is_asked_again(world: World) -> None:
    """While the connection lasts, a fetch that failed is tried until it succeeds."""
    async with world.client(supabase=False) as client:
        world.take_chatengine_down()
        await until(lambda: not client.connection.is_connected)
        await world.write("missed")
        world.bring_chatengine_back_without_history()
        await until(lambda: client.connection.is_connected)
        await until(lambda: client.connection.last_error)
        assert "missed" not in bodies(client)
        world.network.clear()
        await until(lambda: "missed" in bodies(client))
        assert client.counters.reconnects == 1


async def test_c_fbk_4_a_gap_that_could_not_be_closed_keeps_its_beginning(world: World) -> None:
    """Two losses in a row, and the history only after the second: all of both gaps is shown."""
    timing = replace(QUICK, backfill_overlap_ms=0)
    async with world.client(supabase=False, timing=timing) as client:
        world.take_chatengine_down()
        await until(lambda: not client.connection.is_connected)
        await world.write("of the first gap", second=int(time.time()))
        world.bring_chatengine_back_without_history()
        await until(lambda: client.connection.is_connected)
        await until(lambda: client.connection.last_error)
        await asyncio.sleep(1.1)  # createdAt counts seconds: what follows is later
        world.take_chatengine_down()
        await until(lambda: not client.connection.is_connected)
        await world.write("of the second gap")
        world.network.heal()
        await until(lambda: bodies(client)[:2] == ["of the second gap", "of the first gap"])


async def test_c_fbk_5_nothing_shows_twice(world: World) -> None:
    """Told by socket, Realtime and both histories, over three switches, each message shows once."""
    async with world.client() as client:
        for round_ in range(3):
            await world.write(f"by socket {round_}")
            await until(shows(client, f"by socket {round_}"))
            world.take_chatengine_down()
            await until(serves(client, Source.SUPABASE))
            await world.write(f"by Supabase {round_}")
            await until(shows(client, f"by Supabase {round_}"))
            world.network.heal()
            await until(serves(client, Source.WEBSOCKET))
        await until(lambda: not world.channels)
        await world.served(client)
        assert len(bodies(client)) == len(set(bodies(client)))
        stored = world.fakes.chatengine.store.messages("w-1", JID, since_ms=None, limit=1000)
        assert bodies(client)[::-1] == [each.content for each in stored]


async def test_c_fbk_6_no_status_goes_back(world: World) -> None:
    """Rows and histories that are behind take nothing back from what was already read."""
    seen: list[Status] = []
    async with world.client() as client:
        key = await world.write("mine", from_me=True)
        await until(lambda: "mine" in bodies(client))
        client.on_change(lambda _: seen.append(message(client, "mine").status))
        await world.acknowledge(key, "read")
        await until(lambda: message(client, "mine").status is Status.READ)
        match = {"external_id": key}
        await behind(world, match)
        world.take_chatengine_down()
        await until(serves(client, Source.SUPABASE))
        await behind(world, match)
        await world.write("and then")
        await until(lambda: "and then" in bodies(client))
        world.network.heal()
        await until(serves(client, Source.WEBSOCKET))
        await world.served(client)
        assert message(client, "mine").status is Status.READ
        assert seen == sorted(seen)


async def behind(world: World, match: dict[str, str]) -> None:
    """Let Supabase say again that a message has only been sent."""
    ours = lambda row: all(row[name] == value for name, value in match.items())  # noqa: E731
    world.supabase.database.update("messages", ours, {"status": "sent"})


async def test_c_fbk_7_supabase_gone_too_is_polled_around(world: World) -> None:
    """With neither socket nor Realtime, HTTP is polled: messages and statuses show, in order."""
    await world.engine.call("PUT", "/faults/refusal", {"status": 503})
    world.supabase.faults.add(HandshakeRefused())
    async with world.client(connected=False) as client:
        await until(serves(client, Source.POLLING))
        key = await world.write("polled", from_me=True)
        await until(lambda: "polled" in bodies(client))
        await world.acknowledge(key, "delivered")
        await until(lambda: message(client, "polled").status is Status.DELIVERED)
        await world.write("elsewhere", OTHER_JID)
        await until(lambda: len(client.conversations()) == 2)
        client.open(OTHER_JID)
        await until(lambda: bodies(client, OTHER_JID) == ["elsewhere"])
        world.supabase.faults.clear()
        await until(serves(client, Source.SUPABASE))
        await world.engine.call("DELETE", "/faults")
        await until(serves(client, Source.WEBSOCKET))
        await world.served(client)


@pytest.mark.parametrize("chatengine", [True, False])
async def test_c_fbk_7_whatever_answers_is_polled(world: World, chatengine: bool) -> None:
    """Supabase's REST where ChatEngine is gone altogether; ChatEngine's where Supabase is none."""
    if chatengine:
        await world.engine.call("PUT", "/faults/refusal", {"status": 503})
    else:
        world.network.refuse()
        world.supabase.faults.add(HandshakeRefused())
    async with world.client(connected=False, supabase=not chatengine) as client:
        await until(serves(client, Source.POLLING))
        await world.write("polled")
        await until(lambda: "polled" in bodies(client))


async def test_c_fbk_7_one_refused_channel_is_polled_around(world: World) -> None:
    """A channel that is refused leaves no conversation deaf."""
    world.supabase.faults.add(JoinRefused(topic=f"messages-{JID}"))
    async with world.client(chatengine=False, connected=False) as client:
        await until(serves(client, Source.POLLING))
        await world.write("polled")
        await until(lambda: "polled" in bodies(client))


async def test_c_fbk_8_flapping_leaks_nothing(world: World) -> None:
    """After twenty losses of both there is one socket, no channel, and as many tasks as before."""
    async with world.client() as client:
        before = len(tasks_of(""))
        for _ in range(20):
            world.network.reset_all()
            await until(lambda: not client.connection.is_connected)
            world.supabase_network.reset_all()
            await until(lambda: client.connection.is_connected)
        await until(lambda: not world.channels and not world.supabase.hub.sockets)
        await world.served(client)
        # The socket, and what fetched the list and the conversation side by side, kept alive.
        await until(lambda: len(world.network.connections) <= 3)
        assert len(await world.agents()) == 1
        await until(lambda: len(tasks_of("")) <= before)


async def test_configured_anew_at_run_time(world: World) -> None:
    """ChatEngine taken out and put back, Supabase too: what is shown stays, and goes on."""
    async with world.client() as client:
        await world.write("by socket")
        await until(lambda: "by socket" in bodies(client))
        await client.configure(world.config(chatengine=False))
        assert "by socket" in bodies(client)
        await until(serves(client, Source.SUPABASE))
        await world.write("by Supabase")
        await until(lambda: "by Supabase" in bodies(client))
        await client.configure(world.config(supabase=False))
        await until(serves(client, Source.WEBSOCKET))
        await until(lambda: not world.channels)
        await world.write("by socket again")
        await until(lambda: "by socket again" in bodies(client))
        await client.configure(world.config(chatengine=False, supabase=False))
        assert client.connection.source is Source.NONE
        assert len(bodies(client)) == len(set(bodies(client)))


async def test_supabase_changes_beside_a_socket_that_notices_nothing(world: World) -> None:
    """Taken out and put back: the socket stays the same one, the fallback is as configured."""
    async with world.client() as client:
        (before,) = await world.agents()
        await client.configure(world.config(supabase=False))
        assert serves(client, Source.WEBSOCKET)()
        await world.served(client)
        await client.configure(world.config())
        await world.served(client)
        assert await world.agents() == [before]
        world.take_chatengine_down()
        await until(serves(client, Source.SUPABASE))
        await client.configure(world.config(supabase=False))
        await until(lambda: not world.supabase.hub.sockets)
        assert serves(client, Source.NONE)()
        await world.write("for whoever is back first")
        await client.configure(world.config())
        await until(serves(client, Source.SUPABASE))
        await until(shows(client, "for whoever is back first"))
        world.network.heal()
        await until(serves(client, Source.WEBSOCKET))
        await world.served(client)


async def test_configured_for_another_workspace(world: World) -> None:
    """What belongs to the workspace that was left shows no more."""
    async with world.client() as client:
        await world.write("of the first")
        await until(lambda: "of the first" in bodies(client))
        await client.configure(world.config(workspace_id="w-2"))
        await world.write("of the second", instance="support-1")
        await until(lambda: bodies(client) == ["of the second"])
        assert [each.workspace_id for each in client.conversations()] == ["w-2"]


async def test_c_cac_1_a_reopened_conversation_shows_from_the_cache_at_once(world: World) -> None:
    """Without any server it shows what was known; with one, what was missed as well."""
    async with world.client() as client:
        await world.write("known")
        await until(lambda: "known" in bodies(client))
        client.close(JID)
        await world.write("missed")
        world.take_chatengine_down()
        world.supabase_network.refuse()
        await until(lambda: not client.connection.is_connected)
        client.open(JID)
        assert bodies(client)[0] == "known"
        world.network.heal()
        await until(lambda: bodies(client)[:2] == ["missed", "known"])
