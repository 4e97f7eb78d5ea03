"""The list of conversations, requirement by requirement."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatengine.client.core.state import CrmState
from chatengine.moments import from_ms
from tests.chatengine.client.core.payloads import conversation, first, message, push, row
from tests.chatengine.client.core.world import START, state


def test_the_list() -> None:
    """C-CNV-1 C-CNV-3: one entry a conversation, the one with the newest message first."""
    client = state(opened=False)
    for name, at in (("a", 1), ("b", 3), ("c", 2), ("a", 4)):
        push(client, "conversation", conversation(name, at))
    assert [each.id for each in client.conversations()] == ["a", "b", "c"]


def test_the_preview_is_the_first_50_characters() -> None:
    """C-CNV-2: code points, not bytes or halves of them; lastMessageAt comes with it."""
    client = state(opened=False)
    push(client, "conversation", conversation("a", 1, "\U0001f600" * 60))
    [entry] = client.conversations()
    assert entry.preview == "\U0001f600" * 50
    assert entry.to_snapshot()["lastMessageAt"] == from_ms(START + 1)


@pytest.mark.parametrize(("kind", "preview"), [("image", "[image]"), ("file", "[document]")])
def test_a_message_without_text_is_previewed_by_its_kind(kind: str, preview: str) -> None:
    """C-CNV-2: whichever way the message was told of."""
    client = state()
    push(client, "message", message(1, type=kind, content=""))
    assert [each.preview for each in client.conversations()] == [preview]


def test_an_older_event_moves_nothing_back() -> None:
    """C-CNV-4: neither the entry nor its preview."""
    client = state(opened=False)
    push(client, "conversation", conversation("a", 9, "new"))
    push(client, "conversation", conversation("b", 5))
    push(client, "conversation", conversation("a", 1, "old"))
    assert first(client) == ("a", "new")


def test_a_row_moves_an_entry_without_a_message() -> None:
    """C-CNV-1 C-CNV-3: `last_message_at` counts for the order; the preview waits for its text."""
    client = state(opened=False)
    push(client, "conversation", conversation("a", 1, "first"))
    push(client, "conversation", conversation("b", 2))
    moved = {"id": "a", "workspace_id": "w-1", "last_message_at": from_ms(START + 3)}
    client.row("conversations", moved, START, pushed=True)
    assert first(client) == ("a", "first")
    client.row("messages", row(1, at=3, conversation_id="a", body="second"), START, pushed=True)
    assert first(client) == ("a", "second")


def test_other_numbers_and_workspaces_are_left_out() -> None:
    """C-CNV-5: what names no number is kept, until it names another."""
    client = CrmState(workspace_id="w-1", user_id="agent-1", whatsapp_number_id="n-1")
    push(client, "conversation", conversation("ours", 1, whatsappNumberId="n-1"))
    push(client, "conversation", conversation("theirs", 2, whatsappNumberId="n-2"))
    push(client, "conversation", conversation("foreign", 3, workspaceId="w-2"))
    client.conversation_list([conversation("unnamed", 4)], START)
    assert [each.id for each in client.conversations()] == ["unnamed", "ours"]
    numbered = row(1, at=5, conversation_id="unnamed", whatsapp_number_id="n-2")
    client.row("messages", numbered, START, pushed=True)
    assert [each.id for each in client.conversations()] == ["ours"]


@given(st.permutations(range(8)))
def test_the_list_ends_the_same_in_any_order(order: list[int]) -> None:
    """C-CNV-1 C-CNV-2 C-CNV-4: events, rows and messages, whichever comes last."""
    steps = [
        ("conversation", conversation("a", 1, "one", whatsappNumberId="n-1", contactId="x")),
        ("conversation", conversation("a", 2, "two", whatsappNumberId="n-2")),
        ("conversation", conversation("b", 2, "three")),
        ("message", message(1, at=3, conversationId="b")),
        ("message", message(2, at=2, conversationId="a")),
        ("conversations", {"id": "b", "last_message_at": from_ms(START + 4), "contact_id": "y"}),
        ("conversations", {"id": "a", "contact_id": "z", "updated_at": from_ms(START + 1)}),
        ("messages", row(3, at=1, conversation_id="c")),
    ]
    client = state(opened=False)
    for name, payload in (steps[index] for index in order):
        if name in ("conversations", "messages"):
            client.row(name, payload, START, pushed=True)
        else:
            push(client, name, payload)
    seen = [
        (each.id, each.whatsapp_number_id, each.contact_id, each.last_message_ms, each.preview)
        for each in client.conversations()
    ]
    assert seen == [
        ("b", None, "y", START + 4, "message 1"),
        ("a", "n-2", "z", START + 2, "two"),
        ("c", None, None, START + 1, "message 3"),
    ]
