"""One message: its names, its copies, and the one that is made of them."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from chatengine.client.core.shapes import Message, Origin
from chatengine.status import Status

__all__ = ["ClientName", "Entry", "Name", "merged", "stays"]

ClientName = tuple[str, str]  # conversation, client id
Name = str | ClientName

_PENDING: Final = Status.PENDING
_FAILED: Final = Status.FAILED

_FILLED: Final = (
    "external_id",
    "client_id",
    "media_url",
    "reply_to_id",
    "sent_by_user_id",
    "error_message",
)
"""What one source may know and a better one not."""

_filled: Final = attrgetter(*_FILLED)


# gc=False: no entry leads back to itself, and there are many.
class Entry(Struct, eq=False, gc=False):
    """One message: all that is known of it, and how it stands in its timeline, if it does.

    Of its `names` some are `clients`. `copies` has the best copy of each origin, the greatest
    origin first. `reason` is why it failed: a server's word (1, text) above our own (0, text).
    """

    names: tuple[Name, ...]
    clients: tuple[ClientName, ...] = ()
    claims: tuple[ClientName, ...] = ()
    copies: tuple[Message, ...] = ()
    status: Status = _PENDING
    reason: tuple[int, str] | None = None
    shown: Message | None = None

    @property
    def has_provider(self) -> bool:
        """Whether its provider id is known; of two copies the one that has it is the better."""
        return any(copy.external_id is not None for copy in self.copies)

    def go_by(self, names: tuple[Name, ...]) -> None:
        """Add names."""
        self.names += names
        self.clients += tuple(name for name in names if isinstance(name, tuple))

    def take(self, copy: Message) -> bool:
        """Keep a copy if it is the best of its origin; returns whether anything is new."""
        risen = copy.status > self.status
        if risen:
            self.status = copy.status
        for known in self.copies:
            if known.origin is copy.origin:
                if copy == known or _version(copy) <= _version(known):
                    return risen
                self.copies = tuple(copy if each is known else each for each in self.copies)
                return True
        self.copies += (copy,)
        if len(self.copies) > 1:
            self.copies = tuple(sorted(self.copies, key=_origin, reverse=True))
        return True


def merged(entry: Entry, status: Status, reason: tuple[int, str] | None) -> Message:
    """The best copy, with what only lesser ones know, and the status of all."""
    best, *lesser = entry.copies
    values = _filled(best)
    for copy in lesser:
        both = zip(values, _filled(copy), strict=True)
        values = tuple(theirs if mine is None else mine for mine, theirs in both)
    known = dict(zip(_FILLED, values, strict=True))
    if known["client_id"] is None:
        known["client_id"] = min((name for _, name in entry.clients + entry.claims), default=None)
    if status is not _FAILED:
        known["error_message"] = None
    elif known["error_message"] is None and reason is not None:
        known["error_message"] = reason[1]
    return replace(best, status=status, **known)


def stays(old: Message, new: Message) -> bool:
    """Whether a message keeps its place in its timeline, and counts the same there."""
    return (
        old.id == new.id
        and old.created_ms == new.created_ms
        and old.conversation_id == new.conversation_id
        and old.body == new.body
        and old.origin is new.origin
    )


def _origin(copy: Message) -> Origin:
    return copy.origin


def _version(copy: Message) -> tuple[Any, ...]:
    """A total order of the copies of one origin that differ in more than their status.

    A row whose text was too long for its change comes without it, so a text wins over none.
    """
    return (
        copy.external_id is not None,
        copy.body != "",
        copy.updated_ms,
        copy.created_ms,
        copy.body,
        *(value or "" for value in _filled(copy)),
        copy.id,
        copy.type,
        copy.is_outgoing,
        copy.conversation_id,
    )
