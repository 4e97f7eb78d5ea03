"""How long to wait before another attempt: doubling, bounded, with jitter (C-CONN-3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["LEAST_REFUSED_MS", "delay_ms", "refused_ms"]

LEAST_REFUSED_MS: Final = 1000.0
"""The least distance after a refusal: C-CONN-6 has it of CONNECTs."""

_REFUSED_MS: Final = 2 * LEAST_REFUSED_MS
"""The first delay after a refusal; jitter at most halves it."""

_REFUSED_MOST_MS: Final = 30_000.0
"""A refusal needs somebody to mend something; half a minute later it is noticed."""

_DOUBLINGS: Final = 30
"""Beyond it any delay is at its bound; 2 to the power of an endless loss would only be a number."""


def delay_ms(attempt: int, first_ms: float, most_ms: float, random: Callable[[], float]) -> float:
    """Milliseconds before attempt `attempt` (from 0); half of them by `random()`, in [0, 1).

    Jitter only shortens: clients that lost one server at one moment spread, and none waits longer
    than `most_ms`, which C-CONN-3's five seconds are reckoned with.
    """
    whole = min(most_ms, first_ms * (1 << min(attempt, _DOUBLINGS)))
    return whole * (0.5 + 0.5 * random())


def refused_ms(attempt: int, random: Callable[[], float]) -> float:
    """Milliseconds before attempt `attempt` (from 0) at what has refused so often."""
    return delay_ms(attempt, _REFUSED_MS, _REFUSED_MOST_MS, random)
