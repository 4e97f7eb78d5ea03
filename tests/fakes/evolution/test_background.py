"""Work in the background: bounded, and over when its owner is."""

from __future__ import annotations

import asyncio

from fakes.evolution.background import Background, background
from tests.waiting import until


async def fail() -> None:
    raise ValueError


async def test_beyond_the_bound_work_is_refused_and_counted() -> None:
    """Two may run; the third is not started, and is startable once there is room."""
    tasks, go = Background(most=2), asyncio.Event()
    assert tasks.start(go.wait(), "one")
    assert tasks.start(go.wait(), "two")
    assert tasks.start(go.wait(), "three") is None
    assert (tasks.running, tasks.refused) == (2, 1)
    go.set()
    await tasks.finished()
    assert tasks.start(go.wait(), "four")
    await tasks.stop()


async def test_work_that_fails_stops_nothing_else() -> None:
    """An exception ends its own task alone."""
    async with background() as tasks:
        go = asyncio.Event()
        waiting = tasks.start(go.wait(), "waiting")
        tasks.start(fail(), "failing")
        await until(lambda: tasks.running == 1)
        assert waiting is not None
        assert not waiting.done()


async def test_when_the_block_ends_nothing_runs() -> None:
    """What is still under way is cancelled and waited for."""
    async with background() as tasks:
        task = tasks.start(asyncio.Event().wait(), "endless")
    assert task is not None
    assert task.cancelled()
    assert tasks.running == 0
