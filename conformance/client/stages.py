"""How checks begin, and what is asked of a client again and again.

What does not come about at the beginning is no failure of the clause that a check is about: the
check could not run, and the clause that is broken has a check of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Literal

from chatengine import events
from chatengine.history import Entered
from conformance.client.told import Told, dated, message_id, payload, row, row_id
from conformance.deadlines import Deadline, until
from conformance.journal import HARNESS
from conformance.outcomes import NotApplicable, beginning
from conformance.sightings import websockets
from conformance.targets.client import PATIENCE_S, ClientUnderTest
from conformance.targets.protocol import ShownMessage, Snapshot
from conformance.world import ANNA, Loss, World

__all__ = [
    "Source",
    "all_show",
    "bodies",
    "connected",
    "entry",
    "fallen_back",
    "fence",
    "found",
    "given_time",
    "has_entered",
    "is_back",
    "loses_its_socket",
    "message",
    "notices_the_loss",
    "on_a_websocket",
    "on_supabase",
    "send_fence",
    "served_by",
    "status_of",
    "subscribed",
]

Source = Literal["websocket", "supabase"]

_numbers: Final = itertools.count(1)

_FENCES: Final = 9_000_000
"""Ids of fences are beyond those of any check."""


async def connected(
    world: World, client: ClientUnderTest, *conversations: str, **config: Any
) -> None:
    """Begin with the socket serving, and these conversations open and subscribed."""
    with beginning("a connected client"):
        await client.start(world.config(**config))
        for each in conversations:
            await client.open(each)
        await client.until("it is connected", served_by("websocket"))
        await until(world.agents, Deadline(PATIENCE_S))
        await subscribed(world, *conversations)


async def on_supabase(
    world: World, client: ClientUnderTest, *conversations: str, **config: Any
) -> None:
    """Begin without a ChatEngine, with Supabase serving these conversations."""
    with beginning("a client that Supabase serves"):
        await client.start(world.config(chatengine=False, **config))
        for each in conversations:
            await client.open(each)
        await _supabase_serves(world, client, *conversations)


async def fallen_back(world: World, client: ClientUnderTest, *conversations: str) -> None:
    """Take ChatEngine away from a connected client, and have Supabase serve it."""
    world.take_down()
    with beginning("a client that has fallen back to Supabase"):
        await _supabase_serves(world, client, *conversations)


async def _supabase_serves(world: World, client: ClientUnderTest, *conversations: str) -> None:
    await client.until("Supabase serves", served_by("supabase"))
    await until(lambda: world.hears_of(*conversations), Deadline(PATIENCE_S))


def on_a_websocket(world: World) -> None:
    """The check goes on with a WebSocket; a session that polls outlives a connection's end.

    Raises `NotApplicable`.
    """
    if not websockets(world.network):
        raise NotApplicable("The client polls: it loses nothing with a connection.")


async def loses_its_socket(world: World, how: Loss) -> None:
    """Lose the socket; one that polls outlives a connection's end, so its session is closed."""
    polls = not websockets(world.network) and how in ("fin", "rst")
    await world.lose("server close" if polls else how)


async def notices_the_loss(client: ClientUnderTest) -> None:
    """The check goes on with a client that knows of its loss."""
    with beginning("noticing the loss (C-CONN-2)"):
        await client.until("it is not connected", lambda s: not s.connection.is_connected)


async def is_back(world: World, client: ClientUnderTest, *conversations: str) -> None:
    """The check goes on with the socket."""
    with beginning("a connection (C-CONN-3), and its subscriptions (C-SUB-3)"):
        await client.until("it is connected", served_by("websocket"))
        await subscribed(world, *conversations)


async def subscribed(world: World, *conversations: str) -> None:
    """Wait until exactly these are subscribed at ChatEngine by the newest socket: of a session that
    polls the server may not know yet that it is over. Raises `TimeoutError`.
    """

    async def look() -> bool:
        agents = await world.agents()
        return bool(agents) and sorted(agents[-1]["conversations"]) == sorted(conversations)

    await until(look, Deadline(PATIENCE_S))


async def fence(
    world: World, client: ClientUnderTest, conversation_id: str = ANNA, *, by: Source = "websocket"
) -> Snapshot:
    """Send a message behind all that was told, and return the first snapshot that shows it.

    What was to come over the same path has come by then, or never will.
    """
    text = await send_fence(world, conversation_id, by=by)
    with beginning("a message that is shown after all the others (C-MSG-1)"):
        return await client.until(
            f"{text!r} shows", lambda snapshot: text in bodies(snapshot, conversation_id)
        )


async def send_fence(world: World, conversation_id: str = ANNA, *, by: Source = "websocket") -> str:
    """Tell of a message over one path alone; returns its text.

    No history has it: one that is just being fetched would bring it before what was pushed.
    """
    number = next(_numbers)
    text = f"the fence, number {number}"
    told = dated(Told(text=text, number=_FENCES + number, conversation_id=conversation_id))
    if by == "websocket":
        await world.push(events.MESSAGE, payload(told), conversation_id)
        has_entered(world, told, message_id(told.number))
    else:
        has_entered(world, told, row_id(told.number))
        database = world.supabase.database
        database.insert("messages", [row(told)])
        database.delete("messages", lambda each: each["body"] == text)
        world.journal.note(HARNESS, f"tells by Realtime alone: {text}")
    return text


def has_entered(world: World, told: Told, name: str) -> None:
    """Note in the history that a client is told of a message under that id."""
    world.journal.add(
        Entered,
        HARNESS,
        message=name,
        conversation=told.conversation_id,
        workspace=told.workspace_id,
        created_ms=told.created_ms,
        body=told.text,
    )


def served_by(source: str) -> Any:
    """Whether a source serves; the socket does not while it is not connected."""

    def holds(snapshot: Snapshot) -> bool:
        connection = snapshot.connection
        up = connection.is_connected or source != "websocket"
        return connection.source == source and up

    return holds


async def given_time(look: Callable[[], bool]) -> None:
    """Give the client its time for what this check does not judge."""
    with suppress(TimeoutError):
        await until(look, Deadline(PATIENCE_S))


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


# Parts of a snapshot


def bodies(snapshot: Snapshot, conversation_id: str = ANNA) -> list[str | None]:
    """The texts of a conversation, newest first."""
    return [each.body for each in snapshot.messages.get(conversation_id, ())]


def found(snapshot: Snapshot, text: str, conversation_id: str = ANNA) -> Sequence[ShownMessage]:
    """The messages of a conversation that have this text."""
    return [each for each in snapshot.messages.get(conversation_id, ()) if each.body == text]


def message(snapshot: Snapshot, text: str, conversation_id: str = ANNA) -> ShownMessage | None:
    """The first of them, None where there is none."""
    return next(iter(found(snapshot, text, conversation_id)), None)


def status_of(snapshot: Snapshot, text: str, conversation_id: str = ANNA) -> str | None:
    """Its status."""
    shown = message(snapshot, text, conversation_id)
    return None if shown is None else shown.status


def entry(snapshot: Snapshot, conversation_id: str) -> Any:
    """A conversation's line of the list, None where there is none."""
    return next((each for each in snapshot.conversations if each.id == conversation_id), None)
