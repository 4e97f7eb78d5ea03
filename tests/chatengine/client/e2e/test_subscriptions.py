"""C-SUB: what is open is subscribed, once each, and nothing else."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from chatengine import events
from chatengine.client import ChatEngineConfig, ClientConfig, CrmClient, Source, TokenConfig
from tests.chatengine.client.e2e.world import JID, OTHER_JID, QUICK, World, bodies
from tests.chatengine.client.socket.peers import Peer, scripted
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterable


async def subscribed(world: World, *conversations: str) -> None:
    """Wait until these, and no others, are subscribed."""
    deadline = time.monotonic() + 5
    while True:
        found = sorted(await world.subscriptions())
        if found == sorted(conversations):
            return
        assert time.monotonic() < deadline, f"subscribed are {found}"
        await asyncio.sleep(0.005)


async def test_c_sub_1_opening_subscribes(world: World) -> None:
    """A conversation that is opened while connected is subscribed, and shows what it had."""
    await world.write("an old one")
    async with world.client(opened=None) as client:
        await subscribed(world)
        client.open(JID)
        await subscribed(world, JID)
        await until(lambda: bodies(client) == ["an old one"])


async def test_c_sub_2_opened_before_the_connection_subscribed_with_it(world: World) -> None:
    """What is opened while there is no connection is subscribed once there is one."""
    world.network.refuse()
    async with CrmClient(world.config()) as client:
        client.open(JID)
        await until(lambda: world.network.stats.refused)
        client.open(OTHER_JID)
        world.network.heal()
        await subscribed(world, JID, OTHER_JID)


async def test_c_sub_3_subscribed_again_after_a_reconnect_once_each(world: World) -> None:
    """After a loss each open conversation is subscribed exactly once on the new connection."""
    async with world.client() as client:
        client.open(OTHER_JID)
        client.open(JID)
        await subscribed(world, JID, OTHER_JID)
        world.count(events.SUBSCRIBE)
        world.network.reset_all()
        await until(lambda: client.counters.reconnects == 1)
        await world.served(client)
        await subscribed(world, JID, OTHER_JID)
        assert world.counted == 2


async def test_c_sub_4_closing_unsubscribes_for_good(world: World) -> None:
    """A closed conversation is unsubscribed, and not subscribed again by a reconnect."""
    async with world.client() as client:
        client.open(OTHER_JID)
        await subscribed(world, JID, OTHER_JID)
        client.close(OTHER_JID)
        await subscribed(world, JID)
        world.network.reset_all()
        await until(lambda: client.counters.reconnects == 1)
        await world.served(client)
        await subscribed(world, JID)


async def test_c_sub_5_opened_twice_is_one_subscription_until_the_last_close(world: World) -> None:
    """Two views of one conversation are one subscription, which ends with the last of them."""
    async with world.client(opened=None) as client:
        world.count(events.SUBSCRIBE)
        client.open(JID)
        await world.served(client)
        client.open(JID)
        await world.served(client)
        assert world.counted == 1
        client.close(JID)
        await world.served(client)
        client.close(JID)
        await subscribed(world)


async def test_c_sub_5_a_hasty_user_ends_where_the_last_click_was(world: World) -> None:
    """Opened and closed many times at once, it is subscribed exactly if it was left open."""
    async with world.client(opened=None) as client:
        for _ in range(10):
            client.open(JID)
            client.close(JID)
        client.open(JID)
        client.open(OTHER_JID)
        client.close(OTHER_JID)
        await world.served(client)
        await subscribed(world, JID)


async def test_c_sub_1_a_refused_subscription_is_asked_for_again() -> None:
    """Where the server says no, the state says why, and it is asked until it says yes."""
    let_in = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.let_in()
        assert await peer.receive() == f'421["subscribe:conversation","{JID}"]'
        await peer.send('431[{"ok":false,"error":{"code":"busy","message":"not now"}}]')
        assert await peer.receive() == f'422["subscribe:conversation","{JID}"]'
        await let_in.wait()
        pushed = {"id": "m-1", "conversationId": JID, "type": "text", "content": "at last"}
        pushed["createdAt"] = "2026-11-22T06:47:23.622Z"
        await peer.send('432[{"ok":true}]', "42" + json.dumps(["message", pushed]))
        await peer.rest()

    async with scripted(script) as url:
        config = ClientConfig(
            chatengine=ChatEngineConfig(url=url),
            token=TokenConfig(secret="whatever"),
            workspace_id="w-1",
            user_id="agent-1",
            timing=replace(QUICK, ack_timeout_ms=20_000),
        )
        async with CrmClient(config) as client:
            client.open(JID)
            refusal = "ChatEngine refused a subscription: busy, not now (it is tried again)"
            await until(lambda: refusal in (client.connection.last_error or ""))
            let_in.set()
            await until(lambda: bodies(client) == ["at last"])


async def test_c_sub_over_supabase_too(world: World) -> None:
    """While Supabase serves, what is opened gets a channel, and what is closed gives it up."""
    async with world.client(chatengine=False, connected=False) as client:
        await until(lambda: client.connection.source is Source.SUPABASE)
        client.open(OTHER_JID)
        await until(lambda: has_channels(world, JID, OTHER_JID))
        client.close(JID)
        await until(lambda: has_channels(world, OTHER_JID))


def has_channels(world: World, *conversations: str) -> bool:
    """Whether these, and the list, have a channel each."""
    expected: Iterable[str] = (f"messages-{each}" for each in conversations)
    return sorted(world.channels) == sorted([*expected, "conversations-w-1-all"])
