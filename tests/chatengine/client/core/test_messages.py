"""Messages and their statuses, requirement by requirement."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatengine.moments import from_ms
from tests.chatengine.client.core.payloads import (
    CHAT,
    OTHER,
    SECOND,
    ids,
    message,
    push,
    row,
    statuses,
)
from tests.chatengine.client.core.world import START, state


def test_a_pushed_message_shows_in_its_conversation_and_no_other() -> None:
    """C-MSG-1 C-MSG-2: it is there, and there alone."""
    client = state()
    push(client, "message", message(1))
    assert (ids(client), ids(client, OTHER)) == (["evo-1"], [])


def test_a_message_of_another_workspace_shows_nowhere() -> None:
    """C-MSG-2: neither as a message nor in the list, from no source; it is counted apart."""
    client = state()
    push(client, "message", message(1, workspaceId="w-2"))
    client.row("messages", row(2, workspace_id="w-2", whatsapp_number_id="n"), START, pushed=True)
    client.history([message(3, workspaceId="")], START)
    assert (client.messages(CHAT), client.conversations()) == ((), ())
    assert (client.counters.foreign, client.counters.malformed) == (3, 0)


def test_one_message_per_id() -> None:
    """C-MSG-3: pushed twice, and fetched, it is one; the second push is a duplicate."""
    client = state()
    push(client, "message", message(1))
    push(client, "message", message(1))
    client.history([message(1)], START)
    assert ids(client) == ["evo-1"]
    assert (client.counters.received, client.counters.duplicates) == (2, 1)


def test_one_message_per_provider_id_whichever_way_it_came() -> None:
    """C-MSG-4: the row has another id; ChatEngine's is shown, whichever came first."""
    client, other = state(), state()
    push(client, "message", message(1))
    client.row("messages", row(1), START, pushed=True)
    other.row("messages", row(1), START, pushed=False)
    assert ids(other) == ["row-1"]
    push(other, "message", message(1))
    assert client.messages(CHAT) == other.messages(CHAT)
    assert ids(client) == ["evo-1"]


def test_two_rows_turn_out_to_be_one_message() -> None:
    """C-MSG-4: what stood apart is united when the row learns its provider id."""
    client = state()
    push(client, "message", message(1))
    client.row("messages", row(1, external_id=None), START, pushed=True)
    assert sorted(ids(client)) == ["evo-1", "row-1"]
    client.row("messages", row(1, status="read"), START, pushed=True)
    assert (ids(client), statuses(client)) == (["evo-1"], ["read"])


def test_what_is_united_has_the_higher_status() -> None:
    """C-STA-1 C-MSG-4: of the two that turn out to be one, whichever knew it."""
    for read in ("row-1", "1"):
        client = state()
        push(client, "message", message(1))
        client.row("messages", row(1, external_id=None), START, pushed=True)
        push(client, "messageStatus", {"messageId": read, "status": "read"})
        client.row("messages", row(1), START, pushed=True)
        assert (ids(client), statuses(client)) == (["evo-1"], ["read"])


def test_what_only_the_row_knows_is_shown_too() -> None:
    """C-MSG-6: ChatEngine's copy wins, the row fills in what it leaves out."""
    client = state()
    push(client, "message", message(1, content="from the socket"))
    client.row("messages", row(1, body="from the row", media_url="https://x/1"), START, pushed=True)
    [shown] = client.messages(CHAT)
    assert (shown.body, shown.media_url) == ("from the socket", "https://x/1")


@given(st.permutations(range(6)))
def test_messages_stand_in_the_order_of_writing(order: list[int]) -> None:
    """C-MSG-5: by createdAt, ties by id, newest first, whatever the order of arrival."""
    client = state()
    for number in order:
        push(client, "message", message(number, at=number // 2 * SECOND))
    assert ids(client) == [f"evo-{number}" for number in (5, 4, 3, 2, 1, 0)]


def test_a_message_moves_when_its_moment_is_corrected() -> None:
    """C-MSG-5: a later version of a copy may say another createdAt; the order holds."""
    client = state()
    for number in range(3):
        push(client, "message", message(number, at=number * SECOND))
    corrected = message(0, at=5 * SECOND, updatedAt=from_ms(START + 9 * SECOND))
    push(client, "message", corrected)
    push(client, "message", message(0))
    assert ids(client) == ["evo-0", "evo-2", "evo-1"]


def test_what_is_malformed_is_dropped_and_what_follows_is_handled() -> None:
    """C-MSG-7: dropped, counted, and the next one shows."""
    client = state()
    push(client, "message", message(1, createdAt="soon"))
    client.row("messages", row(2, id=None), START, pushed=False)
    client.history(["nonsense", message(3)], START)
    push(client, "message", message(4))
    assert ids(client) == ["evo-4", "evo-3"]
    assert client.counters.malformed == 3


@given(st.permutations(["sent", "failed", "delivered", "read", "pending", "exploded"]))
def test_a_status_only_moves_up(order: list[str]) -> None:
    """C-STA-1 C-STA-3 C-STA-4: under either name, in any order, it ends as read."""
    client = state()
    push(client, "message", message(1, status="pending", senderId="me"))
    best = 0
    for number, status in enumerate(order):
        name = "evo-1" if number % 2 else "1"
        push(client, "messageStatus", {"messageId": name, "status": status})
        [now] = [each.status for each in client.messages(CHAT)]
        assert now >= best
        best = now
    assert statuses(client) == ["read"]
    assert client.counters.malformed == 0


@pytest.mark.parametrize("name", ["evo-1", "1", "row-1"])
def test_a_status_that_comes_first_waits(name: str) -> None:
    """C-STA-2 C-STA-3: under whichever name of the message it came."""
    client = state()
    push(client, "messageStatus", {"messageId": name, "status": "read"})
    client.row("messages", row(1), START, pushed=False)
    push(client, "message", message(1))
    assert statuses(client) == ["read"]


def test_an_unknown_status_changes_nothing() -> None:
    """C-STA-4: neither of a known message nor of a new one, which is kept."""
    client = state()
    push(client, "message", message(1, status="exploded"))
    push(client, "messageStatus", {"messageId": "evo-1", "status": "exploded"})
    assert statuses(client) == ["sending"]
    push(client, "messageStatus", {"messageId": "evo-1", "status": "sent"})
    assert statuses(client) == ["sent"]
