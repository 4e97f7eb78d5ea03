"""The history of this process's part of a run, a record a line (`chatengine.history`).

There is a journal only where a history was asked for: without one, nothing of it is on the way of a
message. It belongs to the engine's loop; its lines go to who leads the run with the ledger.
"""

from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from chatengine.history import EVERYBODY, Entered, LeftOut, Record, Subscribed, Unsubscribed
from locustfiles.engine.clock import Clock

__all__ = ["Journal", "too_many"]

_Action: TypeAlias = Entered | Subscribed | Unsubscribed


class Journal:
    """Records as lines, `most` of them; then one that says what is left out, and no more."""

    def __init__(self, clock: Clock, most: int) -> None:
        self.clock = clock
        self._most = most
        self._kept = 0
        self._lines = bytearray()

    def note(self, record: Record) -> None:
        """Keep a record. A microsecond, for each delivery of the run."""
        if self._kept < self._most:
            self._kept += 1
            _encoder.encode_into(record, self._lines, -1)
            self._lines += b"\n"
        elif self._kept == self._most:
            self._kept += 1
            self._lines += _encoder.encode(too_many(record.at_us, self._most)) + b"\n"

    def note_action(self, action: _Action) -> None:
        """Keep what was done, longer by what this clock may be wrong, so that no order is claimed
        between what two hosts did that is not certain.
        """
        error_us = self.clock.error_us
        if error_us:
            began_us = action.since_us - error_us
            action = replace(action, began_us=began_us, at_us=action.at_us + error_us)
        self.note(action)

    def take(self) -> bytes:
        """Hand over the lines since the last time."""
        taken = bytes(self._lines)
        self._lines.clear()
        return taken


def too_many(at_us: int, most: int) -> LeftOut:
    """Say that a history holds no more than its first `most` records."""
    return LeftOut(at_us=at_us, who=EVERYBODY, why=f"what came after the first {most:,} records")


_encoder: Final = msgspec.json.Encoder()
