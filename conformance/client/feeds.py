"""The two ways in which a client is told: ChatEngine's socket, and Supabase Realtime.

A check that is about neither says what is told, and each feed says it in its own words: an event's
payload, or a row.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from chatengine import events
from chatengine.moments import from_ms
from conformance.client.stages import connected, fence, on_supabase
from conformance.history.records import Entered, StatusEntered
from conformance.journal import HARNESS
from conformance.targets.client import ClientUnderTest
from conformance.targets.protocol import Snapshot
from conformance.world import ANNA, World

__all__ = ["Feed", "RealtimeFeed", "SocketFeed", "Told", "payload", "row"]


class Told(Struct, frozen=True, kw_only=True):
    """A message that a client is told of; `number` makes its id, and orders ids as numbers are.

    `by_us`: not the customer wrote it. `attachment` is the URL of a file, `provider_id` what the
    provider calls the message.
    """

    text: str
    number: int = 1
    conversation_id: str = ANNA
    workspace_id: str = "w-1"
    created_ms: int = 0
    by_us: bool = False
    type: str = "text"
    status: str = "delivered"
    provider_id: str | None = None
    attachment: str | None = None
    reply_to: int | None = None


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
        told = _now(told)
        await self.world.push(events.MESSAGE, payload(told), told.conversation_id)
        _entered(self.world, told, self.id_of(told))

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
        """Wait for a message that entered behind."""
        return await fence(self.world, self._client, conversation_id)

    def id_of(self, told: Told) -> str:
        """ChatEngine's."""
        return f"m-{told.number:08d}"


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
        told = _now(told)
        self.world.supabase.database.insert("messages", [row(told)])
        _entered(self.world, told, self.id_of(told))

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
        """Wait for a message whose row was inserted behind."""
        return await fence(self.world, self._client, conversation_id)

    def id_of(self, told: Told) -> str:
        """The row's."""
        return _row_id(told.number)


def payload(told: Told, **fields: Any) -> dict[str, Any]:
    """The contract's Message, with `fields` in place of what they name."""
    ids = {} if told.provider_id is None else {"providerMessageId": told.provider_id}
    file = {"id": "a-1", "messageId": "m-1", "type": told.type, "url": told.attachment}
    second = file | {"id": "a-2", "url": f"{told.attachment}/second"}
    optional = {
        "metadata": ids or None,
        "attachments": None if told.attachment is None else [file, second],
        "replyToMessageId": None if told.reply_to is None else f"m-{told.reply_to:08d}",
    }
    return {
        "id": f"m-{told.number:08d}",
        "workspaceId": told.workspace_id,
        "conversationId": told.conversation_id,
        "senderId": "agent-2" if told.by_us else told.conversation_id,
        "type": told.type,
        "content": told.text,
        "status": told.status,
        "createdAt": from_ms(_now(told).created_ms),
        **{name: value for name, value in optional.items() if value is not None},
        **fields,
    }


def row(told: Told, **columns: Any) -> dict[str, Any]:
    """The row of `messages` (contract, section 6), with `columns` in place of what they name."""
    return {
        "id": _row_id(told.number),
        "workspace_id": told.workspace_id,
        "conversation_id": told.conversation_id,
        "whatsapp_number_id": "n-1",
        "sent_by_user_id": "agent-2" if told.by_us else None,
        "body": told.text,
        "type": "document" if told.type == "file" else told.type,
        "status": "sending" if told.status == "pending" else told.status,
        "is_outgoing": told.by_us,
        "media_url": told.attachment,
        "external_id": told.provider_id,
        "reply_to_id": None if told.reply_to is None else _row_id(told.reply_to),
        "created_at": from_ms(_now(told).created_ms),
    } | columns


def _row_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def _now(told: Told) -> Told:
    return told if told.created_ms else replace(told, created_ms=int(time.time() * 1000))


def _entered(world: World, told: Told, message_id: str) -> None:
    world.journal.add(
        Entered,
        HARNESS,
        message=message_id,
        conversation=told.conversation_id,
        workspace=told.workspace_id,
        created_ms=told.created_ms,
        body=told.text,
    )
