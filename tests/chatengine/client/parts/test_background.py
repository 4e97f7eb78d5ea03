"""The owner of all background work: one of a key, nothing after a stop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chatengine.client.background import Background
from tests.waiting import until

if TYPE_CHECKING:
    import pytest


async def test_of_a_key_the_last_one_runs() -> None:
    """What ran under a key is cancelled by what is started under it, or by `cancel`."""
    background, ended = Background(), []

    async def work(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    background.start("key", work("first"))
    background.start("other", work("other"))
    await asyncio.sleep(0)
    background.start("key", work("second"))
    await until(lambda: ended == ["first"])
    background.cancel("key")
    background.cancel("no such key")
    await until(lambda: ended == ["first", "second"])
    assert ("key" in background, "other" in background) == (False, True)
    await background.stop()
    assert ended == ["first", "second", "other"]


async def test_a_clock_calls_once_unless_it_is_cancelled() -> None:
    """`after` calls in its time; a cancelled clock never does, one set anew only once."""
    background, called = Background(), []
    background.after("cancelled", 10, lambda: called.append("cancelled"))
    background.after("anew", 1, lambda: called.append("too early"))
    background.after("anew", 20, lambda: called.append("anew"))
    background.cancel("cancelled")
    await until(lambda: called)
    await until(lambda: len(background) == 0)
    assert called == ["anew"]


async def test_after_a_stop_nothing_begins() -> None:
    """What is started late is closed without a warning, and a second stop returns at once."""
    background, begun = Background(), []

    async def work() -> None:
        begun.append("late")

    await background.stop()
    background.start("late", work())
    background.after("late too", 0, lambda: begun.append("late too"))
    await background.stop()
    await asyncio.sleep(0.01)
    assert begun == []


async def test_a_stop_waits_for_work_that_ends_slowly_and_starts_more() -> None:
    """It returns when all has ended, also what its own end wanted to begin."""
    background, ended = Background(), []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            background.start("more", slow())
            await asyncio.sleep(0.02)
            ended.append("slow")

    background.start("slow", slow())
    await asyncio.sleep(0)
    await background.stop()
    assert ended == ["slow"]
    assert len(background) == 0


async def test_what_breaks_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An exception is no silence, and the key is free again."""
    background = Background()

    async def broken() -> None:
        raise LookupError("a mistake of ours")

    background.start("key", broken())
    await until(lambda: "key" not in background)
    assert "background work 'key' failed" in caplog.text
    assert "a mistake of ours" in caplog.text
    await background.stop()
