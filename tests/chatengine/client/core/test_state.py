"""Typing, subscriptions, the cache, the gap: the rest of what the state owes."""

from __future__ import annotations

from chatengine.client.core.shapes import (
    ConversationsChanged,
    MessagesChanged,
    TypingChanged,
)
from tests.chatengine.client.core.payloads import (
    CHAT,
    OTHER,
    SECOND,
    ids,
    message,
    push,
    statuses,
)
from tests.chatengine.client.core.world import START, state


def test_others_typing_shows_and_ends_by_itself() -> None:
    """C-TYP-2: 5 s after the last that was heard of it."""
    client = state()
    typing = {"conversationId": CHAT, "userId": "agent-2", "isTyping": True}
    push(client, "typing", typing, START)
    push(client, "typing", typing, START + 2000)
    assert client.next_due() == START + 7000
    client.tick(START + 6999)
    assert client.typing(CHAT) == ("agent-2",)
    client.tick(START + 7000)
    assert (client.typing(CHAT), client.next_due()) == ((), None)


def test_typing_that_ends_is_not_shown() -> None:
    """C-TYP-2: by an event, by closing; nor is the own typing, or that in a closed conversation."""
    client = state()
    for chat, user in (
        (CHAT, "agent-2"),
        (CHAT, "agent-1"),
        (OTHER, "agent-3"),
        ("c-9", "agent-2"),
    ):
        push(client, "typing", {"conversationId": chat, "userId": user, "isTyping": True})
    assert [client.typing(chat) for chat in (CHAT, OTHER, "c-9")] == [
        ("agent-2",),
        ("agent-3",),
        (),
    ]
    push(client, "typing", {"conversationId": CHAT, "userId": "agent-2", "isTyping": False})
    client.close(OTHER)
    assert not client.typing(CHAT)
    assert not client.typing(OTHER)
    assert TypingChanged(OTHER) in client.drain_changes()


def test_only_the_first_open_and_the_last_close_count() -> None:
    """C-SUB-1 C-SUB-4 C-SUB-5: opened twice, it is left at the second close."""
    client = state(opened=False)
    assert [client.open(CHAT), client.open(CHAT)] == [True, False]
    assert client.opened == (CHAT,)
    assert [client.close(CHAT), client.close(CHAT), client.close(CHAT)] == [False, True, False]
    assert not client.opened


def test_a_reopened_conversation_shows_from_the_cache() -> None:
    """C-CAC-1: what was known, and what statuses and pushes have told since."""
    client = state()
    push(client, "message", message(1))
    client.close(CHAT)
    push(client, "messageStatus", {"messageId": "1", "status": "read"})
    push(client, "message", message(2, at=1))
    client.open(CHAT)
    assert (ids(client), statuses(client)) == (["evo-2", "evo-1"], ["delivered", "read"])


def test_a_conversation_that_was_never_opened_is_only_in_the_list() -> None:
    """Where a server pushes every message to all (`message_scope`), nothing is hoarded."""
    client = state(opened=False)
    push(client, "message", message(1))
    assert not client.messages(CHAT)
    assert not client.shown
    assert [each.preview for each in client.conversations()] == ["message 1"]
    assert client.counters.duplicates == 0


def test_a_gap_is_fetched_from_before_it_began() -> None:
    """C-FBK-4: with overlap, and from the oldest own message that is not read yet."""
    client = state()
    began = START + 100 * SECOND
    assert client.backfill_since(CHAT, began, 60_000) == START + 40 * SECOND
    push(client, "message", message(1, at=SECOND, senderId="me", status="read"))
    push(client, "message", message(2, at=2 * SECOND, senderId="me", status="delivered"))
    push(client, "message", message(3, at=3 * SECOND))
    assert client.backfill_since(CHAT, began, 60_000) == START + 2 * SECOND
    assert client.backfill_since("c-9", 5, 60_000) == 0


def test_a_gap_does_not_reach_back_for_ever() -> None:
    """C-FBK-4: of the newest 300, so that one page of history is enough."""
    client = state()
    push(client, "message", message(0, senderId="me", status="sent"))
    for number in range(1, 301):
        push(client, "message", message(number, at=number * SECOND))
    assert client.backfill_since(CHAT, START + 400 * SECOND, 0) == START + 400 * SECOND


def test_what_changed_is_told_once() -> None:
    """Each conversation whose messages show otherwise, the list, who types; then nothing."""
    client = state()
    assert client.drain_changes() == ()
    push(client, "message", message(1))
    push(client, "message", message(1))
    push(client, "typing", {"conversationId": CHAT, "userId": "agent-2", "isTyping": True})
    changes = client.drain_changes()
    assert changes == (MessagesChanged(CHAT), TypingChanged(CHAT), ConversationsChanged())
    push(client, "message", message(1))
    push(client, "messageStatus", {"messageId": "1", "status": "sent"})
    assert client.drain_changes() == ()


def test_events_that_show_nothing_are_only_counted() -> None:
    """Unknown events and tables are no error, nor are those that section 7 asks nothing of."""
    client = state()
    for event in ("markedAsRead", "connectionUpdate", "tomorrow's"):
        push(client, event, {"conversationId": CHAT})
    client.row("contacts", {"id": "x"}, START, pushed=True)
    client.reconnected()
    assert client.counters.to_snapshot() == {
        "received": 4, "duplicates": 0, "malformed": 0, "reconnects": 1
    }  # fmt: skip
