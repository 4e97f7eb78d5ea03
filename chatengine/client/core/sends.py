"""What the user sent and no source has confirmed: which way it went, and until when it may take.

A send is confirmed by `messageSent`, by a copy of the message from any source, or by the `error` it
ended in; else it ends as failed when its time is over (C-SND-4).
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from chatengine.client.core.shapes import Message, Send, Way

__all__ = ["Sends"]

_REMEMBERED: Final = 10_000
"""Own sends whose conversation is remembered, so that a late `error` finds its message."""


class Sends:
    """By client id; `waiting` are those not confirmed, in the order in which they were sent."""

    def __init__(self, timeout_ms: int) -> None:
        self.timeout_ms = timeout_ms
        self._conversations: dict[str, str] = {}
        self._last_ms = 0
        self.waiting: dict[str, Send] = {}

    def moment(self, now_ms: int) -> int:
        """The moment of the next send, later than the last one's: they show in their order."""
        return max(now_ms, self._last_ms + 1)

    def begin(self, message: Message, now_ms: int) -> None:
        """Wait from now on for the confirmation of an own message that was made at `moment`."""
        client_id = message.id
        self._last_ms = message.created_ms
        self._conversations[client_id] = message.conversation_id
        if len(self._conversations) > _REMEMBERED:
            del self._conversations[next(iter(self._conversations))]
        self.waiting[client_id] = Send(
            client_id=client_id,
            conversation_id=message.conversation_id,
            content=message.body,
            reply_to=message.reply_to_id,
            due_ms=now_ms + self.timeout_ms,
        )

    def went(self, client_id: str, way: Way) -> None:
        """Note which way it goes, the last one if it went more than one."""
        if client_id in self.waiting:
            self.waiting[client_id] = replace(self.waiting[client_id], way=way)

    def conversation_of(self, client_id: str) -> str | None:
        """Where it was sent; None for what was not sent here."""
        return self._conversations.get(client_id)

    def confirm(self, client_id: str) -> None:
        """Wait no longer."""
        self.waiting.pop(client_id, None)

    def overdue(self, now_ms: int) -> list[Send]:
        """Those whose time is over."""
        return [send for send in self.waiting.values() if send.due_ms <= now_ms]

    def next_due(self) -> int | None:
        """When the next one's time is over."""
        return min((send.due_ms for send in self.waiting.values()), default=None)
