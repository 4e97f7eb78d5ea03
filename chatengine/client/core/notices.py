"""The small events of the socket: what they must hold to mean something (contract, section 2)."""

from __future__ import annotations

from typing import Final

from chatengine.client.core.reading import Id, MaybeId, Wire, check_ids, read, text

__all__ = [
    "ErrorNotice",
    "SentNotice",
    "StatusNotice",
    "TypingNotice",
    "read_error",
    "read_sent",
    "read_status",
    "read_typing",
]

_LONGEST_REASON: Final = 500
"""Characters of a server's reason that anyone would read."""


class StatusNotice(Wire, rename="camel"):
    """A status, also an unknown one, under an id or provider id."""

    message_id: Id
    status: str


class TypingNotice(Wire, rename="camel"):
    """Someone typed in a conversation, or ended."""

    conversation_id: Id
    user_id: Id
    is_typing: bool


class SentNotice(Wire, rename="camel"):
    """An own message was handed to the provider."""

    message_id: Id
    conversation_id: Id
    client_message_id: MaybeId = None


class ErrorNotice(Wire, rename="camel"):
    """A command failed; `type` is its name."""

    message: str
    type: str | None = None
    conversation_id: MaybeId = None
    client_message_id: MaybeId = None


def read_status(payload: object) -> StatusNotice:
    """Read `messageStatus`; raises `Malformed`, as all of these."""
    notice = read(StatusNotice, payload)
    check_ids(notice.message_id)
    return notice


def read_typing(payload: object) -> TypingNotice:
    """Read `typing`."""
    notice = read(TypingNotice, payload)
    check_ids(f"{notice.conversation_id}{notice.user_id}")
    return notice


def read_sent(payload: object) -> SentNotice:
    """Read `messageSent`."""
    notice = read(SentNotice, payload)
    check_ids(f"{notice.message_id}{notice.conversation_id}{notice.client_message_id}")
    return notice


def read_error(payload: object) -> ErrorNotice:
    """Read `error`; of its text as much as anyone reads."""
    notice = read(ErrorNotice, payload)
    check_ids(f"{notice.conversation_id}{notice.client_message_id}")
    notice.message = text(notice.message)[:_LONGEST_REASON]
    return notice
