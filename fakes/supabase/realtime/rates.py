"""How much of something there was in the last second."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["Rate"]

_WINDOW_S: Final = 1.0


class Rate:
    """At most `limit` of something in any second. `clock` gives seconds.

    Realtime averages over a minute, in steps of five seconds; here a second is a second, so that
    a test knows where the limit is.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._moments: deque[float] = deque()

    @property
    def spent(self) -> bool:
        """Whether there is no room for one more."""
        oldest = self._clock() - _WINDOW_S
        while self._moments and self._moments[0] <= oldest:
            self._moments.popleft()
        return len(self._moments) >= self._limit

    def take(self) -> bool:
        """Count one, if there is room for it; says whether there was."""
        if self.spent:
            return False
        self._moments.append(self._clock())
        return True
