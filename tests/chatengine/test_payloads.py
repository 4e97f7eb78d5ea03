"""Payloads: what is written is read back, and what has another shape is one error."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatengine.payloads import (
    Attachment,
    ConnectionUpdate,
    Conversation,
    LastMessage,
    MarkAsRead,
    MarkedAsRead,
    Message,
    MessageSent,
    MessageStatus,
    Participant,
    PayloadError,
    PostMessage,
    SendMessage,
    ServerError,
    Typing,
    TypingCommand,
    preview,
    read,
    to_wire,
)
from tests.chatengine.strategies import json_objects, json_values, payloads

KINDS: list[type[Any]] = [
    Attachment, ConnectionUpdate, Conversation, LastMessage, MarkAsRead, MarkedAsRead, Message,
    MessageSent, MessageStatus, Participant, PostMessage, SendMessage, ServerError, Typing,
    TypingCommand,
]  # fmt: skip

MESSAGE = {
    "id": "evo-3EB0",
    "workspaceId": "w-1",
    "conversationId": "5511990000001@s.whatsapp.net",
    "senderId": "5511990000001@s.whatsapp.net",
    "type": "image",
    "content": "Olá",
    "replyToMessageId": "evo-3EAF",
    "attachments": [
        {
            "id": "a-1",
            "messageId": "evo-3EB0",
            "type": "image",
            "url": "https://example.com/a",
            "thumbnailUrl": "https://example.com/t",
            "metadata": {"mimeType": "image/jpeg", "size": 1},
        }
    ],
    "status": "delivered",
    "metadata": {"providerMessageId": "3EB0"},
    "createdAt": "2026-01-01T00:00:01.000Z",
    "updatedAt": "2026-01-01T00:00:02.000Z",
}
CONVERSATION = {
    "id": "5511990000001@s.whatsapp.net",
    "workspaceId": "w-1",
    "contactId": "c-1",
    "whatsappNumberId": "n-1",
    "channel": "whatsapp",
    "participants": [{"id": "5511990000001@s.whatsapp.net", "name": "Maria", "avatar": "x"}],
    "lastMessage": {
        "id": "evo-3EB0",
        "content": "Olá",
        "senderId": "me",
        "createdAt": "2026-01-01T00:00:01.000Z",
        "type": "text",
    },
    "updatedAt": "2026-01-01T00:00:01.000Z",
}


@given(st.sampled_from(KINDS).flatmap(payloads))
def test_what_is_written_is_read_back(payload: Any) -> None:
    """Through plain JSON types and through JSON text a payload comes back equal."""
    wire = to_wire(payload)
    assert read(type(payload), wire) == payload
    assert read(type(payload), msgspec.json.decode(msgspec.json.encode(wire))) == payload


@given(st.sampled_from(KINDS).flatmap(payloads))
def test_nothing_absent_travels_as_null(payload: Any) -> None:
    """An optional field without a value stays off the wire (contract, section 2)."""
    assert None not in to_wire(payload).values()


@pytest.mark.parametrize(("kind", "wire"), [(Message, MESSAGE), (Conversation, CONVERSATION)])
def test_the_shapes_are_those_of_the_contract(kind: type[Any], wire: dict[str, Any]) -> None:
    """Every field of section 2 is read and written under its name."""
    assert msgspec.json.decode(msgspec.json.encode(to_wire(read(kind, wire)))) == wire


@pytest.mark.parametrize(("kind", "wire"), [(Message, MESSAGE), (Conversation, CONVERSATION)])
def test_unknown_fields_are_ignored(kind: type[Any], wire: dict[str, Any]) -> None:
    """A server may say more than the contract, at any depth."""
    more = wire | {"novo": {"a": [1]}}
    if kind is Conversation:
        more["participants"] = [wire["participants"][0] | {"novo": 1}]
    assert read(kind, more) == read(kind, wire)


def test_null_is_absent() -> None:
    """What other servers send as null reads as not there."""
    assert read(Message, MESSAGE | {"replyToMessageId": None}).reply_to_message_id is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"id": 5}, "Expected `str`, got `int` - at `$.id`"),
        ({"type": "sticker"}, "Invalid enum value 'sticker' - at `$.type`"),
        ({"status": "lost"}, "Invalid enum value 'lost' - at `$.status`"),
        ({"attachments": {}}, "Expected `array | null`, got `object` - at `$.attachments`"),
        (
            {"attachments": [{"id": "a"}]},
            "Object missing required field `messageId` - at `$.attachments[0]`",
        ),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], sentence: str) -> None:
    """The error says what was expected, and where (C-MSG-7, S-ERR-1)."""
    with pytest.raises(PayloadError) as caught:
        read(Message, MESSAGE | change)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("field", ["id", "conversationId", "createdAt", "workspaceId", "status"])
def test_a_missing_field_is_named(field: str) -> None:
    """Without a required field there is no message (C-MSG-7)."""
    wire = {name: value for name, value in MESSAGE.items() if name != field}
    with pytest.raises(PayloadError, match=f"missing required field `{field}`"):
        read(Message, wire)


@given(st.sampled_from(KINDS), json_values | json_objects)
def test_any_json_is_a_payload_or_a_payload_error(kind: type[Any], value: object) -> None:
    """Nothing else is ever raised."""
    with suppress(PayloadError):
        assert isinstance(read(kind, value), kind)


@given(st.dictionaries(st.sampled_from(sorted(MESSAGE)), json_values))
def test_a_message_with_any_fields_changed_is_one_or_an_error(change: dict[str, Any]) -> None:
    """What is read is written again as a message of the contract."""
    try:
        message = read(Message, MESSAGE | change)
    except PayloadError:
        return
    assert read(Message, to_wire(message)) == message


def nested(levels: int, *, listed: bool) -> Any:
    """Lists or objects within each other, that many."""
    value: Any = "Olá"
    for _ in range(levels):
        value = [value] if listed else {"a": value}
    return value


@pytest.mark.parametrize("listed", [True, False])
def test_what_nests_too_deeply_is_refused(listed: bool) -> None:
    """Nobody could write it again; 64 levels, those of the message included, are enough for all."""
    deepest = MESSAGE | {"metadata": {"a": nested(62, listed=listed)}}
    assert to_wire(read(Message, deepest))["metadata"] == deepest["metadata"]
    for levels in (63, 1000, 100_000):
        with pytest.raises(PayloadError, match=r"^nested too deeply$"):
            read(Message, MESSAGE | {"metadata": {"a": nested(levels, listed=listed)}})


@pytest.mark.parametrize(
    ("message_type", "content", "shown"),
    [
        ("text", "Olá", "Olá"), ("text", "", ""), ("image", "veja", "veja"),
        ("image", "", "[image]"), ("video", "", "[video]"), ("audio", "", "[audio]"),
        ("file", "", "[document]"),
    ],
)  # fmt: skip
def test_the_preview_of_a_message(message_type: Any, content: str, shown: str) -> None:
    """The text, or the kind in brackets where there is none (section 2)."""
    assert preview(message_type, content) == shown
