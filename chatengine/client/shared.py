"""What the parts of a running client have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chatengine.client.background import Background
from chatengine.client.books import Books
from chatengine.client.config import ClientConfig, Timing
from chatengine.client.core.backoff import delay_ms
from chatengine.client.core.fallback import Event
from chatengine.client.intake import Intake

__all__ = ["Shared", "Tell"]

Tell = Callable[[Event, str], None]
"""Hears what became of a source, and why."""


@dataclass(frozen=True, slots=True)
class Shared:
    """One configuration, the state behind its door, what may be missing, and who does the work."""

    config: ClientConfig
    intake: Intake
    books: Books
    background: Background
    random: Callable[[], float]

    @property
    def timing(self) -> Timing:
        """How long things take or may take."""
        return self.config.timing

    def pause_s(self, failures: int) -> float:
        """Seconds to wait before another try, after so many failures before this one."""
        first, most = self.timing.reconnect_delay_ms, self.timing.reconnect_delay_max_ms
        return delay_ms(failures, first, most, self.random) / 1000
