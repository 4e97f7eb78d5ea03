"""A search: schedules are drawn and run; one that fails is made small, confirmed and told."""

from __future__ import annotations

import asyncio
from typing import Final

from conformance.deadlines import Deadline
from conformance.generated.machine import Profile, draw
from conformance.generated.replay import Failure
from conformance.generated.running import run
from conformance.generated.schedules import Schedule
from conformance.generated.shrinking import smallest
from conformance.generated.target import Target
from conformance.history import Anomaly, History, Invalid, Unknown, check
from conformance.history.records import Settled
from conformance.outcomes import CouldNotRun

__all__ = ["search"]

_LEAST_PATIENCE_S: Final = 1.0

_TIMES_AS_LONG: Final = 5
"""While a failure is made small, what does not come is waited for so many times as long as the
slowest fence of the schedules that passed: a tenth, say, of what is promised. What is found so is
told only once it was confirmed with all the patience there is."""


async def search(
    target: Target, profile: Profile, seed: int, *, check_name: str = "", target_name: str = ""
) -> Failure | None:
    """Look for a schedule that the target fails; None where all that are drawn pass.

    One seed draws the same schedules for the same profile. Raises `CouldNotRun`.
    """
    searching = _Search(target, profile, seed, asyncio.get_running_loop())
    # Hypothesis calls and does not await: it draws in a thread, and the target lives on the loop.
    found = await asyncio.to_thread(searching.find)
    if found is None:
        return None
    drawn, schedule, history, verdict = found
    return Failure(
        check=check_name,
        target=target_name,
        seed=seed,
        anomaly=verdict.anomaly,
        says=verdict.says,
        schedule=schedule,
        drawn=drawn,
        part=verdict.part,
        history=tuple(history),
    )


_Found = tuple[Schedule, Schedule, History, Invalid]
"""The schedule as it was drawn, the smallest, its history, and what is wrong with that."""


class _Search:
    def __init__(
        self, target: Target, profile: Profile, seed: int, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._target = target
        self._profile = profile
        self._seed = seed
        self._loop = loop
        self._slowest_s = 0.0
        self._first: tuple[History, Invalid] | None = None

    def find(self) -> _Found | None:
        """Draw, shrink and confirm; called in a thread beside the target's loop."""
        drawn = draw(self._profile, self._seed, self._fails)
        if drawn is None or self._first is None:
            return None
        history, verdict = self._first
        schedule = self._shrunk(drawn, verdict.anomaly)
        if schedule != drawn:
            confirmed = self._history(schedule)
            again = check(confirmed, (verdict.anomaly,))
            if isinstance(again, Invalid):
                return drawn, schedule, confirmed, again
        return drawn, drawn, history, verdict

    def _fails(self, schedule: Schedule) -> bool:
        history = self._history(schedule)
        verdict = check(history)
        if isinstance(verdict, Unknown):
            raise CouldNotRun(f"{verdict.reason}, in {schedule}")
        if isinstance(verdict, Invalid):
            self._first = history, verdict
            return True
        self._slowest_s = max(self._slowest_s, _slowest_fence_s(history))
        return False

    def _shrunk(self, drawn: Schedule, anomaly: Anomaly) -> Schedule:
        patience_s = max(_LEAST_PATIENCE_S, _TIMES_AS_LONG * self._slowest_s)
        patience_s = min(patience_s, self._target.patience_s)
        tried: dict[Schedule, bool] = {}

        def still_fails(schedule: Schedule) -> bool:
            if schedule not in tried:
                verdict = check(self._history(schedule, patience_s), (anomaly,))
                tried[schedule] = isinstance(verdict, Invalid)
            return tried[schedule]

        return smallest(drawn, still_fails, Deadline(self._profile.shrinking_s))

    def _history(self, schedule: Schedule, patience_s: float | None = None) -> History:
        running = run(self._target, schedule, seed=self._seed, patience_s=patience_s)
        return asyncio.run_coroutine_threadsafe(running, self._loop).result()


def _slowest_fence_s(history: History) -> float:
    fences = (record for record in history if isinstance(record, Settled))
    return max(((fence.at_us - fence.upto_us) / 1e6 for fence in fences), default=0.0)
