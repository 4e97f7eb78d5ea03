"""C-CONN-7: wherever a client is stopped, nothing is left of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from conformance.checks import shows
from conformance.client.silence import is_left_alone
from conformance.client.stages import connected, fallen_back
from conformance.deadlines import Deadline, until
from conformance.outcomes import beginning
from conformance.targets.client import PATIENCE_S, ClientUnderTest
from conformance.world import ANNA, World


async def serving(world: World, client: ClientUnderTest) -> None:
    """The socket serves."""
    await connected(world, client, ANNA)


async def between_attempts(world: World, client: ClientUnderTest) -> None:
    """The socket is lost, and every attempt fails."""
    await connected(world, client, ANNA)
    world.take_down()
    refused = world.network.stats.refused
    with beginning("attempts to reconnect"):
        await until(lambda: world.network.stats.refused > refused + 1, Deadline(PATIENCE_S))


async def shaking_hands(world: World, client: ClientUnderTest) -> None:
    """The server takes the connection, and says nothing."""
    world.network.half_open("to_client", new=True)
    await client.start(world.config())
    with beginning("an attempt to connect"):
        await until(lambda: world.network.connections, Deadline(PATIENCE_S))


async def on_the_fallback(world: World, client: ClientUnderTest) -> None:
    """Supabase serves."""
    client.needs("supabase")
    await connected(world, client, ANNA)
    await fallen_back(world, client, ANNA)


async def with_nobody_there(world: World, client: ClientUnderTest) -> None:
    """Neither ChatEngine nor Supabase is there, and whoever polls has polled."""
    client.needs("supabase")
    await connected(world, client, ANNA)
    world.take_down(world.network, world.supabase_network)
    networks = (world.network, world.supabase_network)
    with beginning("attempts to reach either"):
        await until(lambda: all(n.stats.refused > 1 for n in networks), Deadline(PATIENCE_S))


@shows("C-CONN-7")
@pytest.mark.parametrize(
    "state", [serving, between_attempts, shaking_hands, on_the_fallback, with_nobody_there]
)
async def test_after_stop_there_is_nothing(
    world: World,
    client: ClientUnderTest,
    state: Callable[[World, ClientUnderTest], Awaitable[None]],
) -> None:
    """After stop: no socket, no timer, no traffic."""
    await state(world, client)
    await client.stop()
    await is_left_alone(world)
