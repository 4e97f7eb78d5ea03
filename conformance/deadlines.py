"""One deadline through all the steps of something, on a monotonic clock; waits are on conditions.

Nested timeouts add up, and a sleep is either too short or too long: so a check has one `Deadline`,
hands it to each step, and `until` looks again and again for as long as it lasts.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

__all__ = ["Deadline", "until"]

T = TypeVar("T")


class Deadline:
    """A moment `within_s` seconds from its making; no single wait may take more than `each_s`."""

    def __init__(self, within_s: float, each_s: float = math.inf) -> None:
        self.within_s = min(within_s, each_s)
        self._each_s = each_s
        self._due = time.monotonic() + within_s

    @property
    def left_s(self) -> float:
        """Seconds that are left for a wait that begins now, never below 0."""
        return max(0.0, min(self._due - time.monotonic(), self._each_s))

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return self.left_s == 0


@overload
async def until(
    look: Callable[[], Awaitable[T | None]], deadline: Deadline, *, pause_s: float = ...
) -> T: ...


@overload
async def until(look: Callable[[], T | None], deadline: Deadline, *, pause_s: float = ...) -> T: ...


async def until(look: Callable[[], Any], deadline: Deadline, *, pause_s: float = 0.01) -> Any:
    """Return the first truthy value of `look`, which may be async; raises `TimeoutError`.

    It is looked at once at least, and not for longer than the deadline; `pause_s` lies between.
    """
    while True:
        found = look()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        if deadline.is_over:
            raise TimeoutError(f"nothing within {deadline.within_s:g} s")
        await asyncio.sleep(min(pause_s, deadline.left_s))
