"""The CRM's channels (contract, section 6), and ids that would break a filter."""

import pytest

from chatengine.client.supabase.phoenix import Binding
from chatengine.client.supabase.topics import conversation_topic, list_topic, quoted_value


def test_an_open_conversation() -> None:
    """New and changed messages of one conversation."""
    topic, bindings = conversation_topic("5511999999999@s.whatsapp.net")
    filter = "conversation_id=eq.5511999999999@s.whatsapp.net"
    assert topic == "messages-5511999999999@s.whatsapp.net"
    assert bindings == (
        Binding("INSERT", "messages", filter),
        Binding("UPDATE", "messages", filter),
    )


@pytest.mark.parametrize(
    ("number", "topic", "filter"),
    [
        (None, "conversations-w-1-all", "workspace_id=eq.w-1"),
        ("n-1", "conversations-w-1-n-1", "whatsapp_number_id=eq.n-1"),
    ],
)
def test_the_list(number: str | None, topic: str, filter: str) -> None:
    """New and changed conversations, and new messages, of one number or of all."""
    assert list_topic("w-1", number) == (
        topic,
        (
            Binding("INSERT", "conversations", filter),
            Binding("UPDATE", "conversations", filter),
            Binding("INSERT", "messages", filter),
        ),
    )


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("5511999999999@s.whatsapp.net", "5511999999999@s.whatsapp.net"),
        ("0b0ccb1e-6c0f-4f0c-9a51-0c5a5b9a1f10", "0b0ccb1e-6c0f-4f0c-9a51-0c5a5b9a1f10"),
        ("a,workspace_id=eq.w-2", '"a,workspace_id=eq.w-2"'),
        (' a"b\\c ', '" a\\"b\\\\c "'),
        ("", '""'),
    ],
)
def test_a_value(value: str, quoted: str) -> None:
    """C-MSG-2: an id cannot add a condition of its own; what is plain stays so."""
    assert quoted_value(value) == quoted
