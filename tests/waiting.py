"""Waiting for a condition, with a deadline: what tests do instead of sleeping."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["until"]

T = TypeVar("T")

_LOOK_EVERY_S = 0.005
_DEADLINE_S = 20.0  # what takes a moment took 5 s on two cores with four test processes and load


async def until(look: Callable[[], T], *, within_s: float = _DEADLINE_S) -> T:
    """Return the first truthy value of `look()`; fails once `within_s` seconds are over."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing within {within_s} s"
        await asyncio.sleep(_LOOK_EVERY_S)
    return found
