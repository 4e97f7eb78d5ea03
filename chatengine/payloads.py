"""What the events and HTTP calls carry (contract, sections 2 and 4), as `msgspec` structs.

Field names are snake_case here and camelCase on the wire. Unknown fields are ignored, never an
error; absent optional fields stay off the wire.
"""

from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import Struct

__all__ = [
    "LONGEST_ID",
    "Attachment",
    "ConnectionUpdate",
    "Conversation",
    "LastMessage",
    "MarkAsRead",
    "MarkedAsRead",
    "Message",
    "MessageSent",
    "MessageStatus",
    "MessageType",
    "Participant",
    "PayloadError",
    "PostMessage",
    "SendMessage",
    "ServerError",
    "StatusName",
    "Typing",
    "TypingCommand",
    "preview",
    "read",
    "to_wire",
]

LONGEST_ID: Final = 512
"""Characters of an id that is taken in. The contract has no limit; a WhatsApp JID has about 30."""

MessageType = Literal["text", "image", "video", "audio", "file"]
StatusName = Literal["pending", "sent", "delivered", "read", "failed"]


class PayloadError(ValueError):
    """A payload that does not have the contract's shape; its text names the field."""


class Wire(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Base of everything that travels: camelCase, absent rather than null."""


class Attachment(Wire, frozen=True, kw_only=True):
    """A file of a message; `type` is its message type, `url` where it can be fetched."""

    id: str
    message_id: str
    type: str
    url: str
    thumbnail_url: str | None = None
    metadata: dict[str, Any] | None = None


class Message(Wire, frozen=True, kw_only=True):
    """A message of a conversation. Moments are ISO 8601 UTC with milliseconds."""

    id: str
    workspace_id: str
    conversation_id: str
    sender_id: str
    type: MessageType
    content: str
    status: StatusName
    created_at: str
    reply_to_message_id: str | None = None
    attachments: tuple[Attachment, ...] | None = None
    metadata: dict[str, Any] | None = None
    updated_at: str | None = None


class Participant(Wire, frozen=True, kw_only=True):
    """Someone in a conversation: a JID or user id, and the name people see."""

    id: str
    name: str
    avatar: str | None = None


class LastMessage(Wire, frozen=True, kw_only=True):
    """What a list of conversations shows of the newest message."""

    id: str
    content: str
    sender_id: str
    created_at: str
    type: MessageType | None = None


class Conversation(Wire, frozen=True, kw_only=True):
    """One customer on one of the workspace's WhatsApp numbers."""

    id: str
    workspace_id: str
    # No default: `omit_defaults` would leave it off the wire, where it is required.
    channel: Literal["whatsapp"]
    participants: tuple[Participant, ...]
    updated_at: str
    contact_id: str | None = None
    whatsapp_number_id: str | None = None
    last_message: LastMessage | None = None


class MessageStatus(Wire, frozen=True, kw_only=True):
    """A status update; `message_id` is the message's id or its provider id."""

    message_id: str
    status: StatusName


class Typing(Wire, frozen=True, kw_only=True):
    """Someone began or ended typing."""

    conversation_id: str
    user_id: str
    is_typing: bool


class MessageSent(Wire, frozen=True, kw_only=True):
    """To the sender alone: the message was handed to the provider."""

    conversation_id: str
    message_id: str
    timestamp: str
    client_message_id: str | None = None


class MarkedAsRead(Wire, frozen=True, kw_only=True):
    """To the sender alone: the conversation was marked as read."""

    conversation_id: str
    timestamp: str


class ConnectionUpdate(Wire, frozen=True, kw_only=True):
    """The state of a WhatsApp number: `open`, `close` or `connecting`."""

    instance: str
    workspace_id: str
    state: str
    timestamp: str


class ServerError(Wire, frozen=True, kw_only=True):
    """A command that failed; `type` is its name. The socket stays open."""

    type: str
    message: str
    conversation_id: str | None = None
    client_message_id: str | None = None


class TypingCommand(Wire, frozen=True, kw_only=True):
    """`typing` from a client."""

    conversation_id: str
    is_typing: bool


class SendMessage(Wire, frozen=True, kw_only=True):
    """`sendMessage` from a client; `message_id` is the client's own id."""

    conversation_id: str
    content: str
    message_id: str | None = None
    reply_to_message_id: str | None = None
    timestamp: str | None = None


class MarkAsRead(Wire, frozen=True, kw_only=True):
    """`markAsRead` from a client."""

    conversation_id: str
    timestamp: str | None = None


class PostMessage(Wire, frozen=True, kw_only=True):
    """The body of `POST /api/chat/messages` (contract, section 4)."""

    conversation_id: str
    type: MessageType
    content: str
    reply_to_message_id: str | None = None
    whatsapp_number_id: str | None = None
    attachments: tuple[dict[str, Any], ...] | None = None
    client_message_id: str | None = None


T = TypeVar("T", bound=Wire)

_DEEPEST: Final = 64
"""Ours nest four levels. What a stranger nests by the hundred can be read, but not be written
again: encoders recurse, and whoever asked for the conversation would get the error (S-ERR-1)."""


def read(kind: type[T], payload: object) -> T:
    """Turn decoded JSON into a `kind`; raises `PayloadError` naming the field that is wrong."""
    if _is_deeper(payload, _DEEPEST):
        raise PayloadError("nested too deeply")
    try:
        return msgspec.convert(payload, kind)
    except msgspec.ValidationError as error:
        raise PayloadError(str(error)) from None


def _is_deeper(payload: object, levels: int) -> bool:
    """Whether lists and objects nest deeper than `levels`."""
    level: list[Any] = [payload] if isinstance(payload, dict | list) else []
    for _ in range(levels):
        parts = (each.values() if isinstance(each, dict) else each for each in level)
        level = [part for inner in parts for part in inner if isinstance(part, dict | list)]
    return bool(level)


def to_wire(payload: Wire) -> dict[str, Any]:
    """Turn a payload into JSON types (arrays as tuples), as Socket.IO and HTTP send it."""
    wire: dict[str, Any] = msgspec.to_builtins(payload)
    return wire


def preview(message_type: MessageType, content: str) -> str:
    """`lastMessage.content`: the text, or the kind in brackets where there is none (section 2)."""
    if content or message_type == "text":
        return content
    return "[document]" if message_type == "file" else f"[{message_type}]"
