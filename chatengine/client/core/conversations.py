"""The list of conversations (C-CNV-*): what each source says of one, joined whatever the order."""

from __future__ import annotations

from typing import Final

from chatengine.client.core.mapping import ConversationNews, preview
from chatengine.client.core.shapes import ConversationEntry, Message

__all__ = ["Conversations"]

_PREVIEW: Final = 50
"""Code points of the last message that are shown (C-CNV-2)."""

_SLACK: Final = 1.1
"""How far the list may outgrow its bound before it is cut: to cut is to sort, so not every time."""

_FIELDS: Final = ("whatsapp_number_id", "contact_id", "name")


class _Known:
    """What is known of one conversation.

    `fields` has each field's value with the moment at which it was told; a later one wins, of two
    told at one moment the greater. `last` is the last message, `last_ms` the latest moment at which
    there was one: a row tells it without the message.
    """

    __slots__ = ("entry", "fields", "id", "last", "last_ms")

    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id
        self.fields: dict[str, tuple[int, str]] = {}
        self.last: tuple[int, str, str] | None = None
        self.last_ms: int | None = None
        self.entry: ConversationEntry | None = None

    def tell(self, field: str, at_ms: int, value: str | None) -> bool:
        """Keep what a field was told to be at a moment; returns whether it is another now."""
        if value is None:
            return False
        told, before = (at_ms, value), self.fields.get(field)
        if before is not None and told <= before:
            return False
        self.fields[field] = told
        return before is None or value != before[1]


class Conversations:
    """The conversations of one workspace, and of one WhatsApp number where one is chosen.

    `changed` says that the list shows otherwise than when it was last set back.
    """

    def __init__(self, workspace_id: str, whatsapp_number_id: str | None, most: int) -> None:
        self._workspace_id = workspace_id
        self._number_id = whatsapp_number_id
        self._most = most
        self._most_known = int(most * _SLACK)
        self._known: dict[str, _Known] = {}
        self._view: tuple[ConversationEntry, ...] | None = ()
        self.changed = False

    def learn(self, news: ConversationNews) -> bool:
        """Take in what an event, a row or a list says (C-CNV-1); returns whether it was news."""
        changed = news.id not in self._known
        known = self._known.get(news.id) or self._begin(news.id)
        for field in _FIELDS:
            changed |= known.tell(field, news.updated_ms, getattr(news, field))
        if news.last is not None:
            changed |= self._see(known, *news.last)
        if news.last_ms is not None and (known.last_ms is None or news.last_ms > known.last_ms):
            known.last_ms = news.last_ms
            changed = True
        if changed:
            self._change(known)
        return changed

    def see(self, message: Message, whatsapp_number_id: str | None = None) -> bool:
        """Take in a message: if it is the last, it is the preview (C-CNV-2, C-CNV-4).

        Returns whether it was news, or the number was that it names.
        """
        conversation_id, created_ms = message.conversation_id, message.created_ms
        known = self._known.get(conversation_id) or self._begin(conversation_id)
        last, changed = known.last, False
        if whatsapp_number_id is not None:
            changed = known.tell("whatsapp_number_id", created_ms, whatsapp_number_id)
        if last is None or created_ms >= last[0]:
            shown = message.body or preview(message.type, "")
            changed |= self._see(known, created_ms, message.id, shown)
        if changed:
            self._change(known)
        return changed

    def view(self) -> tuple[ConversationEntry, ...]:
        """The list as the user sees it; one that names no number stays in any (C-CNV-5)."""
        if self._view is None:
            entries = [self._entry(known) for known in sorted(self._known.values(), key=_order)]
            self._view = tuple(
                entry
                for entry in entries
                if self._number_id is None or entry.whatsapp_number_id in (None, self._number_id)
            )
        return self._view

    def _begin(self, conversation_id: str) -> _Known:
        """Know a conversation from now on."""
        known = self._known[conversation_id] = _Known(conversation_id)
        return known

    def _see(self, known: _Known, created_ms: int, message_id: str, shown: str) -> bool:
        last, seen = known.last, (created_ms, message_id, shown[:_PREVIEW])
        if last is not None and seen <= last:
            return False
        known.last = seen
        if known.last_ms is None or created_ms > known.last_ms:
            known.last_ms = created_ms
            return True
        return last is None or last[2] != seen[2]

    def _change(self, known: _Known) -> None:
        """Show it anew, and let go of those longest without a message."""
        known.entry = None
        self._view = None
        self.changed = True
        if len(self._known) > self._most_known:
            kept = sorted(self._known.values(), key=_order)[: self._most]
            self._known = {known.id: known for known in kept}

    def _entry(self, known: _Known) -> ConversationEntry:
        if known.entry is None:
            values = {field: value for field, (_, value) in known.fields.items()}
            known.entry = ConversationEntry(
                id=known.id,
                workspace_id=self._workspace_id,
                last_message_ms=known.last_ms,
                preview=None if known.last is None else known.last[2],
                **values,
            )
        return known.entry


def _order(known: _Known) -> tuple[bool, int, str]:
    """Newest first (C-CNV-3), those without a message at the end, ties by id."""
    return known.last_ms is None, -(known.last_ms or 0), known.id
