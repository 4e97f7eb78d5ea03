"""How long a check of a server waits."""

from __future__ import annotations

import math
from typing import Final

from conformance.deadlines import Deadline
from conformance.outcomes import Outcome

__all__ = ["CHECK_S", "Patience"]

CHECK_S: Final = 15.0
"""For all that a check waits for. Nothing is judged by it but that a thing happens at all: what a
healthy server does in milliseconds may take seconds on a machine that is busy, or far away."""

_EACH_S: Final = 3.0
"""For each thing that is waited for, of a server that keeps checks waiting in vain: else one that
acknowledges nothing made a run of more than ten minutes."""

_BEGIN_S: Final = 1.0
"""And for what nearly every check begins with, such as a subscription that is acknowledged."""

_IN_VAIN: Final = 3
"""Checks that have waited to the end, until the others wait no longer than that."""

_TO_THE_END_S: Final = 2.5
"""What is left to a check that has: it keeps 2 s for a last look (`Chat.patience`)."""


class Patience:
    """One for all checks of a process; only what is waited for in vain wears it out."""

    def __init__(self) -> None:
        self._in_vain: set[str] = set()

    @property
    def each_s(self) -> float:
        """For a single wait of the next check, of its `CHECK_S` in all."""
        return _EACH_S if self._is_worn_out else math.inf

    @property
    def begin_s(self) -> float:
        """For each thing that it begins with."""
        return _BEGIN_S if self._is_worn_out else CHECK_S

    def learn(self, check: str, outcome: Outcome | None, deadline: Deadline) -> None:
        """Hear how a check came out, and what it had left of its time."""
        failed = outcome in (Outcome.FAIL, Outcome.COULD_NOT_RUN)
        if failed and deadline.left_s < _TO_THE_END_S:
            self._in_vain.add(check)

    @property
    def _is_worn_out(self) -> bool:
        return len(self._in_vain) >= _IN_VAIN
