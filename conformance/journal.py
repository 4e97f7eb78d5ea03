"""The history of one check while it is made: what was done and what was shown, on one clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from chatengine.history import (
    Actor,
    Fault,
    Listed,
    ListedConversation,
    Record,
    Shown,
    ShownMessage,
)
from conformance.targets.protocol import at_ms

if TYPE_CHECKING:
    from conformance.targets import protocol
    from conformance.targets.protocol import ClientConfig, Snapshot

__all__ = ["HARNESS", "Journal"]

HARNESS: Final = "harness"
"""The `who` of what the harness itself does."""

_TOLD: Final = 40
"""Records that a failure tells: what came before them is seldom its cause."""

R = TypeVar("R", bound=Record)


class Journal:
    """Keeps records in the order of time; what is shown again as it was is not kept again."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._shown: dict[tuple[str, str], object] = {}

    @staticmethod
    def now_us() -> int:
        """The harness' monotonic clock, in microseconds."""
        return time.monotonic_ns() // 1000

    def add(self, kind: type[R], who: str, **fields: Any) -> R:
        """Keep a record of this moment."""
        record = kind(at_us=self.now_us(), who=who, **fields)
        self.records.append(record)
        return record

    def note(self, who: str, what: str) -> None:
        """Keep what only matters to who reads the history."""
        self.add(Fault, who, fault=what)

    def watch(self, who: str, config: ClientConfig) -> None:
        """A client begins to show what this configuration lets it see."""
        self.add(Actor, who, workspace=config.workspace_id, number=config.whatsapp_number_id)

    def shown(self, who: str, snapshot: Snapshot) -> None:
        """Keep what a client shows, as far as it is news."""
        if self._is_news((who, "connection"), snapshot.connection):
            self.note(who, f"shows {msgspec.json.encode(snapshot.connection).decode()}")
        listed = tuple(map(_listed, snapshot.conversations))
        if self._is_news((who, "list"), listed):
            self.add(Listed, who, conversations=listed)
        for conversation_id, messages in snapshot.messages.items():
            shown = tuple(map(_shown, messages))
            if self._is_news((who, f"of {conversation_id}"), shown):
                self.add(Shown, who, conversation=conversation_id, messages=shown)

    def tail(self) -> list[str]:
        """The last records, a line each."""
        return [msgspec.json.encode(record).decode() for record in self.records[-_TOLD:]]

    def _is_news(self, key: tuple[str, str], value: object) -> bool:
        is_news = self._shown.get(key) != value
        self._shown[key] = value
        return is_news


def _listed(entry: protocol.Conversation) -> ListedConversation:
    return ListedConversation(
        id=entry.id,
        workspace=entry.workspace_id,
        last_message_ms=at_ms(entry.last_message_at),
        preview=entry.preview,
    )


def _shown(message: protocol.ShownMessage) -> ShownMessage:
    return ShownMessage(
        id=message.id,
        status=message.status or "",
        created_ms=at_ms(message.created_at) or 0,
        external_id=message.external_id,
        client_id=message.client_message_id,
    )
