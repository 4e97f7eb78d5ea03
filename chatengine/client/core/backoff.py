"""How long to wait before another attempt: doubling, bounded, with jitter (C-CONN-3)."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["delay_ms"]

_DOUBLINGS = 30
"""Beyond it any delay is at its bound; 2 to the power of an endless loss would only be a number."""


def delay_ms(attempt: int, first_ms: float, most_ms: float, random: Callable[[], float]) -> float:
    """Milliseconds before attempt `attempt` (from 0); half of them by `random()`, in [0, 1).

    Jitter only shortens: clients that lost one server at one moment spread, and none waits longer
    than `most_ms`, which C-CONN-3's five seconds are reckoned with.
    """
    whole = min(most_ms, first_ms * (1 << min(attempt, _DOUBLINGS)))
    return whole * (0.5 + 0.5 * random())
