"""A client's snapshot, as the adapter protocol has it, as records of a history."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from chatengine.moments import MomentError, to_ms
from conformance.history.records import (
    HistoryError,
    Listed,
    ListedConversation,
    Record,
    Shown,
    ShownMessage,
)

__all__ = ["from_snapshot"]


class _Message(Struct, rename="camel"):
    id: str
    status: str
    created_at: str
    external_id: str | None = None
    client_message_id: str | None = None


class _Conversation(Struct, rename="camel"):
    id: str
    workspace_id: str | None = None
    last_message_at: str | None = None
    preview: str | None = None


class _Snapshot(Struct):
    messages: dict[str, list[_Message]]
    conversations: list[_Conversation]


def from_snapshot(
    at_us: int, who: str, snapshot: Any, opened: Iterable[str] = ()
) -> tuple[Record, ...]:
    """Return what client `who` shows at a moment: each conversation, and the list of them.

    An `opened` conversation that the snapshot leaves out is shown without a message. Raises
    `HistoryError` where the snapshot is not as the adapter protocol has it.
    """
    try:
        read = msgspec.convert(snapshot, _Snapshot)
        shown = {name: tuple(map(_message, each)) for name, each in read.messages.items()}
        lines = tuple(map(_line, read.conversations))
    except (msgspec.ValidationError, MomentError) as error:
        raise HistoryError(f"the snapshot of {who} cannot be read: {error}") from None
    conversations = dict.fromkeys((*shown, *opened))
    return (
        *(
            Shown(at_us=at_us, who=who, conversation=each, messages=shown.get(each, ()))
            for each in conversations
        ),
        Listed(at_us=at_us, who=who, conversations=lines),
    )


def _message(message: _Message) -> ShownMessage:
    return ShownMessage(
        id=message.id,
        status=message.status,
        created_ms=to_ms(message.created_at),
        external_id=message.external_id,
        client_id=message.client_message_id,
    )


def _line(line: _Conversation) -> ListedConversation:
    moment = line.last_message_at
    return ListedConversation(
        id=line.id,
        workspace=line.workspace_id,
        last_message_ms=None if moment is None else to_ms(moment),
        preview=line.preview,
    )
