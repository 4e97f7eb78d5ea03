"""The door to the state: everything that comes in passes here, is timed, and makes itself heard."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chatengine import events
from chatengine.client.core.shapes import Origin
from chatengine.client.core.state import CrmState
from chatengine.client.monitoring import Monitor
from chatengine.moments import to_ms

__all__ = ["Intake"]


class Intake:
    """`state` with a clock, a monitor, and `changed`, which is called after each change."""

    def __init__(
        self,
        state: CrmState,
        monitor: Monitor,
        clock: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self.state = state
        self.monitor = monitor
        self.changed = changed
        self._clock = clock
        self._latest_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since the epoch; a clock that is set back stands still meanwhile."""
        self._latest_ms = max(self._latest_ms, int(self._clock() * 1000))
        return self._latest_ms

    # what is pushed

    def event(self, name: str, payload: object) -> None:
        """Take in an event of the socket."""
        known = self._not_news()
        self.state.socket_event(name, payload, self.now_ms())
        if name == events.MESSAGE and known == self._not_news():
            self._delivered(payload, "createdAt")
        self.changed()

    def pushed_row(self, table: str, kind: str, record: object) -> None:
        """Take in a row that Realtime brought."""
        known = self._not_news()
        self.state.row(table, record, self.now_ms(), pushed=True)
        if (table, kind) == ("messages", "INSERT") and known == self._not_news():
            self._delivered(record, "created_at")
        self.changed()

    # what is fetched

    def history(self, payloads: Sequence[object]) -> None:
        """Take in messages of ChatEngine's HTTP interface."""
        self.state.history(payloads, self.now_ms())
        self.changed()

    def conversations(self, payloads: Sequence[object]) -> None:
        """Take in ChatEngine's list of conversations."""
        self.state.conversation_list(payloads, self.now_ms())
        self.changed()

    def rows(self, table: str, records: Sequence[object]) -> None:
        """Take in rows read through PostgREST."""
        now_ms = self.now_ms()
        for record in records:
            self.state.row(table, record, now_ms, pushed=False)
        self.changed()

    # what is asked of the state

    def newest_ms(self, conversation_id: str) -> int | None:
        """When the newest message that a server told of was written, by the servers' clocks."""
        messages = self.state.messages(conversation_id)
        told = (each.created_ms for each in messages if each.origin is not Origin.OWN)
        return next(told, None)

    def _not_news(self) -> tuple[int, int, int]:
        counters = self.state.counters
        return counters.duplicates, counters.malformed, counters.foreign

    def _delivered(self, told: object, field: str) -> None:
        if isinstance(told, dict):
            self.monitor.delivered(to_ms(told.get(field)))
