"""Memory is bounded, whatever comes for however long; what is let go is what is needed least."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chatengine.client.core.bounds import Bounds
from tests.chatengine.client.core.payloads import CHAT, OTHER, bodies, ids, message, push, statuses
from tests.chatengine.client.core.test_hostile import FLOODS, tell
from tests.chatengine.client.core.world import (
    CHATS,
    START,
    contested_worlds,
    state,
    tellings,
    worlds,
)

SMALL = Bounds(
    messages=50, cached_conversations=5, cached_messages=100, early_statuses=50, conversations=50
)


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_does_not_grow(flood: str) -> None:
    """No growth of memory: what the second half of a flood leaves behind is nothing."""
    client = state(bounds=SMALL)
    client.send(CHAT, "mine", "c-1", None, START)
    tracemalloc.start()
    try:
        sizes = []
        for half in range(2):
            for number in range(half * 3000, (half + 1) * 3000):
                tell(client, *FLOODS[flood](number))
                client.drain_changes()
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[1] < sizes[0] + 20_000, "3,000 more left 20 kB behind"
    push(client, "message", message(9999, at=10**9))
    assert "message 9999" in bodies(client)


def test_the_newest_messages_stay() -> None:
    """The oldest of a conversation go, in whatever order they came; the names go with them."""
    client = state(bounds=SMALL)
    for number in [*range(60), *range(20)]:
        push(client, "message", message(number, at=number))
    assert ids(client) == [f"evo-{number}" for number in range(59, 9, -1)]
    push(client, "messageStatus", {"messageId": "evo-59", "status": "read"})
    assert statuses(client)[0] == "read"


def test_long_texts_count_for_more() -> None:
    """A text of 40 kB counts as eleven messages, so that bounds in messages bound the memory."""
    client = state(bounds=SMALL)
    for number in range(10):
        push(client, "message", message(number, at=number, content="x" * 40_960))
    assert ids(client) == ["evo-9", "evo-8", "evo-7", "evo-6"]


def test_an_own_message_goes_with_what_it_became() -> None:
    """When a message is let go, so is the send behind it: it does not come back as unsent."""
    client = state(bounds=SMALL)
    client.send(CHAT, "mine", "c-1", None, START)
    metadata = {"providerMessageId": "1", "clientMessageId": "c-1"}
    push(client, "message", message(1, at=-5, senderId="agent-1", metadata=metadata))
    for number in range(2, 60):
        push(client, "message", message(number, at=number))
    assert "evo-1" not in ids(client)
    push(client, "messageStatus", {"messageId": "1", "status": "read"})
    assert len(ids(client)) == 50
    assert "mine" not in bodies(client)


def test_the_conversations_used_last_stay_cached() -> None:
    """C-CAC-1: of those closed the ones unused for longest go; open ones never do."""
    client = state(bounds=SMALL)
    for number in range(10):
        client.open(f"c-{number}")
        push(client, "message", message(number, conversationId=f"c-{number}"))
        client.close(f"c-{number}")
        client.open("c-0")
        client.close("c-0")
    assert set(client.shown) == {CHAT, OTHER, "c-0", "c-6", "c-7", "c-8", "c-9"}
    assert ids(client, "c-0") == ["evo-0"]


def test_cached_messages_are_bounded_together() -> None:
    """A few long conversations fill the cache as many short ones do; pushes count as well."""
    client = state(bounds=replace(SMALL, cached_messages=85))
    for chat in range(3):
        client.open(f"long-{chat}")
        for number in range(40):
            push(client, "message", message(chat * 100 + number, conversationId=f"long-{chat}"))
        client.close(f"long-{chat}")
    assert [len(ids(client, f"long-{chat}")) for chat in range(3)] == [0, 40, 40]
    for number in range(40, 65):
        push(client, "message", message(200 + number, conversationId="long-2"))
    assert [len(ids(client, f"long-{chat}")) for chat in range(3)] == [0, 0, 50]


def test_what_was_never_sent_is_not_let_go() -> None:
    """C-SND-4: a conversation with an own unsent message stays, however many come after it."""
    client = state(bounds=SMALL, opened=False)
    client.send("c-unsent", "mine", "c-1", None, START)
    client.tick(START + 60_000)
    for number in range(20):
        client.open(f"c-{number}")
        client.close(f"c-{number}")
    assert statuses(client, "c-unsent") == ["failed"]


def test_sending_into_a_closed_conversation_is_using_it() -> None:
    """C-CAC-1: it is the last to go."""
    client = state(bounds=SMALL, opened=False)
    for number in range(5):
        client.open(f"c-{number}")
        client.close(f"c-{number}")
    client.send("c-0", "mine", "c-1", None, START)
    copy = message(1, conversationId="c-0", metadata={"clientMessageId": "c-1"})
    push(client, "message", copy)
    client.open("c-5")
    client.close("c-5")
    assert set(client.shown) == {"c-0", "c-2", "c-3", "c-4", "c-5"}


def test_own_sends_are_remembered_only_so_long() -> None:
    """A late `error` that does not name its conversation finds one of the last 10,000 sends."""
    client = state()
    client.send(OTHER, "mine", "c-0", None, START)
    for number in range(1, 10_001):
        client.send(CHAT, "mine", f"c-{number}", None, START)
    for number in (0, 1):
        error = {"type": "sendMessage", "message": "no", "clientMessageId": f"c-{number}"}
        push(client, "error", error)
    assert (statuses(client, OTHER), statuses(client)[-1]) == (["sending"], "failed")


def test_early_statuses_that_are_given_up_are_counted() -> None:
    """C-STA-2: the one that has waited longest goes; the others are applied."""
    client = state(bounds=SMALL)
    for number in range(51):
        push(client, "messageStatus", {"messageId": f"evo-{number}", "status": "read"})
    for number in (0, 50):
        push(client, "message", message(number, at=number))
    assert statuses(client) == ["read", "delivered"]
    assert client.counters.early_dropped == 1


def test_the_list_keeps_the_newest() -> None:
    """Of more conversations than can be kept, those longest without a message go."""
    client = state(bounds=SMALL, opened=False)
    for number in range(200):
        push(client, "message", message(number, at=number, conversationId=f"c-{number}"))
    names = [each.id for each in client.conversations()]
    assert names[:50] == [f"c-{number}" for number in range(199, 149, -1)]
    assert len(names) <= 55


TINY = Bounds(
    messages=2, cached_conversations=1, cached_messages=3, early_statuses=2, conversations=2
)


@given(st.data())
def test_letting_go_in_the_middle_of_anything(data: st.DataObject) -> None:
    """However little can be kept, what is shown is sound, and of what is let go nothing is left."""
    told = data.draw(tellings(data.draw(worlds(8) | contested_worlds())))
    client = state(bounds=TINY)
    for telling in told:
        if data.draw(st.booleans()):
            chat = data.draw(st.sampled_from(CHATS))
            client.close(chat) or client.open(chat)
        telling.tell(client)
        for chat in CHATS:
            shown = client.messages(chat)
            assert len(shown) <= 2
            assert len({each.id for each in shown}) == len(shown)
            keys = [(each.created_ms, each.id) for each in shown]
            assert keys == sorted(keys, reverse=True)
    messages = client._messages
    for chat in list(messages.timelines):
        messages.forget(chat)
    assert len(messages._names) == len(messages._early) <= 2
    assert not messages._claimers
