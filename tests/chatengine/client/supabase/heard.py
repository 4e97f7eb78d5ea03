"""A listener that keeps what it hears."""

from collections.abc import Callable
from typing import Any

from chatengine.client.supabase.phoenix import Binding

__all__ = ["BINDINGS", "Heard", "Told"]

BINDINGS = (
    Binding("INSERT", "messages", "conversation_id=eq.c"),
    Binding("UPDATE", "messages", "conversation_id=eq.c"),
)

Told = tuple[str, str]
"""What was said, and of which topic or why."""


class Heard:
    """Everything that was said, in order; `hook` is called with each."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.rows: list[dict[str, Any]] = []
        self.reasons: list[str] = []
        self.hook: Callable[[Told], None] = lambda told: None

    def serving(self, topic: str) -> None:
        self._hear("serving", topic)

    def gap(self, topic: str) -> None:
        self._hear("gap", topic)

    def refused(self, topic: str, reason: str) -> None:
        self.reasons.append(reason)
        self._hear("refused", topic)

    def lost(self, cause: str) -> None:
        self.reasons.append(cause)
        self._hear("lost", cause)

    def row(self, table: str, kind: str, record: dict[str, Any]) -> None:
        self.rows.append(record)
        self.hook(("row", kind))

    def _hear(self, what: str, of: str) -> None:
        self.told.append((what, of))
        self.hook((what, of))
