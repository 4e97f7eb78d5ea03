"""What a client is told of a message, in the words of ChatEngine and in those of Supabase."""

from __future__ import annotations

import time
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chatengine.moments import from_ms
from conformance.world import ANNA

__all__ = ["Told", "dated", "message_id", "payload", "row", "row_id"]


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


def dated(told: Told) -> Told:
    """The same, written now unless it says when."""
    return told if told.created_ms else replace(told, created_ms=int(time.time() * 1000))


def message_id(number: int) -> str:
    """What ChatEngine calls the message of this number."""
    return f"m-{number:08d}"


def row_id(number: int) -> str:
    """What Supabase calls its row."""
    return f"00000000-0000-4000-8000-{number:012d}"


def payload(told: Told, **fields: Any) -> dict[str, Any]:
    """The contract's Message, with `fields` in place of what they name."""
    ids = {} if told.provider_id is None else {"providerMessageId": told.provider_id}
    file = {"id": "a-1", "messageId": "m-1", "type": told.type, "url": told.attachment}
    second = file | {"id": "a-2", "url": f"{told.attachment}/second"}
    optional = {
        "metadata": ids or None,
        "attachments": None if told.attachment is None else [file, second],
        "replyToMessageId": None if told.reply_to is None else message_id(told.reply_to),
    }
    return {
        "id": message_id(told.number),
        "workspaceId": told.workspace_id,
        "conversationId": told.conversation_id,
        "senderId": "agent-2" if told.by_us else told.conversation_id,
        "type": told.type,
        "content": told.text,
        "status": told.status,
        "createdAt": from_ms(dated(told).created_ms),
        **{name: value for name, value in optional.items() if value is not None},
        **fields,
    }


def row(told: Told, **columns: Any) -> dict[str, Any]:
    """The row of `messages` (contract, section 6), with `columns` in place of what they name."""
    return {
        "id": row_id(told.number),
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
        "reply_to_id": None if told.reply_to is None else row_id(told.reply_to),
        "created_at": from_ms(dated(told).created_ms),
    } | columns
