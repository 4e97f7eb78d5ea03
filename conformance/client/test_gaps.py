"""C-FBK-4 to C-FBK-6: over a switch nothing is lost, nothing shows twice, no status goes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import pytest

from chatengine.history import Shown
from chatengine.status import Status
from conformance.checks import shows
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
    on_a_websocket,
    served_by,
    status_of,
)
from conformance.deadlines import Deadline, until
from conformance.outcomes import CouldNotRun, Nonconforming, beginning
from conformance.targets.client import PATIENCE_S, ClientUnderTest
from conformance.world import ANNA, BRUNO, World, Written
from fakes.network.schedule import Latency, Rule, Schedule
from fakes.supabase.faults import SystemDelayed

MANY: Final = 650
"""Messages of a gap: more than the largest page of ChatEngine's history (500: contract, section 4)
and the usual one (100) beside it.
"""

SLOW_MS: Final = 4000
"""Within what is promised of Realtime: 2 to 5 s (section 9)."""

LATE_MS: Final = 400
"""Of an answer on its way: a message is written every 20 ms or so meanwhile."""

LONG_S: Final = 3 * PATIENCE_S
"""For so many; pages of 50 are a dozen calls one after the other."""


# C-FBK-4: nothing is lost


@shows("C-FBK-4")
async def test_gap_before_supabase_serves(world: World, client: ClientUnderTest) -> None:
    """What is written after the loss and before Realtime tells: messages and statuses."""
    await connected(world, client, ANNA, BRUNO)
    ours = await own(world, client)
    world.supabase.faults.add(SystemDelayed(ms=800))
    world.take_down()
    await world.write("right after the loss")
    await world.write("right after the loss", BRUNO)
    await world.acknowledge(ours, "read")
    with beginning("a channel at Supabase (C-FBK-2)"):
        await until(lambda: world.channels, Deadline(PATIENCE_S))

    async def realtime_tells() -> bool:
        return world.hears_of(ANNA)

    moment = "between the join's reply and the subscription"
    between = await written_until(world, moment, realtime_tells)
    await all_show(client, "right after the loss", *between)
    await shows_to_bruno(client, "right after the loss")
    await client.comes_to("the status of the gap", lambda s: status_of(s, ours.text), "read")
    world.bring_back()
    await is_back(world, client, ANNA, BRUNO)
    await given_time(lambda: not world.channels)
    world.take_down()
    await world.write("right after the second loss")
    await all_show(client, "right after the second loss")


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
async def test_gap_that_realtime_has_not_told_of(world: World, client: ClientUnderTest) -> None:
    """What is written just before the return, and Realtime is slow to tell."""
    await connected(world, client, ANNA)
    await fallen_back(world, client, ANNA)
    world.supabase_network.hold("to_client", ms=SLOW_MS)
    await world.write("just before the return")
    world.bring_back()
    await all_show(client, "just before the return")


@shows("C-FBK-4")
async def test_gap_of_a_reconnect(world: World, client: ClientUnderTest) -> None:
    """What is written until the same socket is back, and nothing had to serve in between."""
    await connected(world, client, ANNA, BRUNO)
    ours = await own(world, client)
    world.take_down()
    await world.write("during the reconnect")
    await world.write("during the reconnect", BRUNO)
    await world.acknowledge(ours, "read")
    world.bring_back()
    await all_show(client, "during the reconnect")
    await shows_to_bruno(client, "during the reconnect")
    await client.comes_to("the status of the gap", lambda s: status_of(s, ours.text), "read")


@shows("C-FBK-4")
async def test_gap_before_the_socket_is_subscribed(world: World, client: ClientUnderTest) -> None:
    """What is written until the subscription is there: whoever has fetched before they subscribe
    misses it. Answers take their time here, and Realtime is slow to tell.
    """
    await connected(world, client, ANNA)
    on_a_websocket(world)
    world.supabase_network.hold("to_client", ms=SLOW_MS)
    world.network.apply(Schedule((Rule(Latency(LATE_MS, direction="to_client")),)))
    before = {agent["sid"] for agent in await world.agents()}

    async def is_subscribed() -> bool:
        anew = [agent for agent in await world.agents() if agent["sid"] not in before]
        return any(ANNA in agent["conversations"] for agent in anew)

    await world.lose("rst")
    texts = await written_until(world, "before the subscription", is_subscribed)
    if not texts:
        raise CouldNotRun("It was subscribed again before anything could be written.")
    await all_show(client, *texts)


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
    await notices_the_loss(client)
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
    """What is written in the loss, the fallback and the return shows; the second time as well."""
    await connected(world, client, ANNA)
    for number in range(2):
        texts = await through_a_loss(world, client, number)
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
    never_twice(world)


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


# how


async def through_a_loss(world: World, client: ClientUnderTest, number: int = 0) -> list[str]:
    """Write at every moment of a loss, a fallback and the return; returns what was written.

    The customer and somebody of ours take turns: over two losses each has written at each moment.
    """
    texts: list[str] = []

    async def write(moment: str) -> None:
        by_us = (len(texts) + number) % 2 == 1
        texts.append(f"{moment} {number}")
        await world.write(texts[-1], by_us=by_us)

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


async def own(world: World, client: ClientUnderTest) -> Written:
    """Write a message of ours, and wait until it shows."""
    written = await world.write("ours", by_us=True)
    with beginning("a message that shows (C-MSG-1)"):
        await client.until("it shows", lambda s: status_of(s, written.text) is not None)
    return written


async def written_until(
    world: World, moment: str, tells: Callable[[], Awaitable[bool]]
) -> list[str]:
    """Write again and again until a source `tells`; returns what. Raises `CouldNotRun`."""
    texts: list[str] = []

    async def told() -> bool:
        if await tells():
            return True
        texts.append(f"{moment}, {len(texts)}")
        await world.write(texts[-1])
        return False

    with beginning("a subscription (C-SUB-3, C-FBK-2)"):
        await until(told, Deadline(PATIENCE_S), pause_s=0.02)
    return texts


async def many(world: World) -> list[str]:
    """Write more than a page."""
    texts = [f"missed {number:03d}" for number in range(MANY)]
    for text in texts:
        await world.write(text)
    return texts


def never_twice(world: World) -> None:
    """Hold every snapshot of the history to one message per provider id: not for a moment two."""
    for record in world.journal.records:
        if isinstance(record, Shown):
            names = Counter(each.provider for each in record.messages if each.provider)
            twice = [name for name, count in names.items() if count > 1]
            if twice:
                history = [*world.journal.tail(), record]
                raise Nonconforming(
                    expected="every message once, all the time", seen=twice, history=history
                )


async def shows_to_bruno(client: ClientUnderTest, text: str) -> None:
    """Hold that a message of the other open conversation shows, too."""
    await client.until(
        f"{text!r} shows in the other conversation",
        lambda snapshot: bool(found(snapshot, text, BRUNO)),
        view=lambda snapshot: bodies(snapshot, BRUNO),
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
