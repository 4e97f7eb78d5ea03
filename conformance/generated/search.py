"""A search: schedules are drawn and run; one that fails is made small, confirmed and told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from chatengine.history import Settled
from conformance.deadlines import Deadline
from conformance.generated.blame import Blame
from conformance.generated.failures import Failure
from conformance.generated.machine import Profile, draw
from conformance.generated.running import carried_out_in, run
from conformance.generated.schedules import Expire, Lose, Schedule, Step
from conformance.generated.shrinking import smallest
from conformance.generated.target import Target
from conformance.history import History, Invalid, Unknown, check
from conformance.outcomes import CouldNotRun, Nonconforming

__all__ = ["carried_out", "search"]

_FIRST_S: Final = 0.2
_TIMES_AS_LONG: Final = 5
"""What does not come is waited for so many times as long as the slowest fence of what passed, or as
a client takes that is quick: at first for a tenth of what is promised. What fails so has yet to be
confirmed with all the patience there is."""

_LONGER_S: Final[Mapping[Step, float]] = {Expire(): 1.5, Lose("half-open"): 2.5}
"""What takes its time by itself: after a token that was refused the next attempt has to wait for a
second (C-CONN-6), and a connection that is half open is noticed by the heartbeat (C-CONN-8)."""

_CONFIRMED: Final = 3
"""Of the schedules that failed while one was made small, how many of the smallest are confirmed."""


async def search(
    target: Target, blame: Blame, profile: Profile, seed: int, *, check: str, target_name: str
) -> Failure | None:
    """Look for a schedule that the target fails; None where all that are drawn pass.

    One seed draws the same schedules for the same profile, as many as there is time for. Raises
    `CouldNotRun`, and whatever else the target raises.
    """
    searching = _Search(target, profile, seed, asyncio.get_running_loop())
    # Hypothesis calls and does not await: it draws in a thread, and the target lives on the loop.
    found = await asyncio.to_thread(searching.find)
    if found is None:
        return None
    return Failure(
        check=check,
        target=target_name,
        seed=seed,
        blames=blame(found.schedule, found.history, found.verdict),
        anomaly=found.verdict.anomaly,
        says=found.verdict.says,
        schedule=found.schedule,
        drawn=found.drawn,
        part=found.verdict.part,
        history=tuple(found.history),
    )


async def carried_out(
    target: Target,
    schedule: Schedule,
    *,
    seed: int,
    patience_s: float | None = None,
    fresh: bool = True,
) -> History:
    """Run a schedule, as of `run`; what breaks it off is judged by other checks."""
    try:
        return await run(target, schedule, seed=seed, patience_s=patience_s, fresh=fresh)
    except Nonconforming as broken:
        raise CouldNotRun(f"A schedule was broken off: {broken}.") from None


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
        self._time = Deadline(profile.searching_s)
        self._is_fresh = False
        self._slowest_s = _FIRST_S
        self._found: _Failed | None = None

    def find(self) -> _Failed | None:
        """Draw until one fails; that one made small and confirmed."""
        draw(self._profile, self._seed, self._fails)
        return self._found

    def _fails(self, schedule: Schedule) -> bool:
        if self._time.is_over:
            return False
        failed = self._tried(schedule, self._patience_s, fresh=self._is_fresh)
        if failed is not None and not self._is_fresh:
            failed = self._tried(schedule, self._patience_s)
            if failed is None:
                # Once more in the process that has just run it: it may fail there for that alone.
                used = self._tried(schedule, self._target.patience_s, fresh=False)
                self._is_fresh = used is not None
                self._found = self._found or used
        # What failed in a hurry may only have been slower than those before it.
        confirmed = failed and self._tried(schedule, self._target.patience_s)
        if confirmed is not None:
            self._found = self._made_small(confirmed)
        return confirmed is not None

    @property
    def _patience_s(self) -> float:
        """How long to wait while nothing has to be proven."""
        return min(_TIMES_AS_LONG * self._slowest_s, self._target.patience_s)

    def _tried(
        self, schedule: Schedule, patience_s: float, *, fresh: bool = True
    ) -> _Failed | None:
        """Try a schedule; how it failed, None where it passed."""
        history = self._history(schedule, patience_s, fresh=fresh)
        verdict = check(history)
        if isinstance(verdict, Unknown):
            raise CouldNotRun(f"{verdict.reason}, in {schedule}")
        if isinstance(verdict, Invalid):
            return _Failed(schedule, schedule, history, verdict)
        self._slowest_s = max(self._slowest_s, _slowest_fence_s(history))
        return None

    def _made_small(self, first: _Failed) -> _Failed:
        """Shrink it, and return the smallest that fails with all the patience there is."""
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
        for schedule in (each for each in reversed(failing[1:][-_CONFIRMED:]) for _ in range(2)):
            history = self._history(schedule, self._target.patience_s)
            verdict = check(history, (anomaly,))
            if isinstance(verdict, Invalid):
                return _Failed(schedule, first.drawn, history, verdict)
        return first

    def _history(self, schedule: Schedule, patience_s: float, *, fresh: bool = True) -> History:
        longer_s = max((_LONGER_S.get(step, 0.0) for step in schedule.steps), default=0.0)
        patience_s = min(patience_s + longer_s, self._target.patience_s)
        running = carried_out(
            self._target, schedule, seed=self._seed, patience_s=patience_s, fresh=fresh
        )
        return asyncio.run_coroutine_threadsafe(running, self._loop).result()


def _slowest_fence_s(history: History) -> float:
    fences = (record for record in history if isinstance(record, Settled))
    return max(((fence.at_us - fence.upto_us) / 1e6 for fence in fences), default=0.0)
