"""What is new from one picture to the next, as lines for a person or for a program; no I/O.

A line for a person has been made harmless (`harness.watch.text`); one for a program is JSON that
holds texts as they came, everything in it escaped that a terminal could act on.
"""

import json
from collections.abc import Iterator
from datetime import tzinfo
from itertools import takewhile
from typing import Any, Final

from msgspec import Struct

from chatengine.client.core.shapes import ConversationEntry, Message
from chatengine.moments import from_ms
from chatengine.status import Status
from harness.watch.journal import Entry
from harness.watch.lines import clock
from harness.watch.picture import Picture
from harness.watch.text import one_line

__all__ = ["Item", "News"]

_MOST: Final = 1000
"""Characters of a text in a line for a person."""


class Item(Struct, frozen=True, kw_only=True):
    """Something new: what kind, when seen, its fields for a program, its words for a person."""

    event: str
    at_ms: int
    fields: dict[str, Any]
    words: str

    def as_json(self) -> str:
        """One line of JSON in ASCII; DEL, the one control character that JSON lets be, escaped."""
        shown = {"event": self.event, "at": from_ms(self.at_ms), **self.fields}
        return json.dumps(shown).replace("\x7f", "\\u007f")

    def as_text(self, zone: tzinfo | None) -> str:
        """One line for a person."""
        return f"{clock(self.at_ms, zone, seconds=True)} {one_line(self.words, _MOST)}"


class News:
    """Remembers what it told. A message is known by any of its names (C-MSG-4)."""

    def __init__(self) -> None:
        self._statuses: dict[str, Status] = {}
        self._moments: dict[str, int | None] = {}
        self._typing: frozenset[str] = frozenset()
        self._entry: Entry | None = None

    def of(self, picture: Picture, opened: str | None) -> list[Item]:
        """What `picture` shows that was not told yet, messages oldest first."""
        return [
            *self._of_journal(picture),
            *self._of_conversations(picture),
            *self._of_messages(picture),
            *self._of_typing(picture, opened),
        ]

    def _of_journal(self, picture: Picture) -> Iterator[Item]:
        last, entries = self._entry, picture.journal
        new = list(takewhile(lambda entry: entry is not last, reversed(entries)))
        for entry in reversed(new):
            self._entry = entry
            fields = {"text": entry.text, "cause": entry.cause, "lengthMs": entry.length_ms}
            connection = picture.connection.to_snapshot() if entry is entries[-1] else None
            yield Item(
                event=entry.kind,
                at_ms=entry.at_ms,
                fields=fields | ({} if connection is None else {"connection": connection}),
                words=entry.sentence(),
            )

    def _of_conversations(self, picture: Picture) -> Iterator[Item]:
        before = self._moments
        self._moments = {each.id: each.last_message_ms for each in picture.conversations}
        for entry in reversed(picture.conversations):
            if entry.id in before and before[entry.id] == entry.last_message_ms:
                continue
            yield Item(
                event="conversation",
                at_ms=picture.now_ms,
                fields=entry.to_snapshot() | {"name": entry.name},
                words=f"{_called(entry)}: {entry.preview or ''}",
            )

    def _of_messages(self, picture: Picture) -> Iterator[Item]:
        before, self._statuses = self._statuses, {}
        for message in reversed(picture.messages):
            names = _names(message)
            self._statuses.update(dict.fromkeys(names, message.status))
            known = [before[name] for name in names if name in before]
            if not known:
                yield _arrived(message, picture.now_ms)
            elif max(known) < message.status:
                yield _ticked(message, picture.now_ms)

    def _of_typing(self, picture: Picture, opened: str | None) -> Iterator[Item]:
        now, before = frozenset(picture.typing), self._typing
        self._typing = now
        for user in sorted(now ^ before):
            does = user in now
            yield Item(
                event="typing",
                at_ms=picture.now_ms,
                fields={"conversationId": opened, "userId": user, "isTyping": does},
                words=f"  {user} {'is typing' if does else 'stopped typing'}",
            )


def _called(entry: ConversationEntry) -> str:
    return entry.id if entry.name is None else f"{entry.name} ({entry.id})"


def _names(message: Message) -> list[str]:
    return [n for n in (message.id, message.external_id, message.client_id) if n is not None]


def _arrived(message: Message, now_ms: int) -> Item:
    body = message.body or f"[{message.type}]"
    ours = message.is_outgoing
    words = f"  < {body} ({message.status.crm})" if ours else f"  > {body}"
    return Item(event="message", at_ms=now_ms, fields=_fields(message), words=words)


def _ticked(message: Message, now_ms: int) -> Item:
    why = f" ({message.error_message})" if message.error_message else ""
    words = f"    {message.status.crm}{why}: {message.body}"
    return Item(event="status", at_ms=now_ms, fields=_fields(message), words=words)


def _fields(message: Message) -> dict[str, Any]:
    return {"conversationId": message.conversation_id, **message.to_snapshot()}
