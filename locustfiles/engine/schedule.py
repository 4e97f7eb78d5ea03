"""When each message is meant to go out: fixed in advance, whatever the server does.

An open model: a slow server makes messages late, never fewer, so its slowness shows in the
latency instead of being left out of it (coordinated omission).
"""

from msgspec import Struct

__all__ = ["Schedule", "Stream"]


class Schedule(Struct, frozen=True):
    """An evenly spaced series: message `n` is meant for `start_us + n * interval_us`.

    `interval_us` may be fractional, so that any rate is kept exactly in the long run.
    """

    start_us: int
    interval_us: float

    def intended_us(self, sequence: int) -> int:
        """The moment message `sequence` is meant for."""
        return self.start_us + int(sequence * self.interval_us)

    def first_at_or_after(self, moment_us: int) -> int:
        """The smallest sequence number meant for `moment_us` or later."""
        if moment_us <= self.start_us:
            return 0
        guess = max(0, int((moment_us - self.start_us) / self.interval_us) - 1)
        while self.intended_us(guess) < moment_us:
            guess += 1
        return guess


class Stream(Struct, frozen=True):
    """What a publisher announces of one conversation when it is done.

    It scheduled the sequence numbers below `count`; the server accepted (2xx) all but
    `unaccepted`, which it refused or about which nothing is known (a timeout).
    """

    id: int
    conversation_id: str
    schedule: Schedule
    count: int
    unaccepted: tuple[int, ...] = ()
