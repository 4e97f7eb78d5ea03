"""C-MSG-4: one message, whichever two ways it came: socket, Realtime, REST, own send."""

from __future__ import annotations

import time
from typing import Final, Literal

import pytest
from msgspec import Struct

from chatengine import events
from conformance.checks import shows
from conformance.client.feeds import Feed
from conformance.client.stages import (
    connected,
    fallen_back,
    fence,
    found,
    is_back,
    notices_the_loss,
    served_by,
    status_of,
)
from conformance.client.told import Told
from conformance.outcomes import CouldNotRun, beginning
from conformance.targets.client import ClientUnderTest
from conformance.world import ANNA, World, Written

Way = Literal["socket", "realtime", "rest", "own send"]

NEEDS: Final[dict[Way, str]] = {
    "socket": "websocket",
    "realtime": "supabase",
    "rest": "websocket",
    "own send": "send",
}

PAIRS: Final[tuple[tuple[Way, Way], ...]] = (
    ("socket", "realtime"),
    ("socket", "rest"),
    ("realtime", "socket"),
    ("realtime", "rest"),
    ("rest", "socket"),
    ("rest", "realtime"),
    ("own send", "socket"),
    ("own send", "realtime"),
    ("own send", "rest"),
)
"""First one way, then the other; nothing but the user's own send comes after the server's copy."""

TEXT: Final = "by two ways"

MOMENT: Final = int(time.time() * 1000)


@shows("C-MSG-4")
async def test_one_message_per_provider_id(feed: Feed, client: ClientUnderTest) -> None:
    """Told under two ids, and one provider id, it is one message."""
    await feed.start(ANNA)
    for number in (1, 2):
        await feed.tell(Told(text=TEXT, number=number, provider_id="3EB0C0FFEE", created_ms=MOMENT))
    await feed.fence()
    client.verify("shown once", lambda snapshot: len(found(snapshot, TEXT)), 1)


@shows("C-MSG-4")
@pytest.mark.parametrize(("first", "second"), PAIRS)
async def test_one_message_by_two_ways(
    world: World, client: ClientUnderTest, first: Way, second: Way
) -> None:
    """One message per provider id, whichever way it came first, and whichever way again."""
    client.needs("websocket", NEEDS[first], NEEDS[second])
    await connected(world, client, ANNA)
    ways = Ways(world, client)
    written = await ways.first(first)
    await ways.again(second, written)
    client.verify("shown once", lambda snapshot: len(found(snapshot, TEXT)), 1)


@shows("C-MSG-4")
async def test_one_message_by_http_and_realtime(world: World, client: ClientUnderTest) -> None:
    """An own send whose answer comes over HTTP while Realtime tells of its row shows once."""
    client.needs("websocket", "supabase", "send")
    await connected(world, client, ANNA)
    await world.refuse_sockets(status=503)
    await world.lose("rst")
    with beginning("a client that has fallen back to Supabase (C-FBK-2)"):
        await client.until("Supabase serves", served_by("supabase"))
    await client.send(ANNA, TEXT, "c-1")
    with beginning("a send over HTTP (C-SND-3)"):
        await client.until("it is sent", lambda s: status_of(s, TEXT) not in (None, "sending"))
    await fence(world, client, by="supabase")
    client.verify("shown once", lambda snapshot: len(found(snapshot, TEXT)), 1)


class Ways(Struct):
    """How a message comes to a client that is connected and looks at Anna's conversation."""

    world: World
    client: ClientUnderTest

    async def first(self, way: Way) -> Written:
        """Have a new message come this way, and wait until it shows."""
        match way:
            case "own send":
                return await self._sent()
            case "realtime":
                await fallen_back(self.world, self.client, ANNA)
                written = await self.world.write(TEXT, by_us=True)
            case "rest":
                written = await self._missed(TEXT)
            case "socket":
                written = await self.world.write(TEXT, by_us=True)
        with beginning(f"a message that shows ({way})"):
            await self.client.until("it shows", lambda snapshot: bool(found(snapshot, TEXT)))
        return written

    async def again(self, way: Way, written: Written) -> None:
        """Have it come this way once more, and wait for what comes behind."""
        match way:
            case "realtime":
                if not self.world.hears_of(ANNA):
                    await fallen_back(self.world, self.client, ANNA)
                self.world.touch_row(written)
                await fence(self.world, self.client, by="supabase")
            case "rest":
                await self._missed("missed behind it")
                await fence(self.world, self.client)
            case _:
                await self._back()
                await self.world.push(events.MESSAGE, self.world.copy_of(written))
                await fence(self.world, self.client)

    async def _sent(self) -> Written:
        await self.client.send(ANNA, TEXT, "c-1")
        with beginning("a send (C-SND-2)"):
            await self.client.until(
                "it is sent", lambda s: status_of(s, TEXT) in ("sent", "delivered", "read")
            )
        (send,) = self.world.provider.sent(text=TEXT)
        return Written(id=f"evo-{send.key_id}", key_id=send.key_id, conversation_id=ANNA, text=TEXT)

    async def _missed(self, text: str) -> Written:
        """Write while nothing serves; a history brings it afterwards."""
        both = (self.world.network, self.world.supabase_network)
        self.world.take_down(*both)
        await notices_the_loss(self.client)
        written = await self.world.write(text, by_us=True)
        self.world.bring_back(*both)
        await self._back()
        await self._fetched(text)
        return written

    async def _fetched(self, text: str) -> None:
        """Wait until a history has brought it; who has no fallback owes nobody one."""
        try:
            with beginning("a gap that is closed (C-FBK-4)"):
                await self.client.until("what was missed shows", lambda s: bool(found(s, text)))
        except CouldNotRun:
            self.client.needs("supabase")
            raise

    async def _back(self) -> None:
        self.world.bring_back()
        await is_back(self.world, self.client, ANNA)
