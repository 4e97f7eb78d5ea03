"""C-FBK: who serves when the socket does not, and that nobody notices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Literal

import pytest

from chatengine.status import Status
from conformance.checks import shows
from conformance.client.silence import is_left_alone
from conformance.client.stages import (
    beginning,
    bodies,
    connected,
    fallen_back,
    fence,
    found,
    served_by,
    status_of,
    subscribed,
)
from conformance.deadlines import Deadline, until
from conformance.history.records import Shown
from conformance.outcomes import Nonconforming
from conformance.targets.client import PATIENCE_S, SLACK_S, ClientUnderTest
from conformance.targets.protocol import Snapshot
from conformance.world import ANNA, BRUNO, World, WorldSettings, Written, websockets
from fakes.supabase.faults import HandshakeRefused, SystemDelayed

SERVES_S: Final = 2.0 + SLACK_S
"""C-FBK-2."""

RELEASED_S: Final = 5.0 + SLACK_S
"""C-FBK-3."""

MANY: Final = 650
"""Messages of a gap: more than the largest page of ChatEngine's history (500: contract, section 4)
and the usual one (100) beside it.
"""

LONG_S: Final = 3 * PATIENCE_S
"""For so many; pages of 50 are a dozen calls one after the other."""


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
    """Configured but not connected any more: Supabase serves, within 2 s."""
    client.needs("websocket")
    await connected(world, client, ANNA)
    world.take_down()
    await supabase_serves(world, client)


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
    """The socket is back: it serves again, and the channels are released within 5 s."""
    await connected(world, client, ANNA, BRUNO)
    await fallen_back(world, client, ANNA, BRUNO)
    world.bring_back()
    with beginning("a connection (C-CONN-3)"):
        await client.until("it is connected", lambda s: s.connection.is_connected)
    try:
        await until(lambda: not world.channels, Deadline(RELEASED_S))
    except TimeoutError:
        raise Nonconforming(
            expected="no channel at Supabase 5 s after the socket is back",
            seen=world.channels,
            history=world.journal.tail(),
        ) from None
    await client.comes_to("the source", source, "websocket")
    await fence(world, client)


# C-FBK-4: nothing is lost


@shows("C-FBK-4")
async def test_gap_before_supabase_serves(world: World, client: ClientUnderTest) -> None:
    """What is written after the loss and before Realtime tells: messages and statuses."""
    await connected(world, client, ANNA)
    ours = await own(world, client)
    world.supabase.faults.add(SystemDelayed(ms=800))
    world.take_down()
    await world.write("right after the loss")
    await world.acknowledge(ours, "read")
    with beginning("a channel at Supabase (C-FBK-2)"):
        await until(lambda: world.channels, Deadline(PATIENCE_S))
    await world.write("between the join's reply and the subscription")
    await all_show(client, "right after the loss", "between the join's reply and the subscription")
    await client.comes_to("the status of the gap", lambda s: status_of(s, ours.text), "read")


@shows("C-FBK-4")
async def test_gap_before_the_socket_serves(world: World, client: ClientUnderTest) -> None:
    """What is written while nothing serves, until the socket is back: messages and statuses."""
    await connected(world, client, ANNA)
    ours = await own(world, client)
    await fallen_back(world, client, ANNA)
    world.take_down(world.network, world.supabase_network)
    await world.write("while nothing served")
    await world.acknowledge(ours, "read")
    world.bring_back(world.network, world.supabase_network)
    await all_show(client, "while nothing served")
    await client.comes_to("the status of the gap", lambda s: status_of(s, ours.text), "read")


@shows("C-FBK-4")
async def test_gap_of_a_reconnect(world: World, client: ClientUnderTest) -> None:
    """What is written until the same socket is back, and nothing had to serve in between."""
    await connected(world, client, ANNA)
    ours = await own(world, client)
    world.take_down()
    await world.write("during the reconnect")
    await world.acknowledge(ours, "read")
    world.bring_back()
    await all_show(client, "during the reconnect")
    await client.comes_to("the status of the gap", lambda s: status_of(s, ours.text), "read")


@shows("C-FBK-4")
@pytest.mark.parametrize("way", ["to Supabase", "to the socket"])
async def test_written_before_the_gap_and_stored_in_it(
    world: World, client: ClientUnderTest, way: Literal["to Supabase", "to the socket"]
) -> None:
    """A message written before the gap, and before the last one shown, and stored in the gap."""
    await connected(world, client, ANNA)
    await fence(world, client)
    world.supabase.faults.add(SystemDelayed(ms=500))
    world.take_down(world.network, world.supabase_network)
    with beginning("noticing the loss (C-CONN-2)"):
        await client.until("it is not connected", lambda s: not s.connection.is_connected)
    await world.write("late", ago_s=3)
    world.bring_back(world.supabase_network if way == "to Supabase" else world.network)
    await all_show(client, "late")


@shows("C-FBK-4")
async def test_a_long_gap_before_supabase_serves(world: World, client: ClientUnderTest) -> None:
    """More messages than a page of Supabase's history has."""
    await connected(world, client, ANNA)
    world.take_down(world.network, world.supabase_network)
    texts = await many(world)
    world.bring_back(world.supabase_network)
    await all_show(client, *texts, within_s=LONG_S)


@shows("C-FBK-4")
async def test_a_long_gap_before_the_socket_serves(world: World, client: ClientUnderTest) -> None:
    """More messages than a page of ChatEngine's history has."""
    await connected(world, client, ANNA)
    world.take_down(world.network, world.supabase_network)
    texts = await many(world)
    world.bring_back()
    await all_show(client, *texts, within_s=LONG_S)


@shows("C-FBK-4")
async def test_every_moment_of_a_loss(world: World, client: ClientUnderTest) -> None:
    """What is written in the loss, the fallback and the return shows."""
    await connected(world, client, ANNA)
    texts = await through_a_loss(world, client)
    await all_show(client, *texts)


# C-FBK-5, C-FBK-6: nothing twice, and nothing back


@shows("C-FBK-5")
async def test_nothing_shows_twice(world: World, client: ClientUnderTest) -> None:
    """Told by the socket, by Realtime and by both histories, over two losses, all show once."""
    await connected(world, client, ANNA)
    for number in range(2):
        await through_a_loss(world, client, number)
    snapshot = await fence(world, client)
    shown = bodies(snapshot)
    twice = sorted({str(each) for each in shown if shown.count(each) > 1})
    if twice:
        raise client.broken("every message once", lambda _: {"twice": twice})


@shows("C-FBK-6")
async def test_no_status_goes_back(world: World, client: ClientUnderTest) -> None:
    """Rows that are behind take nothing back, over a fallback and the return."""
    await connected(world, client, ANNA)
    ours = await own(world, client)
    await world.acknowledge(ours, "read")
    with beginning("a status that shows (C-STA-1)"):
        await client.until("it is read", lambda s: status_of(s, ours.text) == "read")
    world.touch_row(ours, status="sent")
    await fallen_back(world, client, ANNA)
    world.touch_row(ours, status="delivered")
    await fence(world, client, by="supabase")
    world.bring_back()
    await is_back(world, client, ANNA)
    await fence(world, client)
    client.verify("still read", lambda s: status_of(s, ours.text), "read")
    only_rises(world, ours)


@shows("C-FBK-6")
async def test_no_status_goes_back_on_the_return(world: World, client: ClientUnderTest) -> None:
    """What Supabase told stays, although the socket begins anew."""
    await connected(world, client, ANNA)
    await fallen_back(world, client, ANNA)
    ours = await own(world, client)
    await world.acknowledge(ours, "delivered")
    with beginning("a status that shows (C-STA-1)"):
        await client.until("it is delivered", lambda s: status_of(s, ours.text) == "delivered")
    world.bring_back()
    await is_back(world, client, ANNA)
    await world.push("message", world.copy_of(ours) | {"status": "sent"})
    await fence(world, client)
    client.verify("still delivered", lambda s: status_of(s, ours.text), "delivered")
    only_rises(world, ours)


# C-FBK-7, C-FBK-8: Supabase gone too, and flapping


@shows("C-FBK-7")
async def test_with_supabase_gone_too_it_polls(world: World, client: ClientUnderTest) -> None:
    """With neither socket nor Realtime, polling brings messages and statuses."""
    await world.refuse_sockets(status=503)
    world.supabase.faults.add(HandshakeRefused())
    await client.start(world.config())
    await client.open(ANNA)
    await client.comes_to("the source", source, "polling")
    ours = await world.write("polled", by_us=True)
    await client.comes_to("its status", lambda s: status_of(s, "polled"), "sent")
    await world.acknowledge(ours, "read")
    await client.comes_to("its status", lambda s: status_of(s, "polled"), "read")


@shows("C-FBK-8")
async def test_flapping_leaks_nothing(world: World, client: ClientUnderTest) -> None:
    """After many losses of both there is one socket, no channel, and after stop nothing."""
    await connected(world, client, ANNA, BRUNO)
    for number in range(8):
        if number % 4 == 3:  # long enough for Supabase to be asked
            world.take_down()
            await given_time(lambda: world.hears_of(ANNA, BRUNO))
            world.bring_back()
        else:
            await world.lose("rst")
        world.supabase_network.reset_all()
        await is_back(world, client, ANNA, BRUNO)
    await fence(world, client)
    await holds_one_socket(world)
    await client.stop()
    await is_left_alone(world)


# how


async def supabase_serves(world: World, client: ClientUnderTest) -> None:
    """From the moment the client is not connected, Supabase serves within 2 s."""
    with beginning("noticing the loss (C-CONN-2)"):
        await client.until("it is not connected", lambda s: not s.connection.is_connected)
    await client.comes_to("the source", source, "supabase", within_s=SERVES_S)
    with beginning("channels at Supabase"):
        await until(lambda: world.hears_of(ANNA), Deadline(PATIENCE_S))
    await world.write("over Supabase")
    await all_show(client, "over Supabase")


async def through_a_loss(world: World, client: ClientUnderTest, number: int = 0) -> list[str]:
    """Write at every moment of a loss, a fallback and the return; returns what was written."""
    texts = []

    async def write(moment: str) -> None:
        texts.append(f"{moment} {number}")
        await world.write(texts[-1])

    await write("before")
    world.take_down()
    await write("in the loss")
    with beginning("a channel at Supabase (C-FBK-2)"):
        await until(lambda: world.channels, Deadline(PATIENCE_S))
    await write("in the join")
    with beginning("Supabase serving (C-FBK-2)"):
        await client.until("it serves", served_by("supabase"))
    await write("over Supabase")
    world.bring_back()
    await write("in the return")
    await is_back(world, client, ANNA)
    await write("over the socket, with channels that are open still")
    await given_time(lambda: not world.channels)
    await write("after")
    return texts


async def given_time(look: Callable[[], bool]) -> None:
    """Give the client its time for what this check does not judge."""
    with suppress(TimeoutError):
        await until(look, Deadline(RELEASED_S))


async def is_back(world: World, client: ClientUnderTest, *conversations: str) -> None:
    """The check goes on with the socket."""
    with beginning("a connection (C-CONN-3)"):
        await subscribed(world, *conversations)
        await client.until("it is connected", served_by("websocket"))


async def own(world: World, client: ClientUnderTest) -> Written:
    """Write a message of ours, and wait until it shows."""
    written = await world.write("ours", by_us=True)
    with beginning("a message that shows (C-MSG-1)"):
        await client.until("it shows", lambda s: status_of(s, written.text) is not None)
    return written


async def many(world: World) -> list[str]:
    """Write more than a page."""
    texts = [f"missed {number:03d}" for number in range(MANY)]
    for text in texts:
        await world.write(text)
    return texts


async def all_show(client: ClientUnderTest, *texts: str, within_s: float = PATIENCE_S) -> None:
    """Hold that these show; what is missing is told."""

    def missing(snapshot: Snapshot) -> Sequence[str]:
        shown = set(bodies(snapshot))
        return [text for text in texts if text not in shown]

    shown = ", ".join(map(repr, texts[:4]))
    await client.until(
        f"{len(texts)} messages show: {shown}{', ...' if len(texts) > 4 else ''}",
        lambda snapshot: not missing(snapshot),
        within_s=within_s,
        view=lambda snapshot: {"missing": missing(snapshot)},
    )


def only_rises(world: World, written: Written) -> None:
    """Hold every snapshot of the history to a status that is no lower than the one before."""
    told = [
        Status.parse(message.status)
        for record in world.journal.records
        if isinstance(record, Shown)
        for message in record.messages
        if message.provider == written.key_id
    ]
    known = [status for status in told if status is not None]
    if known != sorted(known):
        raise Nonconforming(
            expected="a status that only moves up",
            seen=[status.crm for status in known],
            history=world.journal.tail(),
        )


async def holds_one_socket(world: World) -> None:
    """Hold what the servers see of a client that is connected to one socket, and no channel."""

    async def seen() -> dict[str, object]:
        return {
            "sockets at ChatEngine": len(await world.agents()),
            "WebSockets to ChatEngine": websockets(world.network),
            "channels at Supabase": len(world.channels),
        }

    expected = {
        "sockets at ChatEngine": 1,
        "WebSockets to ChatEngine": 1,
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
