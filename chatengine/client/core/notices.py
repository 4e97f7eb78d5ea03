"""The small events of the socket: what they must hold to mean something (contract, section 2)."""

from __future__ import annotations

from msgspec import Struct

from chatengine.client.core.reading import identity, optional_identity, read, text

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


class StatusNotice(Struct, rename="camel"):
    """A status, also an unknown one, under an id or provider id."""

    message_id: str
    status: str


class TypingNotice(Struct, rename="camel"):
    """Someone typed in a conversation, or ended."""

    conversation_id: str
    user_id: str
    is_typing: bool


class SentNotice(Struct, rename="camel"):
    """An own message was handed to the provider."""

    message_id: str
    conversation_id: str
    client_message_id: str | None = None


class ErrorNotice(Struct, rename="camel"):
    """A command failed; `type` is its name."""

    message: str
    type: str | None = None
    conversation_id: str | None = None
    client_message_id: str | None = None


def read_status(payload: object) -> StatusNotice:
    """Read `messageStatus`; raises `Malformed`, as all of these."""
    notice = read(StatusNotice, payload)
    identity(notice.message_id)
    return notice


def read_typing(payload: object) -> TypingNotice:
    """Read `typing`."""
    notice = read(TypingNotice, payload)
    identity(notice.conversation_id)
    identity(notice.user_id)
    return notice


def read_sent(payload: object) -> SentNotice:
    """Read `messageSent`."""
    notice = read(SentNotice, payload)
    identity(notice.message_id)
    identity(notice.conversation_id)
    optional_identity(notice.client_message_id)
    return notice


def read_error(payload: object) -> ErrorNotice:
    """Read `error`; of its text as much as anyone reads."""
    notice = read(ErrorNotice, payload)
    optional_identity(notice.conversation_id)
    optional_identity(notice.client_message_id)
    notice.message = text(notice.message)[:_LONGEST_REASON]
    return notice


_LONGEST_REASON = 500
