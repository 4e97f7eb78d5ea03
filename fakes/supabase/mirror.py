"""Rows from what ChatEngine stores: `messages` and `conversations` of the contract, section 6.

ChatEngine and Supabase then tell of the same messages, each in its own words: a row has another
id than its message (a UUID made from it), and the provider's id in `external_id`.
"""

import uuid
from typing import Final, assert_never

from chatengine.payloads import Conversation, Message
from chatengine.status import Status
from fakes.chatengine.store import (
    Change,
    ConversationRead,
    MessageAdded,
    StatusRaised,
    Store,
)
from fakes.supabase.database import Database, Row

__all__ = ["mirror", "row_id"]

_NAMES: Final = uuid.UUID("5b1a2f6e-8d1c-4d0e-9a54-0c7b5a1f2e3d")
_NOBODY: Final = ("me", "system")
"""Senders of ours that are no user (contract, section 2)."""


def row_id(workspace_id: str, message_id: str) -> str:
    """Return the id of a message's row: always the same one."""
    return str(uuid.uuid5(_NAMES, f"{workspace_id}\0{message_id}"))


def mirror(store: Store, database: Database) -> None:
    """Write into `database` whatever changes in `store` from now on."""

    def take(change: Change) -> None:
        match change:
            case MessageAdded(message, conversation):
                # The conversation comes first, as a message's row names it.
                row = _conversation_row(store, conversation)
                database.insert("conversations", [row], conflict="merge")
                number = conversation.whatsapp_number_id
                database.insert("messages", [_message_row(message, number)], conflict="ignore")
            case StatusRaised(message):
                key = row_id(message.workspace_id, message.id)
                database.update_row("messages", (key,), {"status": _status(message)})
            case ConversationRead(workspace_id, conversation_id):
                seen = {"unread_count": 0, "updated_at": "now"}
                database.update_row("conversations", (conversation_id, workspace_id), seen)
            case _:
                assert_never(change)

    store.listen(take)


def _message_row(message: Message, number_id: str | None) -> Row:
    workspace_id, metadata = message.workspace_id, message.metadata or {}
    is_outgoing = not _is_customer(message.sender_id)
    is_user = is_outgoing and message.sender_id not in _NOBODY
    reply_to = message.reply_to_message_id
    attachments = message.attachments or ()
    return {
        "id": row_id(workspace_id, message.id),
        "workspace_id": workspace_id,
        "conversation_id": message.conversation_id,
        "whatsapp_number_id": number_id,
        "sent_by_user_id": message.sender_id if is_user else None,
        "body": message.content,
        "type": "document" if message.type == "file" else message.type,
        "status": _status(message),
        "is_outgoing": is_outgoing,
        "media_url": attachments[0].url if attachments else None,
        "external_id": metadata.get("providerMessageId"),
        "client_message_id": metadata.get("clientMessageId"),
        "reply_to_id": None if reply_to is None else row_id(workspace_id, reply_to),
        "created_at": message.created_at,
    }


def _is_customer(sender_id: str) -> bool:
    """A customer is a JID or a bare phone number (contract, section 2)."""
    return "@" in sender_id or sender_id.removeprefix("+").isdigit()


def _status(message: Message) -> str:
    """Return the row's name of a status, which calls `pending` `sending`."""
    status = Status.parse(message.status)
    return message.status if status is None else status.crm


def _conversation_row(store: Store, conversation: Conversation) -> Row:
    route = store.route(conversation.workspace_id, conversation.id)
    jid = conversation.id if route is None else route.remote_jid
    last = conversation.last_message
    return {
        "id": conversation.id,
        "workspace_id": conversation.workspace_id,
        "contact_id": conversation.contact_id,
        "whatsapp_number_id": conversation.whatsapp_number_id,
        "last_message_at": None if last is None else last.created_at,
        "unread_count": store.unread(conversation.workspace_id, conversation.id),
        "is_group": jid.endswith("@g.us"),
        "remote_jid": jid,
        "updated_at": "now",
    }
