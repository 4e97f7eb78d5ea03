"""The clock of a run: one monotonic clock for every process of a host.

`CLOCK_MONOTONIC` counts from the host's start, so all processes of a host read the same clock and
moments of one can be compared with moments of another. Workers on other hosts add an offset, which
the master measures with its error (`locustfiles.crew`).
"""

from time import monotonic_ns
from typing import Final

__all__ = ["SECOND_US", "Clock"]

SECOND_US: Final = 1_000_000


class Clock:
    """Microseconds of the run's clock, which is the master's."""

    __slots__ = ("error_us", "offset_us")

    def __init__(self, offset_us: int = 0, error_us: int = 0) -> None:
        self.offset_us = offset_us
        self.error_us = error_us

    def now_us(self) -> int:
        """The present moment on the run's clock."""
        return monotonic_ns() // 1000 + self.offset_us
