"""What a check did and saw, in the order of time, to show it where a clause is broken."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, Final

from conformance.outcomes import Nonconforming

__all__ = ["Trace"]

_SHOWN: Final = 40
"""Events shown with a failure, the last ones: what a reader looks at."""


class Trace:
    """The events of one check: `{"at_us", "who", "what", ...}`, on the monotonic clock."""

    def __init__(self) -> None:
        self._began_ns = time.monotonic_ns()
        self._events: deque[dict[str, Any]] = deque(maxlen=_SHOWN)

    def note(self, who: str, what: str, **details: Any) -> None:
        """Keep an event; `at_us` counts from the beginning of the check."""
        at_us = (time.monotonic_ns() - self._began_ns) // 1000
        self._events.append({"at_us": at_us, "who": who, "what": what} | details)

    def broken(self, *, expected: object, seen: object) -> Nonconforming:
        """Return the failure, for `raise`, with what led to it."""
        return Nonconforming(expected=expected, seen=seen, history=tuple(self._events))

    def require(self, holds: bool, *, expected: object, seen: object) -> None:
        """Raise `Nonconforming` unless it holds."""
        if not holds:
            raise self.broken(expected=expected, seen=seen)
