"""C-SUB: what is open is subscribed, once, over every reconnect."""

from __future__ import annotations

import re
from typing import Final

import pytest

from conformance.checks import shows
from conformance.client.stages import (
    connected,
    loses_its_socket,
    notices_the_loss,
    on_supabase,
    served_by,
)
from conformance.deadlines import Deadline, until
from conformance.outcomes import Nonconforming, beginning
from conformance.sightings import Frames
from conformance.targets.client import PATIENCE_S, ClientUnderTest
from conformance.world import ANNA, BRUNO, CLARA, LOSSES, Loss, World, WorldSettings

QUICK_HEARTBEAT: Final = WorldSettings(ping_interval_ms=300, ping_timeout_ms=200)


@shows("C-SUB-1")
async def test_opening_subscribes(world: World, client: ClientUnderTest) -> None:
    """Opening a conversation subscribes."""
    await connected(world, client)
    await client.open(ANNA)
    await come_to(world, ANNA)
    await client.open(BRUNO)
    await come_to(world, ANNA, BRUNO)


@shows("C-SUB-2")
async def test_opened_before_the_connection_is_up(world: World, client: ClientUnderTest) -> None:
    """Opening one before the connection is up subscribes once it is."""
    world.take_down()
    await client.start(world.config())
    await client.open(ANNA)
    await client.open(BRUNO)
    world.bring_back()
    await is_connected(client)
    await come_to(world, ANNA, BRUNO)


@shows("C-SUB-3")
@pytest.mark.parametrize("loss", LOSSES)
async def test_subscribed_again_after_a_reconnect(
    world: World, client: ClientUnderTest, loss: Loss
) -> None:
    """After a reconnect every open conversation is subscribed again, once each."""
    await connected(world, client, ANNA, BRUNO)
    subscribes = count(world, "subscribe", ANNA, BRUNO)
    await lost_and_back(world, client, loss)
    await come_to(world, ANNA, BRUNO)
    await settle(world, client)
    once_each(world, subscribes, 2)


@shows("C-SUB-3")
@pytest.mark.parametrize("world", [QUICK_HEARTBEAT], indirect=True, ids=["0.5 s"])
async def test_subscribed_again_after_a_half_open_connection(
    world: World, client: ClientUnderTest
) -> None:
    """After a reconnect that follows silence, too, and although the server keeps the old socket."""
    await connected(world, client, ANNA)
    world.fall_silent()
    with beginning("noticing a half-open connection (C-CONN-8)"):
        await client.until("it is not connected", lambda s: not s.connection.is_connected)
    world.bring_back()
    subscribes = count(world, "subscribe", ANNA)
    await is_connected(client)
    await come_to(world, ANNA)
    await settle(world, client)
    once_each(world, subscribes, 1)


@shows("C-SUB-3")
async def test_subscribed_again_each_time(world: World, client: ClientUnderTest) -> None:
    """After the third reconnect as after the first."""
    await connected(world, client, ANNA, BRUNO)
    subscribes = count(world, "subscribe", ANNA, BRUNO)
    for _ in range(3):
        await lost_and_back(world, client, "rst")
        await come_to(world, ANNA, BRUNO)
    await settle(world, client)
    once_each(world, subscribes, 6)


@shows("C-SUB-3")
async def test_opened_while_it_was_not_connected(world: World, client: ClientUnderTest) -> None:
    """What is opened during a loss is subscribed once after it (socket.io-client sends what was
    emitted meanwhile, too).
    """
    await connected(world, client, ANNA)
    world.take_down()
    await notices_the_loss(client)
    await client.open(BRUNO)
    world.bring_back()
    subscribes = count(world, "subscribe", BRUNO)
    await is_connected(client)
    await come_to(world, ANNA, BRUNO)
    await settle(world, client)
    once_each(world, subscribes, 1)


@shows("C-SUB-4")
async def test_closing_unsubscribes(world: World, client: ClientUnderTest) -> None:
    """A closed conversation is unsubscribed, and not subscribed again by a reconnect."""
    await connected(world, client, ANNA, BRUNO)
    await client.close(BRUNO)
    await come_to(world, ANNA)
    await lost_and_back(world, client, "rst")
    await settle(world, client)
    await come_to(world, ANNA, CLARA)


@shows("C-SUB-4")
async def test_closed_while_it_was_not_connected(world: World, client: ClientUnderTest) -> None:
    """What is closed during a loss is not subscribed again after it."""
    await connected(world, client, ANNA, BRUNO)
    world.take_down()
    await notices_the_loss(client)
    await client.close(BRUNO)
    world.bring_back()
    await is_connected(client)
    await settle(world, client)
    await come_to(world, ANNA, CLARA)


@shows("C-SUB-4")
async def test_closed_while_supabase_serves(world: World, client: ClientUnderTest) -> None:
    """Its channel goes as well: what nobody looks at, nobody is told of."""
    client.needs("supabase")
    await on_supabase(world, client, ANNA, BRUNO)
    await client.close(BRUNO)
    try:
        await until(lambda: not world.watches(BRUNO), Deadline(PATIENCE_S))
    except TimeoutError:
        raise broken(world, f"no channel for {BRUNO}", world.channels) from None
    if not world.watches(ANNA):
        raise broken(world, f"a channel for {ANNA}", world.channels)


@shows("C-SUB-5")
async def test_opened_twice_is_one_subscription(world: World, client: ClientUnderTest) -> None:
    """Opened twice: one subscription, until the last close."""
    subscribes, unsubscribes = count(world, "subscribe", ANNA), count(world, "unsubscribe", ANNA)
    await connected(world, client)
    await client.open(ANNA)
    await client.open(ANNA)
    await settle(world, client)
    once_each(world, subscribes, 1)
    await client.close(ANNA)
    await client.open(BRUNO)  # whatever the close has sent, it sent before this
    await come_to(world, ANNA, BRUNO, CLARA)
    if unsubscribes.count:
        raise broken(world, "no unsubscribe before the last close", "an unsubscribe")
    await client.close(ANNA)
    await come_to(world, BRUNO, CLARA)


@shows("C-SUB-5")
async def test_opened_twice_over_a_reconnect(world: World, client: ClientUnderTest) -> None:
    """A reconnect makes no second subscription of it, and forgets neither of the two."""
    await connected(world, client)
    await client.open(ANNA)
    await client.open(ANNA)
    await settle(world, client)
    subscribes = count(world, "subscribe", ANNA)
    await lost_and_back(world, client, "rst")
    with beginning("another subscription (C-SUB-3)"):
        await come_to(world, ANNA, CLARA)
    await client.close(ANNA)
    await client.open(BRUNO)  # whatever the close has sent, it sent before this
    await come_to(world, ANNA, BRUNO, CLARA)
    once_each(world, subscribes, 1)
    await client.close(ANNA)
    await come_to(world, BRUNO, CLARA)


# how


async def is_connected(client: ClientUnderTest) -> None:
    """The check goes on with a connection."""
    with beginning("a connection (C-CONN-3)"):
        await client.until("it is connected", served_by("websocket"))


async def lost_and_back(world: World, client: ClientUnderTest, loss: Loss) -> None:
    """Lose the socket, and wait for another one."""
    sids = {agent["sid"] for agent in await world.agents()}
    await loses_its_socket(world, loss)

    async def is_new() -> bool:
        return any(agent["sid"] not in sids for agent in await world.agents())

    with beginning("another connection (C-CONN-3, C-CONN-4)"):
        await until(is_new, Deadline(PATIENCE_S))
        await client.until("it is connected", served_by("websocket"))


async def settle(world: World, client: ClientUnderTest) -> None:
    """Open one more, and wait until it is subscribed: what was to be sent before has been."""
    await client.open(CLARA)
    with beginning("one more subscription (C-SUB-1)"):

        async def is_there() -> bool:
            return CLARA in await world.subscriptions()

        await until(is_there, Deadline(PATIENCE_S))


async def come_to(world: World, *conversations: str) -> None:
    """Hold what is subscribed at ChatEngine, by any socket that is up, to these."""
    expected = sorted(conversations)

    async def look() -> bool:
        return await subscribed_now(world) == expected

    try:
        await until(look, Deadline(PATIENCE_S))
    except TimeoutError:
        raise broken(world, expected, await subscribed_now(world)) from None


async def subscribed_now(world: World) -> list[str]:
    """The subscriptions of the newest socket; the server may not know yet that an older is gone."""
    agents = await world.agents()
    return sorted(agents[-1]["conversations"]) if agents else []


def count(world: World, what: str, *conversations: str) -> Frames:
    """Count the commands of a kind that the client sends for these."""
    either = "|".join(map(re.escape, conversations))
    return world.frames(rf'"{what}:conversation"\s*,\s*"(?:{either})"')


def once_each(world: World, subscribes: Frames, expected: int) -> None:
    """Hold the number of commands to one for each conversation and connection.

    Fewer are seen where another transport than WebSocket carries them.
    """
    if subscribes.count > expected:
        raise broken(world, f"{expected} subscriptions", f"{subscribes.count} of them")


def broken(world: World, expected: object, seen: object) -> Nonconforming:
    """What was subscribed instead."""
    return Nonconforming(expected=expected, seen=seen, history=world.journal.tail())
