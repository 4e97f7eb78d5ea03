"""One message: its names, its copies, and the one that is made of them."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from chatengine.client.core.shapes import Message
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
_origin: Final = attrgetter("origin")


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
        for name in names:
            if isinstance(name, tuple):
                self.clients += (name,)

    def take(self, copy: Message) -> bool:
        """Keep a copy if it is the best of its origin; returns whether anything is new."""
        copies, risen = self.copies, copy.status > self.status
        if risen:
            self.status = copy.status
        for known in copies:
            if known.origin is copy.origin:
                if copy == known or _version(copy) <= _version(known):
                    return risen
                self.copies = tuple([copy if each is known else each for each in copies])
                return True
        # Most have one copy; to sort it would take as long as all of the above.
        both = (*copies, copy)
        self.copies = tuple(sorted(both, key=_origin, reverse=True)) if copies else both
        return True


def merged(entry: Entry, status: Status, reason: tuple[int, str] | None) -> Message:
    """The best copy, with what only lesser ones know, and the status of all."""
    best, *lesser = entry.copies
    external_id, client_id, media_url, reply_to_id, user_id, error = _filled(best)
    for copy in lesser:  # field by field, not in a loop over them, which takes four times as long
        external_id = external_id or copy.external_id
        client_id = client_id or copy.client_id
        media_url = media_url or copy.media_url
        reply_to_id = reply_to_id or copy.reply_to_id
        user_id = user_id or copy.sent_by_user_id
        error = error or copy.error_message
    if client_id is None and (entry.clients or entry.claims):
        client_id = min(name for _, name in entry.clients + entry.claims)
    if status is not _FAILED:
        error = None
    elif error is None and reason is not None:
        error = reason[1]
    return replace(
        best,
        status=status,
        external_id=external_id,
        client_id=client_id,
        media_url=media_url,
        reply_to_id=reply_to_id,
        sent_by_user_id=user_id,
        error_message=error,
    )


def stays(old: Message, new: Message) -> bool:
    """Whether a message keeps its place in its timeline, and counts the same there."""
    return (
        old.id == new.id
        and old.created_ms == new.created_ms
        and old.conversation_id == new.conversation_id
        and old.body == new.body
        and old.origin is new.origin
    )


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
