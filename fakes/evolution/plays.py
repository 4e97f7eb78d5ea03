"""Replays and simulations under way: begun, looked at, ended."""

import asyncio
from collections import OrderedDict
from itertools import count
from typing import Final, Literal

from msgspec import Struct

from fakes.evolution.customers import Simulation, Writing, simulate
from fakes.evolution.provider import Provider
from fakes.evolution.replay import Recording, ReplayResult, replay

__all__ = ["Play", "Plays", "customers_write"]

_KEPT: Final = 100


class Play(Struct, frozen=True, kw_only=True, rename="camel"):
    """A replay or a simulation: how it stands, and once `done` what came of it.

    `result` is a `ReplayResult`, or the number of messages that customers wrote; None for one that
    was ended before its time.
    """

    kind: Literal["replay", "customers"]
    done: bool = False
    result: ReplayResult | int | None = None


async def customers_write(provider: Provider, simulation: Simulation) -> int:
    """Let customers write for as long as the simulation says; returns how many messages."""

    def write(writing: Writing) -> None:
        work = provider.customer_writes(simulation.instance, writing.contact, writing.content)
        provider.tasks.start(work, "customer")

    return await simulate(simulation, write)


class Plays:
    """What plays on a provider, by id; the last hundred are remembered."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._tasks: OrderedDict[int, tuple[Play, asyncio.Task[ReplayResult | int]]] = OrderedDict()
        self._ids = count(1)

    def start_replay(self, recording: Recording, *, speed: float, fresh_ids: bool) -> int | None:
        """Begin to play `recording`; returns the id, None where too much is under way already."""
        post = self._provider.caller.post
        work = replay(recording, post, speed=speed, fresh_ids=fresh_ids)
        return self._started(Play(kind="replay"), self._provider.tasks.start(work, "replay"))

    def start_customers(self, simulation: Simulation) -> int | None:
        """Let customers write; returns the id, None where too much is under way already."""
        work = customers_write(self._provider, simulation)
        return self._started(Play(kind="customers"), self._provider.tasks.start(work, "customers"))

    def _started(self, play: Play, task: asyncio.Task[ReplayResult | int] | None) -> int | None:
        if task is None:
            return None
        number = next(self._ids)
        self._tasks[number] = play, task
        while len(self._tasks) > _KEPT:
            _, (_, oldest) = self._tasks.popitem(last=False)
            oldest.cancel()
        return number

    def all(self) -> dict[int, Play]:
        """Every play that is remembered, by id."""
        return {number: self.get(number) for number in self._tasks}

    def get(self, number: int) -> Play:
        """How a play stands; raises `KeyError` for an unknown one."""
        play, task = self._tasks[number]
        if not task.done():
            return play
        ended_early = task.cancelled() or task.exception() is not None
        return Play(kind=play.kind, done=True, result=None if ended_early else task.result())

    def end(self, number: int) -> None:
        """End a play before its time; raises `KeyError` for an unknown one."""
        _, task = self._tasks[number]
        task.cancel()
