"""What comes from outside, mapped into the CRM's shapes, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from chatengine.client.core.mapping import (
    conversation_from_payload,
    conversation_from_row,
    message_from_payload,
    message_from_row,
)
from chatengine.client.core.reading import Malformed
from chatengine.client.core.shapes import Message

PAYLOAD: dict[str, Any] = {
    "id": "evo-3EB0",
    "workspaceId": "w-1",
    "conversationId": "5511990000001@s.whatsapp.net",
    "senderId": "agent-1",
    "type": "file",
    "content": "Olá",
    "replyToMessageId": "evo-3EAF",
    "attachments": [{"id": "a", "messageId": "evo-3EB0", "type": "file", "url": "https://x/1"}, {}],
    "status": "pending",
    "metadata": {"providerMessageId": "3EB0", "clientMessageId": "c-1", "else": [1]},
    "createdAt": "2026-01-01T00:00:01.250Z",
    "updatedAt": "2026-01-01T00:00:02.000Z",
    "unknown": {"kept": "or ignored"},
}
ROW: dict[str, Any] = {
    "id": "5b1c0a52-0000-4000-8000-000000000001",
    "workspace_id": "w-1",
    "conversation_id": "5511990000001@s.whatsapp.net",
    "whatsapp_number_id": "n-1",
    "sent_by_user_id": "agent-1",
    "body": "Olá",
    "type": "document",
    "status": "sending",
    "is_outgoing": True,
    "media_url": "https://x/1",
    "external_id": "3EB0",
    "client_message_id": "c-1",
    "error_message": None,
    "reply_to_id": "evo-3EAF",
    "quoted_message": {"any": "thing"},
    "created_at": "2026-01-01T00:00:01.25+00:00",
}
SNAPSHOT = {
    "externalId": "3EB0",
    "clientMessageId": "c-1",
    "body": "Olá",
    "type": "document",
    "status": "sending",
    "isOutgoing": True,
    "mediaUrl": "https://x/1",
    "replyToId": "evo-3EAF",
    "createdAt": "2026-01-01T00:00:01.250Z",
    "errorMessage": None,
}


def mapped(**changes: Any) -> Message:
    return message_from_payload(PAYLOAD | changes, "w-1", "agent-1")


def test_a_payload_and_its_row_are_mapped_alike() -> None:
    """C-MSG-6: `file` is a document, `pending` is sending, the first attachment is the medium."""
    pushed, (stored, number) = mapped(), message_from_row(ROW, "w-1")
    assert pushed.to_snapshot() == {"id": "evo-3EB0"} | SNAPSHOT
    assert stored.to_snapshot() == {"id": ROW["id"]} | SNAPSHOT
    assert (pushed.sent_by_user_id, stored.sent_by_user_id, number) == ("agent-1", "agent-1", "n-1")


@pytest.mark.parametrize("kind", ["text", "image", "video", "audio"])
def test_other_types_keep_their_name(kind: str) -> None:
    """C-MSG-6: only `file` is called otherwise."""
    assert mapped(type=kind).type == kind
    assert message_from_row(ROW | {"type": kind}, "w-1")[0].type == kind


@pytest.mark.parametrize(
    ("sender", "is_outgoing", "user"),
    [
        ("5511990000001@s.whatsapp.net", False, None),
        ("5511990000001:12@s.whatsapp.net", False, None),
        ("120363000000000000@g.us", False, None),
        ("180000000000@lid", False, None),
        ("5511990000001", False, None),
        ("+5511990000001", False, None),
        (None, False, None),
        ("me", True, None),
        ("system", True, None),
        ("agent-1", True, "agent-1"),
        ("ana@company.example", True, "ana@company.example"),
        ("8f7d0a52-0000-4000-8000-000000000001", True, "8f7d0a52-0000-4000-8000-000000000001"),
        ("42", True, "42"),
    ],
)
def test_who_is_the_customer(sender: str | None, is_outgoing: bool, user: str | None) -> None:
    """C-MSG-6: a JID or a bare phone number is the customer; any other sender is us."""
    message = mapped(senderId=sender)
    assert (message.is_outgoing, message.sent_by_user_id) == (is_outgoing, user)


def test_a_user_whose_id_looks_like_a_number_is_still_us() -> None:
    """C-MSG-6: what we sent ourselves is ours, whatever our id looks like."""
    assert message_from_payload(PAYLOAD | {"senderId": "12345678"}, "w-1", "12345678").is_outgoing


def test_the_provider_id_is_in_the_id_where_nothing_else_says_it() -> None:
    """C-MSG-4: `evo-<x>` is the message whose provider id is `<x>`; another id says nothing."""
    assert mapped(metadata=None).external_id == "3EB0"
    assert mapped(metadata={"providerMessageId": "evo-3EB0"}).external_id == "3EB0"
    assert mapped(id="m-1", metadata={}).external_id is None
    assert mapped(id="evo-", metadata={}).external_id is None


@pytest.mark.parametrize("status", ["exploded", "", None])
def test_an_unknown_status_keeps_the_message(status: str | None) -> None:
    """C-STA-4: it counts as none, the message is kept."""
    assert mapped(status=status).status.crm == "sending"
    assert message_from_row(ROW | {"status": status}, "w-1")[0].status.crm == "sending"


@pytest.mark.parametrize("absent", ["workspaceId", "senderId", "content", "status", "metadata",
                                    "attachments", "replyToMessageId", "updatedAt"])  # fmt: skip
def test_what_may_be_missing(absent: str) -> None:
    """Unknown, absent and null fields are no reason to drop a message."""
    without = {key: value for key, value in PAYLOAD.items() if key != absent}
    assert message_from_payload(without, "w-1", "agent-1") == mapped(**{absent: None})


WRONG: list[tuple[str, Any]] = [
    ("id", None), ("id", ""), ("id", 7), ("id", "x" * 513), ("id", "half \ud83d"),
    ("conversationId", None), ("conversationId", ""), ("conversationId", ["x"]),
    ("createdAt", None), ("createdAt", "yesterday"), ("createdAt", 1767225600000),
    ("createdAt", float("nan")), ("createdAt", "2026-01-01T00:00:00"), ("createdAt", "9" * 10**6),
    ("updatedAt", "soon"), ("type", "sticker"), ("type", None), ("type", "document"),
    ("content", 7), ("content", {"text": "x"}), ("status", 3), ("senderId", ["me"]),
    ("workspaceId", 1), ("attachments", "none"), ("attachments", [7]), ("metadata", [1]),
    ("metadata", {"providerMessageId": 10**400}), ("metadata", {"clientMessageId": "x" * 513}),
    ("replyToMessageId", {"id": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_malformed_message_is_refused(field: str, value: Any) -> None:
    """C-MSG-7: without id, conversation or createdAt, with a wrong type or an unknown `type`."""
    with pytest.raises(Malformed):
        mapped(**{field: value})


@pytest.mark.parametrize("payload", [None, 7, "x", [], [PAYLOAD], {}, {1: 2}, float("nan"), b"x"])
def test_what_is_no_object_is_refused(payload: object) -> None:
    """C-MSG-7: whatever it is."""
    for reader in (conversation_from_payload, conversation_from_row):
        with pytest.raises(Malformed):
            reader(payload)
    with pytest.raises(Malformed):
        message_from_payload(payload, "w-1", "agent-1")
    with pytest.raises(Malformed):
        message_from_row(payload, "w-1")


def test_half_a_character_of_a_text_shows_as_browsers_show_it() -> None:
    """A server that cuts a text in the middle of an emoji loses half of that, not the message."""
    assert mapped(content="so \ud83d").body == "so \ufffd"
    assert mapped(content="\ud83d\ude00").body == "\U0001f600"


def test_a_conversation_is_named_for_its_customer() -> None:
    """Of the participants the one with a JID or number, else the first that has a name."""
    payload = {
        "id": "c-1",
        "participants": [
            {"id": "agent-1", "name": "Ana"},
            {"id": "5511990000001@s.whatsapp.net", "name": "Maria"},
        ],
    }
    assert conversation_from_payload(payload).name == "Maria"
    payload["participants"] = [{"id": "agent-1", "name": "Ana"}, {"name": None}]
    assert conversation_from_payload(payload).name == "Ana"


@pytest.mark.parametrize(
    ("last", "text"),
    [
        ({"content": "Olá"}, "Olá"),
        ({"content": "[document]"}, "[document]"),
        ({"content": "", "type": "image"}, "[image]"),
        ({"type": "file"}, "[document]"),
        ({}, ""),
    ],
)
def test_the_last_message_of_a_conversation(last: dict[str, Any], text: str) -> None:
    """C-CNV-2: its text, or its kind in brackets where it has none."""
    wire = {"id": "c-1", "lastMessage": last | {"id": "m", "createdAt": "2026-01-01T00:00:00Z"}}
    assert conversation_from_payload(wire).last == (1_767_225_600_000, "m", text)
