"""The channels and filters that the CRM uses (contract, section 6); no I/O."""

import re
from collections.abc import Sequence
from typing import Final

from chatengine.client.supabase.phoenix import Binding

__all__ = ["conversation_topic", "list_topic", "quoted_value"]

_PLAIN: Final = re.compile(r"[\w@.:+\-]+")

Topic = tuple[str, Sequence[Binding]]
"""What `RealtimeSource.watch` takes: a channel's name, and its bindings."""


def conversation_topic(conversation_id: str) -> Topic:
    """The channel of one open conversation: its messages, new and changed."""
    filter = f"conversation_id=eq.{quoted_value(conversation_id)}"
    bindings = (
        Binding("INSERT", "messages", filter),
        Binding("UPDATE", "messages", filter),
    )
    return f"messages-{conversation_id}", bindings


def list_topic(workspace_id: str, whatsapp_number_id: str | None = None) -> Topic:
    """The channel of the list: conversations, and new messages for their previews.

    Of one WhatsApp number, or with None of the whole workspace.
    """
    if whatsapp_number_id is None:
        which, filter = "all", f"workspace_id=eq.{quoted_value(workspace_id)}"
    else:
        which = whatsapp_number_id
        filter = f"whatsapp_number_id=eq.{quoted_value(whatsapp_number_id)}"
    bindings = (
        Binding("INSERT", "conversations", filter),
        Binding("UPDATE", "conversations", filter),
        Binding("INSERT", "messages", filter),
    )
    return f"conversations-{workspace_id}-{which}", bindings


def quoted_value(text: str) -> str:
    """A filter's value, quoted where a comma or the like would end it.

    Realtime (`subscriptions.ex`, `split_top_level`) and PostgREST's `or=(...)` read alike: a
    backslash escapes within double quotes. What needs none stays bare, for older servers took
    the quotes for a part of the value.
    """
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
