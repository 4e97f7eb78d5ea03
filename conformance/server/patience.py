"""How long a check of a server waits, all in all."""

from __future__ import annotations

from typing import Final

from conformance.deadlines import Deadline
from conformance.outcomes import Outcome

__all__ = ["CHECK_S", "Patience"]

CHECK_S: Final = 15.0
"""For all that a check waits for. Nothing is judged by it but that a thing happens at all: what a
healthy server does in milliseconds may take seconds on a machine that is busy, or far away."""

_BRIEF_S: Final = 3.0
"""For a server that keeps checks waiting in vain: else one that tells of nothing made a run of a
quarter of an hour."""

_BEGIN_S: Final = 0.5
"""And for what nearly every check begins with, such as a subscription that is acknowledged."""

_IN_VAIN: Final = 3
"""Checks that have waited to the end, until the others wait no longer than that."""

_TO_THE_END_S: Final = 2.5
"""What is left to a check that has: it keeps 2 s for a last look (`Chat.patience`)."""


class Patience:
    """One for all checks of a process; what keeps the contract never wears it out."""

    def __init__(self) -> None:
        self._in_vain = 0

    @property
    def within_s(self) -> float:
        """For the next check."""
        return _BRIEF_S if self._is_worn_out else CHECK_S

    @property
    def begin_s(self) -> float:
        """Of that, for each thing that it begins with."""
        return _BEGIN_S if self._is_worn_out else CHECK_S

    @property
    def _is_worn_out(self) -> bool:
        return self._in_vain >= _IN_VAIN

    def learn(self, outcome: Outcome | None, deadline: Deadline) -> None:
        """Hear how a check came out, and what it had left of its time."""
        failed = outcome in (Outcome.FAIL, Outcome.COULD_NOT_RUN)
        if failed and deadline.left_s < _TO_THE_END_S:
            self._in_vain += 1
