"""Own messages, from the moment of sending to their end."""

from __future__ import annotations

from typing import Any

import pytest

from chatengine.client.core.reading import Malformed
from chatengine.client.core.shapes import (
    Way,
)
from chatengine.client.core.state import CrmState
from chatengine.moments import from_ms
from tests.chatengine.client.core.payloads import (
    CHAT,
    ids,
    message,
    push,
    row,
    statuses,
)
from tests.chatengine.client.core.world import START, state


def sent(client: CrmState, client_id: str = "c-1", now_ms: int = START) -> bool:
    return client.send(CHAT, "Olá", client_id, "evo-0", now_ms)


def own(number: int = 1, **changes: Any) -> dict[str, Any]:
    metadata = {"providerMessageId": f"{number}", "clientMessageId": "c-1"}
    return (
        message(number, at=7, senderId="agent-1", content="Olá", status="sent", metadata=metadata)
        | changes
    )


def test_an_own_message_shows_at_once() -> None:
    """C-SND-1: as sending, ours, with what it replies to."""
    client = state()
    assert sent(client)
    [shown] = client.messages(CHAT)
    assert shown.to_snapshot() == {
        "id": "c-1", "externalId": None, "clientMessageId": "c-1", "body": "Olá", "type": "text",
        "status": "sending", "isOutgoing": True, "mediaUrl": None, "replyToId": "evo-0",
        "createdAt": from_ms(START), "errorMessage": None,
    }  # fmt: skip
    assert [send.client_id for send in client.unconfirmed] == ["c-1"]


def test_the_servers_copy_replaces_it() -> None:
    """C-SND-2: one message, not two, with the server's id; a second tab's shows once as well."""
    sender, tab = state(), state()
    sent(sender)
    for client in (sender, tab):
        push(client, "message", own())
        client.row("messages", row(1, 7, status="sent", client_message_id="c-1"), START,
                   pushed=True)  # fmt: skip
        assert (ids(client), statuses(client)) == (["evo-1"], ["sent"])
    assert sender.unconfirmed == ()


def test_message_sent_joins_what_stood_apart() -> None:
    """C-SND-2: a row without the client id is the own message as soon as `messageSent` says so."""
    client = state()
    sent(client)
    client.row("messages", row(1), START, pushed=True)
    assert len(ids(client)) == 2
    announced = {"conversationId": CHAT, "messageId": "evo-1", "clientMessageId": "c-1"}
    push(client, "messageSent", announced)
    assert ids(client) == ["row-1"]
    assert [shown.client_id for shown in client.messages(CHAT)] == ["c-1"]


def test_message_sent_without_a_copy_is_enough() -> None:
    """C-SND-2 C-STA-3: sent into a conversation that is not open, its statuses find it."""
    client = state(opened=False)
    sent(client)
    announced = {"conversationId": CHAT, "messageId": "evo-1", "clientMessageId": "c-1"}
    push(client, "messageSent", announced)
    assert (statuses(client), client.unconfirmed) == (["sent"], ())
    push(client, "messageStatus", {"messageId": "1", "status": "delivered"})
    assert (ids(client), statuses(client)) == (["c-1"], ["delivered"])


def test_a_server_with_ids_of_its_own() -> None:
    """C-SND-2: `messageSent` may name an id that is no provider's."""
    client = state()
    sent(client)
    push(
        client, "messageSent", {"conversationId": CHAT, "messageId": "m", "clientMessageId": "c-1"}
    )
    push(client, "message", own(id="m", metadata={}))
    assert (ids(client), statuses(client)) == (["m"], ["sent"])


def test_an_answer_over_http_is_the_message() -> None:
    """C-SND-3: also where it does not repeat the client's id."""
    client = state()
    sent(client)
    client.went("c-1", Way.HTTP)
    assert [send.way for send in client.unconfirmed] == [Way.HTTP]
    client.send_answered("c-1", own(metadata={"providerMessageId": "1"}), START)
    assert (ids(client), client.unconfirmed) == (["evo-1"], ())


def test_what_is_not_confirmed_in_time_ends_as_failed() -> None:
    """C-SND-4: after 8 s, with a reason, and it stays."""
    client = state()
    sent(client)
    assert client.next_due() == START + 8000
    client.tick(START + 7999)
    assert statuses(client) == ["sending"]
    client.tick(START + 8000)
    [shown] = client.messages(CHAT)
    assert (shown.status.crm, shown.error_message) == ("failed", "not confirmed in time")
    assert (client.unconfirmed, client.next_due()) == ((), None)


def test_what_the_server_refuses_says_why() -> None:
    """C-SND-4: the server's words stand above ours; what is delivered after all has not failed."""
    client = state()
    sent(client)
    client.send_failed("c-1", "no connection", START)
    push(client, "error", {"type": "sendMessage", "message": "no such number",
                           "clientMessageId": "c-1"})  # fmt: skip
    assert [each.error_message for each in client.messages(CHAT)] == ["no such number"]
    assert client.last_error == "no such number"
    push(client, "message", own(status="delivered"))
    [shown] = client.messages(CHAT)
    assert (shown.status.crm, shown.error_message) == ("delivered", None)


def test_a_failed_copy_of_the_server_is_the_send() -> None:
    """C-SND-2 C-SND-4: a message that the provider never took has no provider id."""
    client = state()
    sent(client)
    push(client, "message", own(id="m-1", status="failed", metadata={"clientMessageId": "c-1"}))
    assert (ids(client), statuses(client)) == (["m-1"], ["failed"])


def test_a_send_that_became_two_messages_shows_as_both() -> None:
    """C-MSG-4: two provider ids are two messages, also where the first came without one."""
    client = state()
    sent(client)
    for number, known in (
        (1, {}),
        (1, {"providerMessageId": "1"}),
        (2, {"providerMessageId": "2"}),
    ):
        metadata = {"clientMessageId": "c-1"} | known
        push(client, "message", own(number, id=f"m-{number}", metadata=metadata))
    assert ids(client) == ["m-2", "m-1"]


def test_a_confirmed_send_does_not_fail() -> None:
    """C-SND-4: a timeout that comes late changes nothing."""
    client = state()
    sent(client)
    push(client, "message", own())
    client.send_failed("c-1", "too late", START)
    client.tick(START + 60_000)
    assert statuses(client) == ["sent"]


def test_the_same_send_is_sent_once() -> None:
    """Contract 5: the same client id is the same send, unless that one failed."""
    client = state()
    assert sent(client)
    assert not sent(client)
    client.send_failed("c-1", "no connection", START)
    assert sent(client)
    assert (ids(client), len(client.unconfirmed)) == (["c-1"], 1)


def test_a_send_under_an_id_that_a_message_claims_is_that_message() -> None:
    """Contract 5: a second tab, or this one before it was loaded again, has sent it already."""
    client = state()
    push(client, "message", own())
    assert not sent(client)
    assert (ids(client), client.unconfirmed) == (["evo-1"], ())


def test_sends_stand_in_the_order_of_sending() -> None:
    """C-MSG-5 C-SND-1: also those of one millisecond."""
    client = state()
    for client_id in ("z", "a", "m"):
        sent(client, client_id)
    assert ids(client) == ["m", "a", "z"]


def test_an_id_that_cannot_be_one_is_the_callers_mistake() -> None:
    """An empty or endless client id is refused with an error, and nothing is shown."""
    client = state()
    for client_id in ("", "x" * 513):
        with pytest.raises(Malformed):
            sent(client, client_id)
    assert client.messages(CHAT) == ()
