"""What carries a schedule out: the model of the tests, a real client, a real server."""

from __future__ import annotations

from typing import Protocol

from conformance.deadlines import Deadline
from conformance.generated.schedules import Step
from conformance.history import History

__all__ = ["Target"]


class Target(Protocol):
    """Something under test, and the world around it, for one schedule after the other.

    Every call returns the records of what was done and seen, on one clock. What the target does
    wrong is in the records; `CouldNotRun` is raised where harness or target are unable.
    """

    patience_s: float
    """How long after the end of all faults everything may take that the contract promises."""

    def now_us(self) -> int:
        """Return the moment, on the clock of the records."""

    async def reset(self, *, fresh: bool) -> History:
        """Begin anew: of the last schedule nothing is there any more.

        `fresh`: with another process, where one runs that could remember all the same.
        """

    async def do(self, step: Step) -> History:
        """Carry a step out, any but `Settle`."""

    async def settle(self, deadline: Deadline) -> History:
        """End all faults, wait until the target is back, and send a message behind it all.

        A target that is not back by the deadline is not judged here: what it lacks is.
        """

    async def snapshot(self) -> History:
        """Look at all that is shown, received and held now."""
