"""C-TYP: who types."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from chatengine import events
from conformance.checks import shows
from conformance.client.stages import connected
from conformance.deadlines import Deadline, until
from conformance.outcomes import Nonconforming
from conformance.probes.agent import Agent
from conformance.targets.client import PATIENCE_S, SLACK_S, ClientUnderTest
from conformance.targets.protocol import Snapshot
from conformance.world import ANNA, BRUNO, World

SILENCE_S: Final = 5.0
"""C-TYP-2."""

TICK_S: Final = 1.0
"""A user interface that looks at its typists once a second is as good as one with a timer each."""


def typists(snapshot: Snapshot) -> dict[str, list[str]]:
    """Who types in which conversation."""
    return {conversation: who for conversation, who in snapshot.typing.items() if who}


@shows("C-TYP-1")
async def test_typing_reaches_the_others(world: World, client: ClientUnderTest) -> None:
    """`emitTyping` reaches the other subscribers: its beginning, and its end."""
    await connected(world, client, ANNA)
    async with world.colleague(ANNA) as colleague:
        for is_typing in (True, False):
            await client.typing(ANNA, is_typing)
            await hears(
                world,
                colleague,
                {"conversationId": ANNA, "userId": "agent-1", "isTyping": is_typing},
            )


@shows("C-TYP-2")
async def test_anothers_typing_shows_and_ends(world: World, client: ClientUnderTest) -> None:
    """Another's typing shows, in that conversation alone, and ends with their word."""
    await connected(world, client, ANNA, BRUNO)
    async with world.colleague(ANNA) as colleague:
        await colleague.emit(events.TYPING, {"conversationId": ANNA, "isTyping": True})
        await client.comes_to("who types", typists, {ANNA: ["agent-2"]})
        await colleague.emit(events.TYPING, {"conversationId": ANNA, "isTyping": False})
        await client.comes_to("who types", typists, {}, within_s=SILENCE_S / 2)


@shows("C-TYP-2")
async def test_anothers_typing_ends_by_itself(world: World, client: ClientUnderTest) -> None:
    """It ends by itself after 5 s of silence, and not before, counted from the last word."""
    await connected(world, client, ANNA)
    async with world.colleague(ANNA) as colleague:
        await colleague.emit(events.TYPING, {"conversationId": ANNA, "isTyping": True})
        await client.comes_to("who types", typists, {ANNA: ["agent-2"]})
        await asyncio.sleep(SILENCE_S / 2)
        began = time.monotonic()
        await colleague.emit(events.TYPING, {"conversationId": ANNA, "isTyping": True})
        within_s = SILENCE_S + TICK_S + SLACK_S
        await client.comes_to("who types", typists, {}, within_s=within_s)
        if time.monotonic() - began < SILENCE_S - TICK_S:
            raise client.broken("typing that shows for 5 s", typists)


async def hears(world: World, colleague: Agent, expected: dict[str, Any]) -> None:
    """Hold that a colleague is told of typing, as the contract has it."""
    try:
        await until(lambda: bool(colleague.got(events.TYPING, **expected)), Deadline(PATIENCE_S))
    except TimeoutError:
        seen, history = colleague.got(events.TYPING), world.journal.tail()
        raise Nonconforming(expected=expected, seen=seen, history=history) from None
