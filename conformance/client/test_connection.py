"""C-CONN: the connection comes, comes back, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from conformance.checks import shows
from conformance.client.stages import (
    bodies,
    connected,
    fence,
    on_a_websocket,
    on_supabase,
    served_by,
)
from conformance.deadlines import Deadline, until
from conformance.outcomes import Nonconforming, beginning
from conformance.targets.client import PATIENCE_S, SLACK_S, ClientUnderTest
from conformance.targets.protocol import Snapshot
from conformance.world import (
    ANNA,
    LOSSES,
    Loss,
    World,
    WorldSettings,
)

CHANGE_S: Final = 1.0 + SLACK_S
"""C-CONN-2."""

RETURN_S: Final = 5.0 + SLACK_S
"""C-CONN-3."""


def connection(snapshot: Snapshot) -> dict[str, bool]:
    """What C-CONN-2 is about."""
    told = snapshot.connection
    return {"isEnabled": told.is_enabled, "isConnected": told.is_connected}


CONNECTED: Final = {"isEnabled": True, "isConnected": True}
NOT_CONNECTED: Final = {"isEnabled": True, "isConnected": False}
NOT_ENABLED: Final = {"isEnabled": False, "isConnected": False}


@shows("C-CONN-1")
async def test_connects_by_itself(world: World, client: ClientUnderTest) -> None:
    """Connects by itself as soon as ChatEngine is configured and a token is there."""
    await client.start(world.config(user_id="agent-7"))
    await client.comes_to("the connection", connection, CONNECTED)
    seen = [(agent["workspaceId"], agent["userId"]) for agent in await world.agents()]
    if seen != [("w-1", "agent-7")]:
        raise Nonconforming(
            expected="one socket, of the workspace and user of the configuration",
            seen=seen,
            history=world.journal.tail(),
        )


async def never_configured(world: World, client: ClientUnderTest) -> None:
    """There has never been a ChatEngine."""
    if client.claims("supabase"):
        await on_supabase(world, client, ANNA)
    else:
        await client.start(world.config(chatengine=False))
        with beginning("a client that has no ChatEngine (C-CONN-2)"):
            await client.comes_to("the connection", connection, NOT_ENABLED)


async def taken_out(world: World, client: ClientUnderTest) -> None:
    """There was one, and the client was connected."""
    client.needs("reconfigure")
    await connected(world, client, ANNA)
    await client.configure(world.config(chatengine=False))
    with beginning("a client that has no ChatEngine any more (C-CONN-2, C-FBK-1)"):
        await client.comes_to("the connection", connection, NOT_ENABLED)
        if client.claims("supabase"):
            await client.until("Supabase serves", served_by("supabase"))
            await until(lambda: world.hears_of(ANNA), Deadline(PATIENCE_S))


@shows("C-CONN-1")
@pytest.mark.parametrize("state", [never_configured, taken_out])
async def test_without_configuration_no_attempt(
    world: World,
    client: ClientUnderTest,
    state: Callable[[World, ClientUnderTest], Awaitable[None]],
) -> None:
    """No configuration, no attempt: ChatEngine is not called at all, or not any more."""
    await state(world, client)
    accepted = world.network.stats.accepted if state is taken_out else 0
    if client.claims("supabase"):
        await fence(world, client, by="supabase")
    agents = len(await world.agents())
    await client.stop()  # what was to be attempted has been, or never will be
    calls = world.network.stats.accepted - accepted
    if agents or calls:
        seen = f"{calls} connections, {agents} of them still there"
        raise Nonconforming(expected="no connection to ChatEngine", seen=seen)


@shows("C-CONN-1")
async def test_connects_once_it_is_configured(world: World, client: ClientUnderTest) -> None:
    """As soon as ChatEngine is configured: at run time, too."""
    client.needs("reconfigure")
    await client.start(world.config(chatengine=False))
    await client.configure(world.config())
    await client.comes_to("the connection", connection, CONNECTED)


@shows("C-CONN-2")
async def test_enabled_and_connected_are_told_apart(world: World, client: ClientUnderTest) -> None:
    """`isEnabled` and `isConnected` are told apart, and true within 1 s of a change."""
    world.take_down()
    await client.start(world.config())
    await client.comes_to("before the connection", connection, NOT_CONNECTED, within_s=CHANGE_S)
    world.bring_back()
    with beginning("a connection (C-CONN-1)"):
        await until(world.agents, Deadline(PATIENCE_S))
    await client.comes_to("once connected", connection, CONNECTED, within_s=CHANGE_S)
    world.take_down()
    await client.comes_to("after the loss", connection, NOT_CONNECTED, within_s=CHANGE_S)


@shows("C-CONN-2")
async def test_a_refused_client_is_not_connected(world: World, client: ClientUnderTest) -> None:
    """A transport that is open is no connection: CONNECT is refused."""
    refusals = await world.refuse_sockets(code="unauthorized")
    await client.start(world.config())
    with beginning("an attempt to connect (C-CONN-1)"):
        await until(lambda: refusals.count, Deadline(PATIENCE_S))
    await client.comes_to("once refused", connection, NOT_CONNECTED, within_s=CHANGE_S)


@shows("C-CONN-2")
async def test_enabled_follows_the_configuration(world: World, client: ClientUnderTest) -> None:
    """`isEnabled` (configured) is true within 1 s of a change of the configuration."""
    client.needs("reconfigure")
    await connected(world, client)
    await client.configure(world.config(chatengine=False))
    await client.comes_to("without ChatEngine", connection, NOT_ENABLED, within_s=CHANGE_S)
    await client.configure(world.config())
    await client.until(
        "isEnabled, once ChatEngine is configured again",
        lambda snapshot: snapshot.connection.is_enabled,
        within_s=CHANGE_S,
        view=connection,
    )


@shows("C-CONN-3")
@pytest.mark.parametrize("loss", LOSSES[:2])
async def test_comes_back_after_a_loss(world: World, client: ClientUnderTest, loss: Loss) -> None:
    """A lost connection comes back by itself: each time."""
    await connected(world, client, ANNA)
    on_a_websocket(world)
    for _ in range(2):
        await _is_lost_and_returns(world, client, loss)


@shows("C-CONN-3")
@pytest.mark.parametrize("down_s", [0.5, 3.0])
async def test_comes_back_within_five_seconds(
    world: World, client: ClientUnderTest, down_s: float
) -> None:
    """Connected again within 5 s of the server's return, however long it was away."""
    await connected(world, client, ANNA)
    world.take_down()
    await asyncio.sleep(down_s)
    world.bring_back()
    await client.until("connected again", served_by("websocket"), within_s=RETURN_S)
    await _is_served(world, client)


@shows("C-CONN-3")
async def test_comes_back_after_refusals(world: World, client: ClientUnderTest) -> None:
    """For as long as it is configured: tokens that are refused for a while do not end it."""
    await connected(world, client, ANNA)
    refusals = await world.refuse_sockets(code="unauthorized")
    await world.lose("rst")
    with beginning("an attempt that is refused"):
        await until(lambda: refusals.count, Deadline(PATIENCE_S))
    await world.admit_sockets()
    await client.until("connected again", served_by("websocket"))
    await _is_served(world, client)


@shows("C-CONN-4")
@pytest.mark.parametrize("loss", LOSSES[2:])
async def test_comes_back_after_a_disconnect_by_the_server(
    world: World, client: ClientUnderTest, loss: Loss
) -> None:
    """A disconnect by the server is a lost connection too: each time."""
    await connected(world, client, ANNA)
    for _ in range(2):
        await _is_lost_and_returns(world, client, loss)


@shows("C-CONN-5")
async def test_every_attempt_has_a_valid_token(world: World, client: ClientUnderTest) -> None:
    """Every attempt carries a token valid at that moment: the first one's life is over."""
    await connected(world, client, ANNA, token_life_s=3)
    world.take_down()
    await asyncio.sleep(3.1)  # the life of the first token
    world.bring_back()
    refused = world.frames("^44", "to_client")  # CONNECT_ERROR
    await client.until("connected again", served_by("websocket"))
    if refused.count:
        raise Nonconforming(
            expected="no attempt with a token that is over",
            seen=f"{refused.count} refused attempts",
            history=world.journal.tail(),
        )


@shows("C-CONN-6")
async def test_the_state_says_why(world: World, client: ClientUnderTest) -> None:
    """A token that is refused: the state says why."""
    await client.start(world.config(is_trusted=False))
    await client.until(
        "the state `unauthorized`, and the reason in `lastError`",
        lambda s: s.connection.state == "unauthorized" and bool(s.connection.last_error),
        view=lambda snapshot: snapshot.connection,
    )


@shows("C-CONN-8")
@pytest.mark.parametrize(
    "world",
    [
        WorldSettings(ping_interval_ms=300, ping_timeout_ms=200),
        WorldSettings(ping_interval_ms=1500, ping_timeout_ms=500),
    ],
    indirect=True,
    ids=["0.5 s", "2 s"],
)
async def test_a_half_open_connection_is_noticed(world: World, client: ClientUnderTest) -> None:
    """A half-open connection is noticed within pingInterval + pingTimeout."""
    await connected(world, client, ANNA)
    world.fall_silent()
    heartbeat_s = world.settings.ping_interval_ms / 1e3 + world.settings.ping_timeout_ms / 1e3
    await client.comes_to(
        "the connection", connection, NOT_CONNECTED, within_s=heartbeat_s + SLACK_S
    )


# how


async def _is_lost_and_returns(world: World, client: ClientUnderTest, loss: Loss) -> None:
    """The client has another connection than before, and what is written shows."""
    before = [agent["sid"] for agent in await world.agents()]
    await world.lose(loss)

    async def is_new() -> bool:
        return any(agent["sid"] not in before for agent in await world.agents())

    try:
        await until(is_new, Deadline(RETURN_S))
    except TimeoutError:
        await client.look()
        raise client.broken("another connection within 5 s", connection) from None
    await _is_served(world, client)


async def _is_served(world: World, client: ClientUnderTest) -> None:
    await client.until("connected again", served_by("websocket"), within_s=CHANGE_S)
    text = "once it was connected again"
    await world.write(text)
    await client.until("it is served again", lambda snapshot: text in bodies(snapshot), view=bodies)
