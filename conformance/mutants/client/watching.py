"""How a client gets what it says of itself, and its cache, wrong (C-MON, C-CAC)."""

from __future__ import annotations

from chatengine.client.core.attention import Attention
from chatengine.client.monitoring import Monitor, Reconnect
from chatengine.moments import from_ms
from conformance.mutants.mutant import Seams, mutant


@mutant("C-MON-1")
def measures_no_latency(seams: Seams) -> None:
    """Counts no delivery, and so has no latency to show."""

    @seams.function(Monitor, "delivered")
    def unheard(self: Monitor, created_ms: int) -> None:
        """Nothing is measured."""


@mutant("C-MON-2")
def logs_no_reconnects(seams: Seams) -> None:
    """Counts reconnects and keeps no log of them."""
    up = Monitor.up

    @seams.function(Monitor, "up")
    def unlogged(self: Monitor) -> bool:
        found = up(self)
        self._reconnects.clear()
        return found


@mutant("C-MON-2")
def logs_no_length(seams: Seams) -> None:
    """Logs each reconnect as one that took no time."""

    @seams.function(Reconnect, "to_snapshot")
    def timeless(self: Reconnect) -> dict[str, object]:
        return {"at": from_ms(self.at_ms), "cause": self.cause, "downMs": 0}


@mutant("C-MON-2")
def logs_no_cause(seams: Seams) -> None:
    """Logs each reconnect without a cause."""

    @seams.function(Reconnect, "to_snapshot")
    def groundless(self: Reconnect) -> dict[str, object]:
        return {"at": from_ms(self.at_ms), "cause": "", "downMs": self.down_ms}


@mutant("C-MON-3")
def never_raises_the_alert(seams: Seams) -> None:
    """Lets a disconnection last without an alert."""

    @seams.function(Monitor, "overdue")
    def calm(self: Monitor) -> None:
        """Nothing is raised."""


@mutant("C-CAC-1")
def forgets_a_closed_conversation(seams: Seams) -> None:
    """Forgets a conversation's messages when it is closed."""
    open = Attention.open

    @seams.function(Attention, "open")
    def empty(self: Attention, conversation_id: str) -> bool:
        if conversation_id not in self._open and conversation_id in self._messages.timelines:
            self._messages.forget(conversation_id)
            self._cached.pop(conversation_id, None)
        return open(self, conversation_id)
