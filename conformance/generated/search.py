"""A search: schedules are drawn and run; one that fails is made small, confirmed and told."""

from __future__ import annotations

import asyncio
from typing import Final

from msgspec import Struct

from chatengine.history import Settled
from conformance.deadlines import Deadline
from conformance.generated.machine import Profile, draw
from conformance.generated.replay import Failure
from conformance.generated.running import carried_out_in, run
from conformance.generated.schedules import Schedule
from conformance.generated.shrinking import smallest
from conformance.generated.target import Target
from conformance.history import History, Invalid, Unknown, check
from conformance.outcomes import CouldNotRun

__all__ = ["search"]

_FIRST_PATIENCE_S: Final = 2.0
_LEAST_PATIENCE_S: Final = 1.0
_TIMES_AS_LONG: Final = 5
"""What does not come is waited for that long at first, and then so many times as long as the
slowest fence of what passed; all that is promised is ten times as much. What fails so has yet to be
confirmed with all the patience there is."""

_CONFIRMED: Final = 3
"""Of the schedules that failed while one was made small, how many of the smallest are confirmed."""


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
    return Failure(
        check=check_name,
        target=target_name,
        seed=seed,
        anomaly=found.verdict.anomaly,
        says=found.verdict.says,
        schedule=found.schedule,
        drawn=found.drawn,
        part=found.verdict.part,
        history=tuple(found.history),
    )


class _Failed(Struct, frozen=True):
    """A schedule and what it was when it was drawn, the history of a run, and what is wrong."""

    schedule: Schedule
    drawn: Schedule
    history: History
    verdict: Invalid


class _Search:
    """Runs in a thread of its own. `is_fresh`: each schedule has a process of its own.

    That costs seconds, so at first one process runs one schedule after the other. What fails only
    there, because the process remembers what it was told to forget, cannot be shown again by
    itself: it is told where nothing else is found.
    """

    def __init__(
        self, target: Target, profile: Profile, seed: int, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._target = target
        self._profile = profile
        self._seed = seed
        self._loop = loop
        self._is_fresh = False
        self._patience_s = min(_FIRST_PATIENCE_S, target.patience_s)
        self._slowest_s = 0.0
        self._found: _Failed | None = None

    def find(self) -> _Failed | None:
        """Draw until one fails; that one made small and confirmed."""
        draw(self._profile, self._seed, self._fails)
        return self._found

    def _fails(self, schedule: Schedule) -> bool:
        failed = self._failed(schedule)
        if failed is not None and not self._is_fresh:
            self._is_fresh = True
            failed = self._failed(schedule)
            if failed is None:
                self._found = self._found or self._failed_as_used(schedule)
            self._is_fresh = failed is None
        if failed is None:
            return False
        confirmed = self._made_small(failed)
        if confirmed is None:
            self._patience_s = self._target.patience_s  # it was too short for this target
        else:
            self._found = confirmed
        return confirmed is not None

    def _failed(self, schedule: Schedule) -> _Failed | None:
        """Try a schedule; how it failed, None where it passed."""
        history = self._history(schedule, self._patience_s, fresh=self._is_fresh)
        verdict = check(history)
        if isinstance(verdict, Unknown):
            raise CouldNotRun(f"{verdict.reason}, in {schedule}")
        if isinstance(verdict, Invalid):
            return _Failed(schedule, schedule, history, verdict)
        if self._patience_s < self._target.patience_s:
            self._slowest_s = max(self._slowest_s, _slowest_fence_s(history))
            patience_s = max(_LEAST_PATIENCE_S, _TIMES_AS_LONG * self._slowest_s)
            self._patience_s = min(patience_s, self._target.patience_s)
        return None

    def _failed_as_used(self, schedule: Schedule) -> _Failed | None:
        """Try it once more in a process that has run it before, and is told to begin afresh."""
        history = self._history(schedule, self._target.patience_s, fresh=False)
        verdict = check(history)
        if isinstance(verdict, Invalid):
            return _Failed(schedule, schedule, history, verdict)
        return None

    def _made_small(self, first: _Failed) -> _Failed | None:
        """Shrink it, and return the smallest that fails with all the patience; None: none does."""
        anomaly = first.verdict.anomaly
        carried_out = Schedule(first.schedule.steps[: carried_out_in(first.history)])
        tried: dict[Schedule, bool] = {first.schedule: True}

        def still_fails(schedule: Schedule) -> bool:
            if schedule not in tried:
                history = self._history(schedule, self._patience_s)
                tried[schedule] = isinstance(check(history, (anomaly,)), Invalid)
            return tried[schedule]

        begun = carried_out if still_fails(carried_out) else first.schedule
        smallest(begun, still_fails, Deadline(self._profile.shrinking_s))
        failing = [schedule for schedule, fails in tried.items() if fails]
        # The smallest first, each twice: a fault and what is done meanwhile may miss each other.
        for schedule in (each for each in reversed(failing[-_CONFIRMED:]) for _ in range(2)):
            history = self._history(schedule, self._target.patience_s)
            verdict = check(history, (anomaly,))
            if isinstance(verdict, Invalid):
                return _Failed(schedule, first.drawn, history, verdict)
        return None

    def _history(self, schedule: Schedule, patience_s: float, *, fresh: bool = True) -> History:
        running = run(self._target, schedule, seed=self._seed, patience_s=patience_s, fresh=fresh)
        return asyncio.run_coroutine_threadsafe(running, self._loop).result()


def _slowest_fence_s(history: History) -> float:
    fences = (record for record in history if isinstance(record, Settled))
    return max(((fence.at_us - fence.upto_us) / 1e6 for fence in fences), default=0.0)
