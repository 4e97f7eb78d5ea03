"""Whatever a source sends, nothing is raised, nothing false is shown, and the next is handled."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatengine.client.core.state import CrmState
from tests.chatengine.client.core.payloads import CHAT, bodies, conversation, message, push, row
from tests.chatengine.client.core.world import CHATS, START, state


def nested(depth: int) -> Any:
    value: Any = []
    for number in range(depth):
        value = [value] if number % 2 else {"metadata": value}
    return value


NASTY: list[Any] = [
    None, True, False, 0, -1, 10**400, float("nan"), float("inf"), -0.0, "", "x", "\ud800",
    "\udc00\ud800", "\x00\x1b[31m", "x" * 10**6, "é" * 10**6, "[" * 10**5, [], {}, nested(5000),
    b"bytes", object(), {1: 2}, {"\ud800": 1}, ["x"] * 10**5, "9" * 5000,
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+23:59",
]  # fmt: skip

SENT = {"conversationId": CHAT, "messageId": "evo-1", "clientMessageId": "c-1"}
SOUND: dict[str, dict[str, Any]] = {
    "message": message(1, attachments=[{"url": "https://x/1"}], replyToMessageId="evo-0"),
    "messageStatus": {"messageId": "evo-1", "status": "read"},
    "conversation": conversation(CHAT, 1, participants=[{"id": CHAT, "name": "Maria"}]),
    "typing": {"conversationId": CHAT, "userId": "agent-2", "isTyping": True},
    "messageSent": SENT,
    "error": SENT | {"type": "sendMessage", "message": "no"},
}
ROWS: dict[str, dict[str, Any]] = {
    "messages": row(1, media_url="u", sent_by_user_id="agent-1", whatsapp_number_id="n-1"),
    "conversations": {
        "id": CHAT, "workspace_id": "w-1", "last_message_at": "2026-01-01T00:00:00Z"
    },
}  # fmt: skip


def tell(client: CrmState, name: str, payload: object) -> None:
    if name in ROWS:
        client.row(name, payload, START, pushed=True)
    else:
        push(client, name, payload)


def check(client: CrmState) -> None:
    """What is shown can be written out, and the next message is handled."""
    push(client, "message", message(77, at=777_777))
    assert "message 77" in bodies(client)
    shown: list[Any] = [each.to_snapshot() for chat in CHATS for each in client.messages(chat)]
    shown += [each.to_snapshot() for each in client.conversations()]
    shown += [client.typing(chat) for chat in CHATS] + [client.last_error]
    json.dumps(shown, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize("name", [*SOUND, *ROWS])
def test_one_nasty_value_anywhere(name: str) -> None:
    """C-MSG-7: in the place of the payload, of each of its fields, and of each field within."""
    sound = (SOUND | ROWS)[name]
    for value in NASTY:
        client = state()
        tell(client, name, value)
        assert client.counters.malformed == 1
        for field, known in sound.items():
            tell(client, name, sound | {field: value})
            if isinstance(known, dict):
                for inner in known:
                    tell(client, name, sound | {field: known | {inner: value}})
        check(client)


junk = st.recursive(
    st.sampled_from([each for each in NASTY if not isinstance(each, list | dict)])
    | st.sampled_from([CHAT, "evo-1", "1", "w-1", "c-1", "read", "2026-01-01T00:00:00Z"])
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def crooked(draw: st.DrawFn) -> tuple[str, Any]:
    """A payload some fields of which are junk, are missing, or come from another event."""
    name = draw(st.sampled_from([*SOUND, *ROWS]))
    other = draw(st.sampled_from([*SOUND.values(), *ROWS.values()]))
    payload = dict(draw(st.sampled_from([(SOUND | ROWS)[name], other])))
    for field in draw(st.lists(st.sampled_from(sorted(payload)), max_size=3)):
        payload[field] = draw(junk)
    for field in draw(st.lists(st.sampled_from(sorted(payload)), max_size=2)):
        payload.pop(field, None)
    return name, payload


@given(st.lists(crooked() | st.tuples(st.sampled_from([*SOUND, *ROWS]), junk), max_size=20))
def test_crooked_payloads_in_any_order(told: list[tuple[str, Any]]) -> None:
    """C-MSG-7: dropped and counted; what the client shows stays sound, and it goes on."""
    client = state()
    client.send(CHAT, "mine", "c-1", None, START)
    for name, payload in told:
        tell(client, name, payload)
        for chat in CHATS:
            shown = client.messages(chat)
            keys = [(each.created_ms, each.id) for each in shown]
            assert keys == sorted(set(keys), reverse=True)
    assert client.counters.received == len(told)
    client.tick(START + 60_000)
    check(client)


FLOODS: dict[str, Callable[[int], tuple[str, Any]]] = {
    "one id under ever other provider ids": lambda n: (
        "message", message(1, id="m", metadata={"providerMessageId": f"p-{n}"})
    ),
    "one provider id under ever other ids": lambda n: (
        "message", message(1, id=f"m-{n}", metadata={"providerMessageId": "p"})
    ),
    "one message sent as ever other sends": lambda n: (
        "message", message(1, metadata={"clientMessageId": f"c-{n}"})
    ),
    "one send handed over as ever other messages": lambda n: (
        "messageSent", SENT | {"messageId": f"evo-{n}"}
    ),
    "one send that became ever other ids": lambda n: (
        "messageSent", SENT | {"messageId": f"m-{n}"}
    ),
    "ever other sends of nobody": lambda n: (
        "messageSent", SENT | {"clientMessageId": f"c-{n + 1}", "messageId": f"evo-{n}"}
    ),
    "statuses without messages": lambda n: (
        "messageStatus", {"messageId": f"s-{n}", "status": ("read", "pending")[n % 2]}
    ),
    "typists": lambda n: (
        "typing", {"conversationId": CHAT, "userId": f"u-{n}", "isTyping": True}
    ),
    "typists in other conversations": lambda n: (
        "typing", {"conversationId": f"chat-{n}", "userId": "u", "isTyping": True}
    ),
    "messages of other conversations": lambda n: ("message", message(n, conversationId=f"c-{n}")),
    "conversations": lambda n: ("conversation", conversation(f"c-{n}", n)),
    "failed sends of nobody": lambda n: (
        "error", {"type": "sendMessage", "message": "x" * 1000, "conversationId": CHAT,
                  "clientMessageId": f"c-{n + 1}"}
    ),
}  # fmt: skip
