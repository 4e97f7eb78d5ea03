"""C-STA: a status only moves up, whenever and under whatever name it comes."""

from __future__ import annotations

import itertools
from typing import Final

from chatengine import events
from conformance.checks import shows
from conformance.client.feeds import Feed, RealtimeFeed, SocketFeed
from conformance.client.stages import connected, found, on_supabase, status_of
from conformance.client.told import Told
from conformance.outcomes import beginning
from conformance.targets.client import ClientUnderTest, View
from conformance.world import ANNA, World

RISING: Final = ("sent", "failed", "delivered", "read")
"""From `sending` on."""

ORDERS: Final = (
    *itertools.permutations(("sent", "failed", "delivered")),
    *((last, first) for first, last in itertools.combinations(RISING, 2)),
)
"""Realtime drops what is more than a hundred changes a second: these are seventy."""


def own(number: int, *, status: str = "pending", provider_id: str | None = None) -> Told:
    """An own message; a customer's have no status to speak of."""
    return Told(
        text=f"own {number}", number=number, by_us=True, status=status, provider_id=provider_id
    )


def statuses(*messages: Told) -> View:
    """The statuses of these."""
    return lambda snapshot: {each.text: status_of(snapshot, each.text) for each in messages}


async def push_status(world: World, message_id: str, status: object) -> None:
    """Push a status to Anna's conversation."""
    await world.push(events.MESSAGE_STATUS, {"messageId": message_id, "status": status})


@shows("C-STA-1")
async def test_a_status_only_moves_up(feed: Feed, client: ClientUnderTest) -> None:
    """Whatever the order, and repeated, the end state is the greatest that was told."""
    await feed.start(ANNA)
    messages = [(own(number), order) for number, order in enumerate(ORDERS)]
    for told, order in messages:
        await feed.tell(told)
        for status in (*order, order[0]):
            await feed.tell_status(told, status)
    await feed.fence()
    expected = {told.text: max(order, key=RISING.index) for told, order in messages}
    client.verify("the greatest", statuses(*(told for told, _ in messages)), expected)


@shows("C-STA-1")
async def test_a_message_told_again_takes_nothing_back(feed: Feed, client: ClientUnderTest) -> None:
    """A copy that is behind is a status that comes late."""
    await feed.start(ANNA)
    told = own(1, provider_id="P-1")
    await feed.tell(told)
    await feed.tell_status(told, "read")
    await feed.fence()
    client.verify("told", statuses(told), {told.text: "read"})
    await feed.tell_behind(told, "sent")
    await feed.fence()
    client.verify("not taken back", statuses(told), {told.text: "read"})


@shows("C-STA-1")
async def test_the_greatest_of_several_that_come_early(
    world: World, client: ClientUnderTest
) -> None:
    """Statuses that all come before their message are no exception."""
    client.needs("websocket")
    await connected(world, client, ANNA)
    feed = SocketFeed(world, client)
    one, *several = (own(number, status="sent") for number in (1, 2, 3))
    await feed.tell_status(one, "read")
    for told, order in zip(several, (("read", "sent", "delivered"), ("sent", "read")), strict=True):
        for status in order:
            await feed.tell_status(told, status)
    for told in (one, *several):
        await feed.tell(told)
    await feed.fence()
    with beginning("a status that is kept for its message (C-STA-2)"):
        client.verify("kept", statuses(one), {one.text: "read"})
    client.verify("the greatest", statuses(*several), {told.text: "read" for told in several})


@shows("C-STA-2")
async def test_a_status_before_its_message(world: World, client: ClientUnderTest) -> None:
    """A status that comes before its message is kept and applied."""
    client.needs("websocket")
    await connected(world, client, ANNA)
    feed = SocketFeed(world, client)
    delivered, read = own(1, status="sent"), own(2, status="sent")
    await feed.tell_status(delivered, "delivered")
    await feed.tell_status(read, "read")
    await feed.fence()
    for told in (delivered, read):
        await feed.tell(told)
    await feed.fence()
    expected = {delivered.text: "delivered", read.text: "read"}
    client.verify("kept and applied", statuses(delivered, read), expected)


@shows("C-STA-2", "C-STA-3")
async def test_a_status_by_provider_id_before_its_message(
    world: World, client: ClientUnderTest
) -> None:
    """Kept and applied under the provider's id, too."""
    client.needs("websocket")
    await connected(world, client, ANNA)
    feed = SocketFeed(world, client)
    told = own(1, status="sent", provider_id="3EB0C0FFEE")
    await push_status(world, "3EB0C0FFEE", "delivered")
    await feed.fence()
    await feed.tell(told)
    await feed.fence()
    client.verify("kept and applied", statuses(told), {told.text: "delivered"})


@shows("C-STA-3")
async def test_found_by_id_or_by_provider_id(world: World, client: ClientUnderTest) -> None:
    """A status may name its message by id or by provider id."""
    client.needs("websocket")
    await connected(world, client, ANNA)
    feed = SocketFeed(world, client)
    by_id, by_provider = own(1, provider_id="P-1"), own(2, provider_id="P-2")
    for told in (by_id, by_provider):
        await feed.tell(told)
    await push_status(world, feed.id_of(by_id), "read")
    await push_status(world, "P-2", "read")
    await feed.fence()
    expected = {by_id.text: "read", by_provider.text: "read"}
    client.verify("found", statuses(by_id, by_provider), expected)


@shows("C-STA-3")
async def test_a_rows_status_is_found(world: World, client: ClientUnderTest) -> None:
    """A message's row is found again when its status changes."""
    client.needs("supabase")
    await on_supabase(world, client, ANNA)
    feed = RealtimeFeed(world, client)
    told = own(1, provider_id="P-1")
    await feed.tell(told)
    await feed.tell_status(told, "delivered")
    await feed.fence()
    client.verify("found", statuses(told), {told.text: "delivered"})


@shows("C-STA-4")
async def test_an_unknown_status_changes_nothing(world: World, client: ClientUnderTest) -> None:
    """An unknown value changes nothing."""
    client.needs("websocket")
    await connected(world, client, ANNA)
    feed = SocketFeed(world, client)
    told = own(1, status="sent")
    await feed.tell(told)
    unknown: tuple[object, ...] = ("teleported", "", None, 3, {}, [])
    for value in unknown:
        await push_status(world, feed.id_of(told), value)
    await feed.fence()
    client.verify("as before", statuses(told), {told.text: "sent"})


@shows("C-STA-4")
async def test_a_message_of_an_unknown_status_is_kept(feed: Feed, client: ClientUnderTest) -> None:
    """An unknown value as the status of a new message: the message is kept."""
    await feed.start(ANNA)
    told = own(1, status="teleported")
    await feed.tell(told)
    await feed.fence()
    client.verify("kept", lambda snapshot: len(found(snapshot, told.text)), 1)
    await feed.tell_status(told, "delivered")
    await feed.fence()
    client.verify("a known one counts again", statuses(told), {told.text: "delivered"})
