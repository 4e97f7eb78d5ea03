"""Messages on a fixed schedule, and what the two programs cost while they flow."""

import time
from collections.abc import Callable

from msgspec import Struct

from benchmarks.processes import Program
from benchmarks.talk import Count, Counted

__all__ = ["Flow", "Pace", "measure_flow"]


class Pace(Struct, frozen=True):
    """So many messages a second; the window begins `warm_up_s` after the first."""

    per_s: float
    warm_up_s: float
    window_s: float


class Flow(Struct, frozen=True):
    """What happened within the window; processor time in microseconds."""

    seconds: float
    sent: int
    events: int
    sender_us: float
    receiver_us: float

    @property
    def receive_us(self) -> float:
        """The receiver's processor time for each event."""
        return self.receiver_us / max(1, self.events)

    @property
    def send_us(self) -> float:
        """The sender's processor time for each event that the receiver counted."""
        return self.sender_us / max(1, self.events)


class _Reading(Struct, frozen=True):
    at: float
    sent: int
    events: int
    sender_us: float
    receiver_us: float


def measure_flow(
    sender: Program, receiver: Program, message: Callable[[int], Struct], pace: Pace
) -> Flow:
    """Tell the sender `message(0)`, `message(1)`, ...; raises `CouldNotRun`.

    Read after the warm-up and at the end, between two messages.
    """
    start = time.monotonic()
    readings: list[_Reading] = []
    due_s = [pace.warm_up_s, pace.warm_up_s + pace.window_s]
    sent = 0
    while len(readings) < len(due_s):
        _wait_until(start + sent / pace.per_s)
        sender.tell(message(sent))
        sent += 1
        between_s = (sent - 0.5) / pace.per_s
        if between_s >= due_s[len(readings)]:
            _wait_until(start + between_s)
            readings.append(_read(sender, receiver, sent))
    first, last = readings
    return Flow(
        seconds=last.at - first.at,
        sent=last.sent - first.sent,
        events=last.events - first.events,
        sender_us=last.sender_us - first.sender_us,
        receiver_us=last.receiver_us - first.receiver_us,
    )


def _read(sender: Program, receiver: Program, sent: int) -> _Reading:
    events = receiver.ask(Count(), Counted).events
    return _Reading(time.monotonic(), sent, events, sender.cpu_us(), receiver.cpu_us())


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
