"""The shown messages of one conversation, in order: by createdAt, ties by id (C-MSG-5)."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, Generic, Protocol, TypeVar

from chatengine.client.core.bounds import CHARACTERS_PER_UNIT
from chatengine.client.core.shapes import Message, Origin

__all__ = ["Timeline"]

_OWN: Final = Origin.OWN


class Shown(Protocol):
    """What a timeline holds: something that knows how it is shown."""

    shown: Message | None


T = TypeVar("T", bound=Shown)


class Timeline(Generic[T]):
    """Always sorted: the newest finds its place at once, any other in O(log n).

    `weight` is what the messages count together (see `bounds`), `unsent` how many of them nobody
    but the user has told of.
    """

    def __init__(self) -> None:
        self._keys: list[tuple[int, str]] = []
        self._items: list[T] = []
        self._view: tuple[Message, ...] | None = ()
        self.weight = 0
        self.unsent = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def oldest(self) -> T:
        """The first; IndexError where there is none."""
        return self._items[0]

    def newest_first(self) -> tuple[Message, ...]:
        """The messages as the user sees them."""
        if self._view is None:
            shown = [item.shown for item in reversed(self._items)]
            self._view = tuple(message for message in shown if message is not None)
        return self._view

    def add(self, item: T, message: Message) -> None:
        """Put an item in the place of its message; no other has this (createdAt, id)."""
        key = (message.created_ms, message.id)
        keys = self._keys
        if not keys or key > keys[-1]:
            keys.append(key)
            self._items.append(item)
        else:
            at = bisect_left(keys, key)
            keys.insert(at, key)
            self._items.insert(at, item)
        self._count(message, 1)

    def remove(self, message: Message) -> None:
        """Take out the item that was put in for this message."""
        at = bisect_left(self._keys, (message.created_ms, message.id))
        del self._keys[at]
        del self._items[at]
        self._count(message, -1)

    def stale(self) -> None:
        """An item is shown otherwise, in the same place."""
        self._view = None

    def _count(self, message: Message, sign: int) -> None:
        self._view = None
        self.weight += sign * (1 + len(message.body) // CHARACTERS_PER_UNIT)
        if message.origin is _OWN:
            self.unsent += sign
