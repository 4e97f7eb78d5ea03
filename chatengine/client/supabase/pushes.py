"""The pushes that wait for an answer, and until when; no I/O, and no clock of its own."""

import itertools

from msgspec import Struct

from chatengine.client.supabase.channel import Channel

__all__ = ["Push", "Pushes"]


class Push(Struct, frozen=True, eq=False):
    """A frame that is to be answered: the join of a channel, or (None) a heartbeat."""

    channel: Channel | None


class Pushes:
    """What was pushed on one connection, in order, by its `ref`.

    A server's process answers joins and heartbeats one after the other, and takes 5 s over a
    refused join (Realtime's `join_error`), during which it answers nothing. So a deadline counts
    from the last answer to an *earlier* push: one refusal is not the silence of all behind it.
    """

    def __init__(self, deadline_ms: float) -> None:
        self._allowed_ms = deadline_ms
        self._waiting: dict[str, Push] = {}
        self._deadlines: dict[str, float] = {}
        self._refs = (str(number) for number in itertools.count(1))

    def new_ref(self) -> str:
        """A reference that no push of this object has had, on any connection."""
        return next(self._refs)

    def ask(self, ref: str, push: Push, now_ms: float) -> None:
        """Await the answer to what is sent with `ref` now."""
        self._waiting[ref] = push
        self._deadlines[ref] = now_ms + self._allowed_ms

    def is_awaited(self, ref: str | None) -> bool:
        """Whether an answer with this `ref` means anything."""
        return ref in self._waiting

    def answered(self, ref: str, now_ms: float) -> Push:
        """What was answered now; those behind it get their time from now on."""
        for later in itertools.dropwhile(lambda each: each != ref, self._waiting):
            self._deadlines[later] = now_ms + self._allowed_ms
        del self._deadlines[ref]
        return self._waiting.pop(ref)

    def overdue(self, now_ms: float) -> list[Push]:
        """Take out what was not answered in time."""
        late = [ref for ref, deadline in self._deadlines.items() if deadline <= now_ms]
        for ref in late:
            del self._deadlines[ref]
        return [self._waiting.pop(ref) for ref in late]

    def next_ms(self) -> float:
        """When the next one is overdue; infinity where nothing is awaited."""
        return min(self._deadlines.values(), default=float("inf"))

    def forget(self, ref: str | None) -> None:
        """Await the answer to `ref` no longer."""
        if ref in self._waiting:
            del self._waiting[ref], self._deadlines[ref]

    def clear(self) -> None:
        """Await nothing any more: the connection is gone."""
        self._waiting.clear()
        self._deadlines.clear()
