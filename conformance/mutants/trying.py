"""Tries programs with the suite of their side, from outside: a process of pytest for each."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from conformance.mutants import client, server
from conformance.mutants.matrix import CORRECT, Trial
from conformance.mutants.mutant import Mutant
from conformance.requirements import Side
from conformance.runs import run_suites

__all__ = ["MUTANTS", "Task", "tasks", "tried"]

MUTANTS: Final[dict[Side, dict[str, Mutant]]] = {"server": server.MUTANTS, "client": client.MUTANTS}

_SEED: Final = "1"
"""One for all, so that a trial can be had again."""

_DRAWN: Final = frozenset(
    {
        "fetches-nothing-after-a-gap",
        "forgets-subscriptions-at-a-reconnect",
        "lets-the-last-status-win",
        "never-ends-a-subscription",
    }
)
"""On whom schedules are drawn as well. A search takes up to a minute and a half, and for the others
every requirement has a check of its own."""

_NOT_DRAWN: Final = ("-k", "not test_drawn")


class Task(Struct, frozen=True):
    """A trial to be made: of a mutant, or, with None, of a side's correct program."""

    side: Side
    mutant: Mutant | None
    whole: bool

    @property
    def name(self) -> str:
        """What it is called."""
        return CORRECT if self.mutant is None else self.mutant.name

    @property
    def breaks(self) -> tuple[str, ...]:
        """The requirements that have to catch it; none of what is correct."""
        return () if self.mutant is None else self.mutant.breaks

    @property
    def does(self) -> str:
        """In which it differs."""
        return "Does as the contract says." if self.mutant is None else self.mutant.does

    @property
    def arguments(self) -> list[str]:
        """What pytest is told, but for where the results go."""
        told = ["--side", self.side, "--seed", _SEED]
        if self.mutant is not None:
            command = (sys.executable, "-m", f"conformance.mutants.{self.side}", self.mutant.name)
            option = "--server-cmd" if self.side == "server" else "--client-cmd"
            told += [option, shlex.join(command)]
        if not self.whole:
            told += ["-n", "0", *(part for each in self.breaks for part in ("--only", each))]
            told += () if self.name in _DRAWN else _NOT_DRAWN
        return told


def tasks(sides: Sequence[Side], names: Sequence[str], *, whole: bool) -> list[Task]:
    """All trials, or with `names` those of these mutants alone.

    What is correct is tried with the whole suite, what is broken only with what has to catch it,
    unless the `whole` is asked for.
    """
    found: list[Task] = []
    for side in sides:
        if not names:
            found.append(Task(side, None, True))
        for mutant in MUTANTS[side].values():
            if not names or mutant.name in names:
                found.append(Task(side, mutant, whole or not mutant.breaks))
    return found


async def tried(
    wanted: Sequence[Task],
    folder: Path,
    *,
    at_once: int,
    within_s: float,
    tell: Callable[[Trial], None],
) -> list[Trial]:
    """Make the trials, so many at once, each within `within_s`; `tell` hears of each as it ends.

    What takes the whole suite goes first and alone: that shares the processors by itself.
    """
    found: dict[int, Trial] = {}

    async def make(number: int, turns: asyncio.Semaphore) -> None:
        async with turns:
            found[number] = await _tried(wanted[number], folder, within_s)
            tell(found[number])

    for whole, parallel in ((True, 1), (False, at_once)):
        turns = asyncio.Semaphore(parallel)
        async with asyncio.TaskGroup() as group:
            for number, task in enumerate(wanted):
                if task.whole is whole:
                    group.create_task(make(number, turns))
    return [found[number] for number in range(len(wanted))]


async def _tried(task: Task, folder: Path, within_s: float) -> Trial:
    place = folder / task.side / task.name.replace(" ", "-")
    run = await run_suites(task.arguments, place, within_s)
    return Trial(
        side=task.side,
        name=task.name,
        does=task.does,
        breaks=task.breaks,
        whole=task.whole,
        seconds=run.seconds,
        results=run.results,
    )
