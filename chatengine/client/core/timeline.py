"""The shown messages of one conversation, in order: by createdAt, ties by id (C-MSG-5)."""

from __future__ import annotations

from bisect import bisect_left

from chatengine.client.core.bounds import CHARACTERS_PER_UNIT
from chatengine.client.core.shapes import Message, Origin

__all__ = ["Timeline"]

_OWN = Origin.OWN


class Timeline:
    """Always sorted; a message finds its place in O(log n), the newest at once.

    `weight` is what its messages count together, see `bounds`; `unsent` how many of them no source
    but the user has told of.
    """

    __slots__ = ("_keys", "_messages", "_view", "unsent", "weight")

    def __init__(self) -> None:
        self._keys: list[tuple[int, str]] = []
        self._messages: list[Message] = []
        self._view: tuple[Message, ...] | None = ()
        self.weight = 0
        self.unsent = 0

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def oldest(self) -> Message:
        """The first message; IndexError where there is none."""
        return self._messages[0]

    def newest_first(self) -> tuple[Message, ...]:
        """The messages as the user sees them."""
        if self._view is None:
            self._view = tuple(reversed(self._messages))
        return self._view

    def add(self, message: Message) -> None:
        """Put a message in its place; no other has its (createdAt, id)."""
        key = (message.created_ms, message.id)
        keys = self._keys
        at = len(keys) if not keys or key > keys[-1] else bisect_left(keys, key)
        keys.insert(at, key)
        self._messages.insert(at, message)
        self._count(message, 1)

    def remove(self, message: Message) -> None:
        """Take out a message that is here."""
        at = self._place(message)
        del self._keys[at]
        del self._messages[at]
        self._count(message, -1)

    def replace(self, old: Message, new: Message) -> None:
        """Put `new` where `old` was: they have one createdAt and one id."""
        self._messages[self._place(old)] = new
        self._count(old, -1)
        self._count(new, 1)

    def _place(self, message: Message) -> int:
        key = (message.created_ms, message.id)
        # Most changes are statuses of what was written last.
        return len(self._keys) - 1 if self._keys[-1] == key else bisect_left(self._keys, key)

    def _count(self, message: Message, sign: int) -> None:
        self._view = None
        self.weight += sign * (1 + len(message.body) // CHARACTERS_PER_UNIT)
        self.unsent += sign * (message.origin is _OWN)
