"""The CRM's own shapes (contract, section 7), and how they stand in a snapshot.

A moment is an integer of milliseconds since the epoch here, ISO 8601 in a snapshot. Text comes from
strangers: it is data, and whoever prints it makes it harmless.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Any, Literal

from msgspec import Struct

from chatengine.moments import from_ms
from chatengine.status import Status

__all__ = [
    "Change",
    "Connection",
    "ConnectionState",
    "ConversationEntry",
    "ConversationsChanged",
    "Counters",
    "Message",
    "MessageKind",
    "MessagesChanged",
    "Origin",
    "Send",
    "Source",
    "TypingChanged",
    "Way",
]

MessageKind = Literal["text", "image", "document", "audio", "video"]


class Origin(IntEnum):
    """Who told of a message. A copy of a greater origin wins over one of a lesser."""

    OWN = 0
    SUPABASE = 1
    CHATENGINE = 2


class Source(Enum):
    """What serves the user now."""

    WEBSOCKET = "websocket"
    SUPABASE = "supabase"
    POLLING = "polling"
    NONE = "none"


class ConnectionState(Enum):
    """The socket: between two attempts it is `connecting`, after a refusal `unauthorized`."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    DISCONNECTED = "disconnected"
    UNAUTHORIZED = "unauthorized"


class Way(Enum):
    """Which way an own message was sent."""

    SOCKET = "socket"
    HTTP = "http"


# gc=False: it holds nothing that could refer back, and a collection that has not to look at 10,000
# messages of a conversation is the shorter for it.
class Message(Struct, frozen=True, kw_only=True, gc=False):
    """A message as the CRM has it; `external_id` is the provider's id, `client_id` the sender's.

    `updated_ms` is `created_ms` where nothing else was told.
    """

    id: str
    conversation_id: str
    workspace_id: str
    body: str
    type: MessageKind
    is_outgoing: bool
    status: Status
    created_ms: int
    updated_ms: int
    origin: Origin
    external_id: str | None = None
    client_id: str | None = None
    media_url: str | None = None
    reply_to_id: str | None = None
    sent_by_user_id: str | None = None
    error_message: str | None = None

    def to_snapshot(self) -> dict[str, Any]:
        """What the adapter protocol shows of it."""
        return {
            "id": self.id,
            "externalId": self.external_id,
            "clientMessageId": self.client_id,
            "body": self.body,
            "type": self.type,
            "status": self.status.crm,
            "isOutgoing": self.is_outgoing,
            "mediaUrl": self.media_url,
            "replyToId": self.reply_to_id,
            "createdAt": from_ms(self.created_ms),
            "errorMessage": self.error_message,
        }


class ConversationEntry(Struct, frozen=True, kw_only=True):
    """One line of the list.

    `preview` and `last_message_ms` are None before any message is known; `name` is the customer's.
    """

    id: str
    workspace_id: str
    whatsapp_number_id: str | None = None
    contact_id: str | None = None
    name: str | None = None
    last_message_ms: int | None = None
    preview: str | None = None

    def to_snapshot(self) -> dict[str, Any]:
        """What the adapter protocol shows of it."""
        moment = self.last_message_ms
        return {
            "id": self.id,
            "workspaceId": self.workspace_id,
            "whatsappNumberId": self.whatsapp_number_id,
            "lastMessageAt": None if moment is None else from_ms(moment),
            "preview": self.preview,
        }


class Connection(Struct, frozen=True, kw_only=True):
    """How the client is connected; `is_enabled` says that a ChatEngine is configured (C-CONN-2)."""

    is_enabled: bool = False
    is_connected: bool = False
    source: Source = Source.NONE
    state: ConnectionState = ConnectionState.DISCONNECTED
    last_error: str | None = None

    def to_snapshot(self) -> dict[str, Any]:
        """What the adapter protocol shows of it."""
        return {
            "isEnabled": self.is_enabled,
            "isConnected": self.is_connected,
            "source": self.source.value,
            "state": self.state.value,
            "lastError": self.last_error,
        }


class Counters(Struct, kw_only=True):
    """What went through. `received` counts pushes (socket and Realtime), `duplicates` those of them
    that told nothing new. `malformed` counts what was dropped, pushed or fetched. `foreign` is what
    belonged to another workspace, `early_dropped` the statuses given up waiting for their message.
    """

    received: int = 0
    duplicates: int = 0
    malformed: int = 0
    reconnects: int = 0
    foreign: int = 0
    early_dropped: int = 0

    def to_snapshot(self) -> dict[str, Any]:
        """What the adapter protocol shows of it."""
        return {
            "received": self.received,
            "duplicates": self.duplicates,
            "malformed": self.malformed,
            "reconnects": self.reconnects,
        }


class Send(Struct, frozen=True, kw_only=True):
    """An own message that no source has confirmed. `way` is None before it went out."""

    client_id: str
    conversation_id: str
    content: str
    reply_to: str | None
    due_ms: int
    way: Way | None = None


class MessagesChanged(Struct, frozen=True):
    """A conversation's messages show otherwise than before."""

    conversation_id: str


class TypingChanged(Struct, frozen=True):
    """Others began or ended typing in a conversation."""

    conversation_id: str


class ConversationsChanged(Struct, frozen=True):
    """The list of conversations shows otherwise than before."""


Change = MessagesChanged | TypingChanged | ConversationsChanged
