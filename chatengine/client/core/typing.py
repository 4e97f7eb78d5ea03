"""Who else is typing; it ends by itself when nothing more is heard (C-TYP-2)."""

from __future__ import annotations

from typing import Final

__all__ = ["Typing"]

_MOST: Final = 100
"""Typists of a conversation that are shown; a group of WhatsApp has 1,024 members at most."""


class Typing:
    """By conversation who types and until when; `changed` collects conversations."""

    def __init__(self, expiry_ms: int) -> None:
        self.expiry_ms = expiry_ms
        self._until: dict[str, dict[str, int]] = {}
        self.changed: set[str] = set()

    def hear(self, conversation_id: str, user_id: str, is_typing: bool, now_ms: int) -> None:
        """Someone typed, or ended."""
        users = self._until.setdefault(conversation_id, {})
        if is_typing and (user_id in users or len(users) < _MOST):
            if user_id not in users:
                self.changed.add(conversation_id)
            users[user_id] = now_ms + self.expiry_ms
        elif not is_typing and users.pop(user_id, None) is not None:
            self.changed.add(conversation_id)

    def expire(self, now_ms: int) -> None:
        """End what has been silent for as long as it may."""
        over = [
            (conversation_id, user_id)
            for conversation_id, users in self._until.items()
            for user_id, until_ms in users.items()
            if until_ms <= now_ms
        ]
        for conversation_id, user_id in over:
            self.hear(conversation_id, user_id, False, now_ms)

    def clear(self, conversation_id: str) -> None:
        """Nobody types in a conversation that nobody looks at."""
        if self._until.pop(conversation_id, None):
            self.changed.add(conversation_id)

    def view(self, conversation_id: str) -> tuple[str, ...]:
        """Who types, the first to begin first."""
        return tuple(self._until.get(conversation_id, ()))

    def next_due(self) -> int | None:
        """When something expires next."""
        return min((ms for users in self._until.values() for ms in users.values()), default=None)
