"""A schedule carried out becomes a history."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from msgspec.structs import replace

from chatengine.history import (
    EVERYBODY,
    VERSION,
    Began,
    Fault,
    Received,
    Settled,
    StatusReceived,
)
from conformance.deadlines import Deadline
from conformance.generated.schedules import Schedule, Settle, Step
from conformance.generated.target import Target
from conformance.history import History, Invalid, Record, check
from conformance.outcomes import CouldNotRun

__all__ = ["carried_out_in", "run"]

_SCHEDULE: Final = "schedule"
"""Who, in the history, takes the next step."""

_STEP_S: Final = 5.0
"""For a step, or a look: each is over in milliseconds, unless the target hangs."""

_HEARD: Final = (Received, StatusReceived)
"""Events: twice the same is not the same."""

_PAUSE_S: Final = 0.02
"""Between two looks: finer than any figure of the contract, and no load for an adapter."""


async def run(
    target: Target,
    schedule: Schedule,
    *,
    seed: int | None = None,
    patience_s: float | None = None,
    fresh: bool = True,
) -> History:
    """Carry a schedule out from the beginning, and settle; returns the history.

    `patience_s` is how long to wait for what does not come, the target's own unless given; `fresh`
    as of `Target.reset`. Raises `CouldNotRun` where a step does not end.
    """
    patience_s = target.patience_s if patience_s is None else patience_s
    return await _Run(target, patience_s).through(schedule, seed, fresh)


def carried_out_in(history: History) -> int:
    """How many steps of a schedule were carried out before it ended, or was wrong."""
    return sum(isinstance(record, Fault) and record.who == _SCHEDULE for record in history)


class _Run:
    def __init__(self, target: Target, patience_s: float) -> None:
        self._target = target
        self._patience_s = patience_s
        self._records: list[Record] = []
        self._seen: list[Record] = []

    async def through(self, schedule: Schedule, seed: int | None, fresh: bool) -> History:
        now_us = self._target.now_us()
        self._records = [
            Began(at_us=now_us, who="harness", version=VERSION, about="a schedule", seed=seed)
        ]
        try:
            async with asyncio.timeout(self._longest_s(schedule)):
                self._records += await self._target.reset(fresh=fresh)
                for step in (*schedule.steps, Settle()):
                    await self._carry_out(step)
                    if self._is_wrong(self._records):
                        break  # nothing that comes makes it right
        except TimeoutError:
            raise CouldNotRun(f"a schedule did not end in time: {schedule}") from None
        return self._records

    def _longest_s(self, schedule: Schedule) -> float:
        fences = 1 + sum(isinstance(step, Settle) for step in schedule.steps)
        return _STEP_S * (2 + len(schedule.steps)) + 3 * self._target.patience_s * fences

    async def _carry_out(self, step: Step) -> None:
        text = msgspec.json.encode(step).decode()
        self._records.append(Fault(at_us=self._target.now_us(), who=_SCHEDULE, fault=text))
        if isinstance(step, Settle):
            await self._settle()
        else:
            self._records += await self._target.do(step)
            self._see(await self._target.snapshot())

    async def _settle(self) -> None:
        """Look until all is as it has to be, or its time is over: that is the fence."""
        due = Deadline(self._patience_s)
        self._records += await self._target.settle(due)
        # What it owes by now is due; the message behind it all has been written only just now.
        upto_us, deadline = self._target.now_us(), Deadline(max(due.left_s, self._patience_s / 5))
        while True:
            seen = await self._target.snapshot()
            at_us = min((record.at_us for record in seen), default=self._target.now_us())
            fence = Settled(at_us=at_us, who=EVERYBODY, upto_us=min(upto_us, at_us))
            if deadline.is_over or not self._is_wrong([*self._records, fence, *seen]):
                self._records += [fence, *seen]
                return
            self._see(seen)
            if self._is_wrong(self._records):
                return  # without any fence, so no time makes it right
            await asyncio.sleep(_PAUSE_S)

    def _see(self, seen: History) -> None:
        """Keep what was heard, and what is there unless it is just what was there before."""
        self._records += (record for record in seen if isinstance(record, _HEARD))
        there: list[Record] = [record for record in seen if not isinstance(record, _HEARD)]
        timeless = [replace(record, at_us=0) for record in there]
        if timeless != self._seen:
            self._seen = timeless
            self._records += there

    @staticmethod
    def _is_wrong(records: History) -> bool:
        return isinstance(check(records), Invalid)
