"""Payloads of the socket and rows of Supabase, and short looks at what a client shows."""

from __future__ import annotations

from typing import Any

from chatengine.client.core.state import CrmState
from chatengine.moments import from_ms
from tests.chatengine.client.core.world import CHATS, START

__all__ = [
    "CHAT",
    "OTHER",
    "SECOND",
    "bodies",
    "conversation",
    "first",
    "ids",
    "message",
    "push",
    "row",
    "statuses",
]

CHAT, OTHER = CHATS
SECOND = 1000


def message(number: int, at: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"evo-{number}",
        "workspaceId": "w-1",
        "conversationId": CHAT,
        "senderId": CHAT,
        "type": "text",
        "content": f"message {number}",
        "status": "delivered",
        "metadata": {"providerMessageId": f"{number}"},
        "createdAt": from_ms(START + at),
    } | changes


def row(number: int, at: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"row-{number}",
        "workspace_id": "w-1",
        "conversation_id": CHAT,
        "type": "text",
        "body": f"message {number}",
        "is_outgoing": False,
        "status": "delivered",
        "external_id": f"{number}",
        "created_at": from_ms(START + at),
    } | changes


def conversation(name: str, at: int, text: str = "Olá", **changes: Any) -> dict[str, Any]:
    last = {"id": f"evo-{at}", "content": text, "senderId": name, "createdAt": from_ms(START + at)}
    return {
        "id": name,
        "workspaceId": "w-1",
        "channel": "whatsapp",
        "participants": [],
        "lastMessage": last,
        "updatedAt": from_ms(START + at),
    } | changes


def push(client: CrmState, event: str, payload: object, now_ms: int = START) -> None:
    client.socket_event(event, payload, now_ms)


def bodies(client: CrmState, chat: str = CHAT) -> list[str]:
    return [each.body for each in client.messages(chat)]


def ids(client: CrmState, chat: str = CHAT) -> list[str]:
    return [each.id for each in client.messages(chat)]


def first(client: CrmState) -> tuple[str, str | None]:
    entry = client.conversations()[0]
    return entry.id, entry.preview


def statuses(client: CrmState, chat: str = CHAT) -> list[str]:
    return [each.status.crm for each in client.messages(chat)]
