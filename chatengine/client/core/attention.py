"""Which conversations the user looks at, and which of the others are kept (C-CAC-1)."""

from __future__ import annotations

from chatengine.client.core.bounds import Bounds
from chatengine.client.core.messages import Messages

__all__ = ["Attention"]


class Attention:
    """Open conversations, each as often as it was opened, and closed ones whose messages stay."""

    def __init__(self, messages: Messages, bounds: Bounds) -> None:
        self._messages = messages
        self._bounds = bounds
        self._open: dict[str, int] = {}
        self._cached: dict[str, None] = {}  # the one used last is last

    @property
    def opened(self) -> tuple[str, ...]:
        """The open ones."""
        return tuple(self._open)

    def is_open(self, conversation_id: str) -> bool:
        """Whether the user looks at it."""
        return conversation_id in self._open

    def open(self, conversation_id: str) -> bool:
        """Look at it; True if it was not open yet."""
        self._messages.track(conversation_id)
        self._cached.pop(conversation_id, None)
        self._open[conversation_id] = self._open.get(conversation_id, 0) + 1
        return self._open[conversation_id] == 1

    def close(self, conversation_id: str) -> bool:
        """Look away; True if that was the last look."""
        if conversation_id not in self._open:
            return False
        self._open[conversation_id] -= 1
        if self._open[conversation_id]:
            return False
        del self._open[conversation_id]
        self.keep(conversation_id)
        return True

    def keep(self, conversation_id: str) -> None:
        """Keep its messages, as those of one that was just used."""
        if conversation_id not in self._open:
            self._messages.track(conversation_id)
            self._cached.pop(conversation_id, None)
            self._cached[conversation_id] = None
            self.evict()

    def grow(self, conversation_id: str) -> bool:
        """A message came for it; returns whether its messages are kept at all."""
        if conversation_id in self._open:
            return True
        if conversation_id not in self._cached:
            return False
        self.evict()
        return True

    def evict(self) -> None:
        """Let conversations go beyond the bounds, those unused for longest first."""
        timelines = self._messages.timelines
        weight = sum(timelines[each].weight for each in self._cached)
        for each in tuple(self._cached):
            if (
                len(self._cached) <= self._bounds.cached_conversations
                and weight <= self._bounds.cached_messages
            ):
                return
            if not timelines[each].unsent:
                weight -= timelines[each].weight
                self._messages.forget(each)
                del self._cached[each]
