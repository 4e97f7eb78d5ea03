"""What happened to the connection, told in sentences as it happens: losses, switches, alerts.

No I/O: whoever watches a client hands over what it sees now and then, and reads what that adds.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Final, Literal

from msgspec import Struct

from chatengine.client.core.shapes import Connection, ConnectionState, Source
from chatengine.client.monitoring import Alert, Reconnect

__all__ = ["SOURCE_NAMES", "Entry", "Journal", "Kind", "duration"]

Kind = Literal["connected", "lost", "refused", "switch", "alert", "calm", "note"]

SOURCE_NAMES: Final = {
    Source.WEBSOCKET: "WebSocket",
    Source.SUPABASE: "Supabase",
    Source.POLLING: "polling",
    Source.NONE: "nothing",
}

_KEPT: Final = 200
"""Entries: more than any terminal shows, and a night of flapping does not grow it."""


class Entry(Struct, frozen=True, kw_only=True):
    """Something that happened; `cause` is a stranger's text, `length_ms` how long it had lasted."""

    at_ms: int
    kind: Kind
    text: str
    cause: str | None = None
    length_ms: int | None = None

    def sentence(self) -> str:
        """The entry in words, its cause as it came."""
        lasted = "" if self.length_ms is None else f" after {duration(self.length_ms)}"
        return f"{self.text}{lasted}" + (f": {self.cause}" if self.cause else "")


class Journal:
    """Keeps the newest entries, and since when the connection is as it is."""

    def __init__(self, now_ms: int) -> None:
        self.since_ms = now_ms
        self._kept: deque[Entry] = deque(maxlen=_KEPT)
        self._connection = Connection()
        self._was_connected = False
        self._reconnect: Reconnect | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What is kept, oldest first."""
        return tuple(self._kept)

    def note(self, entry: Entry) -> Entry:
        """Enter what somebody else knows."""
        self._kept.append(entry)
        return entry

    def alerted(self, now_ms: int, alert: Alert) -> Entry:
        """Enter that a disconnection lasts too long, or that it is over (C-MON-3)."""
        if alert.raised:
            text, cause = "ALERT: still disconnected", alert.cause
            length = alert.down_ms
            return self.note(
                Entry(at_ms=now_ms, kind="alert", text=text, length_ms=length, cause=cause)
            )
        return self.note(Entry(at_ms=now_ms, kind="calm", text="The alert is over"))

    def observe(
        self, now_ms: int, connection: Connection, reconnects: Sequence[Reconnect]
    ) -> list[Entry]:
        """Compare with what was seen last; returns what is new, and keeps it."""
        new = [
            *self._of_state(now_ms, connection),
            *self._of_reconnects(reconnects),
            *self._of_source(now_ms, connection),
        ]
        before, self._connection = self._connection, connection
        if (before.source, before.state) != (connection.source, connection.state):
            self.since_ms = now_ms
        for entry in new:
            self.note(entry)
        return new

    def _of_state(self, now_ms: int, connection: Connection) -> Iterable[Entry]:
        before = self._connection
        if connection.state is ConnectionState.UNAUTHORIZED is not before.state:
            cause = connection.last_error
            yield Entry(at_ms=now_ms, kind="refused", text="Refused", cause=cause)
        elif before.is_connected and not connection.is_connected:
            length, cause = now_ms - self.since_ms, connection.last_error
            yield Entry(
                at_ms=now_ms, kind="lost", text="Connection lost", length_ms=length, cause=cause
            )
        elif connection.is_connected and not self._was_connected:
            self._was_connected = True
            yield Entry(at_ms=now_ms, kind="connected", text="Connected")

    def _of_reconnects(self, reconnects: Sequence[Reconnect]) -> Iterable[Entry]:
        last = self._reconnect
        new = list(takewhile(lambda each: each is not last, reversed(reconnects)))
        for reconnect in reversed(new):
            self._reconnect = reconnect
            yield Entry(
                at_ms=reconnect.at_ms,
                kind="connected",
                text="Connected again",
                length_ms=reconnect.down_ms,
                cause=reconnect.cause,
            )

    def _of_source(self, now_ms: int, connection: Connection) -> Iterable[Entry]:
        before, source = self._connection, connection.source
        if source is before.source:
            return
        if source is Source.NONE and before.is_connected and not connection.is_connected:
            return  # the loss that has just been told
        name = SOURCE_NAMES[source]
        text = f"{name[0].upper()}{name[1:]} serves"
        yield Entry(at_ms=now_ms, kind="switch", text=text)


def duration(milliseconds: int) -> str:
    """A length of time as a person says it: `340 ms`, `2.1 s`, `3 s`, `3 min 20 s`, `2 h 5 min`."""
    seconds = milliseconds / 1000
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if milliseconds % 1000 else f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min {int(seconds % 60)} s"
    return f"{minutes // 60} h {minutes % 60} min"
