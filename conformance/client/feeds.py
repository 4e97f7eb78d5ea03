"""The two ways in which a client is told: ChatEngine's socket, and Supabase Realtime.

A check that is about neither says what is told, and each feed says it in its own words: an event's
payload, or a row.
"""

from __future__ import annotations

from typing import Protocol

from msgspec.structs import replace

from chatengine import events
from chatengine.history import StatusEntered
from conformance.client.stages import connected, fence, has_entered, on_supabase
from conformance.client.told import Told, dated, message_id, payload, row, row_id
from conformance.journal import HARNESS
from conformance.targets.client import ClientUnderTest
from conformance.targets.protocol import Snapshot
from conformance.world import ANNA, World

__all__ = ["Feed", "RealtimeFeed", "SocketFeed"]


class Feed(Protocol):
    """One of the two; a check begins with `start`."""

    world: World

    async def start(self, *conversations: str, number_id: str | None = None) -> None:
        """Have the client served by this, with these conversations open."""

    async def tell(self, told: Told) -> None:
        """Tell of a new message."""

    async def tell_again(self, told: Told) -> None:
        """Tell of it once more, with nothing new."""

    async def tell_behind(self, told: Told, status: str) -> None:
        """Tell of it once more, with a status that is behind."""

    async def tell_status(self, told: Told, status: str) -> None:
        """Tell of a message's status."""

    async def fence(self, conversation_id: str = ANNA) -> Snapshot:
        """Return a snapshot that has all that was told before."""

    def id_of(self, told: Told) -> str:
        """The id that the message has here."""


class SocketFeed:
    """Events of ChatEngine's socket."""

    def __init__(self, world: World, client: ClientUnderTest) -> None:
        self.world = world
        self._client = client

    async def start(self, *conversations: str, number_id: str | None = None) -> None:
        """Connect, and subscribe."""
        await connected(self.world, self._client, *conversations, number_id=number_id)

    async def tell(self, told: Told) -> None:
        """Push it to the conversation's subscribers."""
        told = dated(told)
        await self.world.push(events.MESSAGE, payload(told), told.conversation_id)
        has_entered(self.world, told, self.id_of(told))

    async def tell_again(self, told: Told) -> None:
        """Push it once more."""
        await self.tell(told)

    async def tell_behind(self, told: Told, status: str) -> None:
        """Push it once more."""
        await self.tell(replace(told, status=status))

    async def tell_status(self, told: Told, status: str) -> None:
        """Push it to the conversation's subscribers, by the message's id."""
        update = {"messageId": self.id_of(told), "status": status}
        await self.world.push(events.MESSAGE_STATUS, update, told.conversation_id)
        self.world.journal.add(StatusEntered, HARNESS, message=self.id_of(told), status=status)

    async def fence(self, conversation_id: str = ANNA) -> Snapshot:
        """Wait for an event that was pushed behind."""
        return await fence(self.world, self._client, conversation_id, by="websocket")

    def id_of(self, told: Told) -> str:
        """ChatEngine's."""
        return message_id(told.number)


class RealtimeFeed:
    """Changes of Supabase's rows."""

    def __init__(self, world: World, client: ClientUnderTest) -> None:
        self.world = world
        self._client = client

    async def start(self, *conversations: str, number_id: str | None = None) -> None:
        """Fall back to Supabase from the beginning, and subscribe."""
        await on_supabase(self.world, self._client, *conversations, number_id=number_id)

    async def tell(self, told: Told) -> None:
        """Insert its row."""
        told = dated(told)
        self.world.supabase.database.insert("messages", [row(told)])
        has_entered(self.world, told, self.id_of(told))

    async def tell_again(self, told: Told) -> None:
        """Update its row with what it has."""
        key = (self.id_of(told),)
        self.world.supabase.database.update_row("messages", key, {"body": told.text})

    async def tell_behind(self, told: Told, status: str) -> None:
        """Update its row."""
        await self.tell_status(told, status)

    async def tell_status(self, told: Told, status: str) -> None:
        """Update its row."""
        key, crm = self.id_of(told), "sending" if status == "pending" else status
        self.world.supabase.database.update_row("messages", (key,), {"status": crm})
        self.world.journal.add(StatusEntered, HARNESS, message=key, status=status)

    async def fence(self, conversation_id: str = ANNA) -> Snapshot:
        """Wait for a change that was made behind."""
        return await fence(self.world, self._client, conversation_id, by="supabase")

    def id_of(self, told: Told) -> str:
        """The row's."""
        return row_id(told.number)
