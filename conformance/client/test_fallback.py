"""C-FBK: who serves when the socket does not, and that nobody notices."""

from __future__ import annotations

from typing import Final

import pytest

from conformance.checks import shows
from conformance.client.silence import is_left_alone
from conformance.client.stages import (
    all_show,
    bodies,
    connected,
    fallen_back,
    fence,
    found,
    given_time,
    is_back,
    notices_the_loss,
    status_of,
)
from conformance.deadlines import Deadline, until
from conformance.outcomes import Nonconforming, beginning
from conformance.sightings import websockets
from conformance.targets.client import PATIENCE_S, SLACK_S, ClientUnderTest
from conformance.targets.protocol import Snapshot
from conformance.world import ANNA, BRUNO, World, WorldSettings
from fakes.supabase.faults import HandshakeRefused, SystemDelayed

SERVES_S: Final = 2.0 + SLACK_S
"""C-FBK-2."""

RELEASED_S: Final = 5.0 + SLACK_S
"""C-FBK-3."""

JOINING: Final = 6
"""The flap in which a channel is being joined."""

POLLED_S: Final = 2 * PATIENCE_S
"""C-FBK-7: polls may lie 10 s apart (section 9); they begin once Supabase has had its time."""


def source(snapshot: Snapshot) -> str:
    """What serves."""
    return snapshot.connection.source


# C-FBK-1, C-FBK-2, C-FBK-3: who serves


@shows("C-FBK-1")
async def test_without_chatengine_supabase_serves(world: World, client: ClientUnderTest) -> None:
    """No ChatEngine configured: Supabase Realtime serves messages, statuses and the list."""
    await client.start(world.config(chatengine=False))
    await client.open(ANNA)
    await client.comes_to("the source", source, "supabase")
    with beginning("channels at Supabase"):
        await until(lambda: world.hears_of(ANNA), Deadline(PATIENCE_S))
    written = await world.write("over Realtime", by_us=True)
    await client.comes_to("its status", lambda s: status_of(s, written.text), "sent")
    await world.acknowledge(written, "read")
    await client.comes_to("its status", lambda s: status_of(s, written.text), "read")


@shows("C-FBK-1")
async def test_chatengine_taken_out_of_the_configuration(
    world: World, client: ClientUnderTest
) -> None:
    """ChatEngine taken out of the environment: Supabase serves from then on."""
    client.needs("reconfigure", "websocket")
    await connected(world, client, ANNA)
    await client.configure(world.config(chatengine=False))
    await client.comes_to("the source", source, "supabase")
    with beginning("channels at Supabase"):
        await until(lambda: world.hears_of(ANNA), Deadline(PATIENCE_S))
    await world.write("over Realtime")
    await client.until("a message shows", lambda s: bool(found(s, "over Realtime")), view=bodies)


@shows("C-FBK-2")
async def test_supabase_serves_after_a_loss(world: World, client: ClientUnderTest) -> None:
    """Configured but not connected any more: Supabase serves, within 2 s, each time."""
    client.needs("websocket")
    await connected(world, client, ANNA)
    world.take_down()
    await supabase_serves(world, client, "over Supabase")
    world.bring_back()
    await is_back(world, client, ANNA)
    await given_time(lambda: not world.channels)
    world.take_down()
    await supabase_serves(world, client, "over Supabase again")


@shows("C-FBK-2")
async def test_supabase_serves_before_the_first_connection(
    world: World, client: ClientUnderTest
) -> None:
    """Configured but not connected yet: Supabase serves, within 2 s."""
    client.needs("websocket")
    world.take_down()
    await client.start(world.config())
    await client.open(ANNA)
    await supabase_serves(world, client)


@shows("C-FBK-2")
@pytest.mark.parametrize(
    "world",
    [WorldSettings(ping_interval_ms=300, ping_timeout_ms=200)],
    indirect=True,
    ids=["heartbeat"],
)
async def test_supabase_serves_after_silence(world: World, client: ClientUnderTest) -> None:
    """The same where the connection was half open."""
    client.needs("websocket")
    await connected(world, client, ANNA)
    world.fall_silent()
    await supabase_serves(world, client)


@shows("C-FBK-2")
async def test_supabase_serves_a_refused_client(world: World, client: ClientUnderTest) -> None:
    """The same where ChatEngine refuses the token."""
    client.needs("websocket")
    await client.start(world.config(is_trusted=False))
    await client.open(ANNA)
    await supabase_serves(world, client)


@shows("C-FBK-3")
async def test_the_socket_serves_again(world: World, client: ClientUnderTest) -> None:
    """The socket is back: it serves again, and the channels are released within 5 s, each time."""
    await connected(world, client, ANNA, BRUNO)
    for _ in range(2):
        await fallen_back(world, client, ANNA, BRUNO)
        world.bring_back()
        with beginning("a connection (C-CONN-3)"):
            await client.until("it is connected", lambda s: s.connection.is_connected)
        await releases_its_channels(world)
        await client.comes_to("the source", source, "websocket")
        await fence(world, client)


# C-FBK-7, C-FBK-8: Supabase gone too, and flapping


@shows("C-FBK-7")
@pytest.mark.parametrize("gone", ["Realtime", "all of it"])
async def test_with_supabase_gone_too_it_polls(
    world: World, client: ClientUnderTest, gone: str
) -> None:
    """With neither socket nor Realtime, polling brings messages and statuses of all that is open,
    from ChatEngine where Supabase does not answer at all.
    """
    await world.refuse_sockets(status=503)
    if gone == "Realtime":
        world.supabase.faults.add(HandshakeRefused())
    else:
        world.take_down(world.supabase_network)
    await client.start(world.config())
    for each in (BRUNO, ANNA):
        await client.open(each)
    await client.comes_to("the source", source, "polling", within_s=POLLED_S)
    ours = [await world.write("polled", each, by_us=True) for each in (BRUNO, ANNA)]
    await _polls(client, "sent")
    for written in ours:
        await world.acknowledge(written, "read")
    await _polls(client, "read")


@shows("C-FBK-8")
async def test_flapping_leaks_nothing(world: World, client: ClientUnderTest) -> None:
    """After many losses of both there is one socket, no channel, and after stop nothing."""
    await connected(world, client, ANNA, BRUNO)
    for number in range(8):
        if number % 4 == 3:  # long enough for Supabase to be asked
            world.take_down()
            await given_time(lambda: world.hears_of(ANNA, BRUNO))
            world.bring_back()
        elif number == JOINING:  # and the socket back before the channels are there
            world.supabase.faults.add(SystemDelayed(ms=1000, count=2))
            world.take_down()
            await given_time(lambda: bool(world.channels))
            world.bring_back()
        else:
            await world.lose("rst")
        if number < JOINING:  # nobody takes from it what it has joined after that
            world.supabase_network.reset_all()
        await is_back(world, client, ANNA, BRUNO)
    await fence(world, client)
    await holds_one_socket(world)
    await client.stop()
    await is_left_alone(world)


# how


async def releases_its_channels(world: World) -> None:
    """Hold a client whose socket is back to having no channel within 5 s."""
    try:
        await until(lambda: not world.channels, Deadline(RELEASED_S))
    except TimeoutError:
        raise Nonconforming(
            expected="no channel at Supabase 5 s after the socket is back",
            seen=world.channels,
            history=world.journal.tail(),
        ) from None


async def _polls(client: ClientUnderTest, status: str) -> None:
    def statuses(snapshot: Snapshot) -> list[str | None]:
        return [status_of(snapshot, "polled", each) for each in (BRUNO, ANNA)]

    await client.comes_to("their statuses", statuses, [status, status], within_s=POLLED_S)


async def supabase_serves(
    world: World, client: ClientUnderTest, text: str = "over Supabase"
) -> None:
    """From the moment the client is not connected, Supabase serves within 2 s."""
    await notices_the_loss(client)
    await client.comes_to("the source", source, "supabase", within_s=SERVES_S)
    with beginning("channels at Supabase"):
        await until(lambda: world.hears_of(ANNA), Deadline(PATIENCE_S))
    written = await world.write(text, by_us=True)
    await all_show(client, text)
    await world.acknowledge(written, "read")
    await client.comes_to("its status", lambda s: status_of(s, text), "read")


async def holds_one_socket(world: World) -> None:
    """Hold what the servers see of a client that is connected to one socket, and no channel."""

    async def seen() -> dict[str, object]:
        polls = not websockets(world.network)  # of sessions before the server may not know the end
        return {
            "sockets at ChatEngine": 1 if polls else len(await world.agents()),
            "WebSockets to ChatEngine beyond one": max(0, websockets(world.network) - 1),
            "channels at Supabase": len(world.channels),
        }

    expected = {  # the socket may poll: of transports the contract has two
        "sockets at ChatEngine": 1,
        "WebSockets to ChatEngine beyond one": 0,
        "channels at Supabase": 0,
    }

    async def look() -> bool:
        return await seen() == expected

    try:
        await until(look, Deadline(RELEASED_S))
    except TimeoutError:
        raise Nonconforming(
            expected=expected, seen=await seen(), history=world.journal.tail()
        ) from None
    if websockets(world.supabase_network) > 1:  # supabase-js keeps one for a while
        seen_now = f"{websockets(world.supabase_network)} WebSockets"
        raise Nonconforming(expected="at most one WebSocket to Supabase", seen=seen_now)
