"""Work that goes on after the call that began it, bounded, and ended with its owner."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from fakes.logs import Log

__all__ = ["Background", "background"]

_MOST_TASKS: Final = 50_000
"""About 100 MB of sleeping webhooks: more is a runaway test, not a load."""

_log: Final = Log(__name__)


class Background:
    """Starts tasks and forgets none: `refused` counts those beyond the bound."""

    def __init__(self, most: int = _MOST_TASKS) -> None:
        self.refused = 0
        self._most = most
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def running(self) -> int:
        """How many tasks are under way."""
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, object], name: str) -> asyncio.Task[Any] | None:
        """Run `work` in the background; None and a count in `refused` where there is too much."""
        if len(self._tasks) >= self._most:
            work.close()
            self.refused += 1
            return None
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("background work failed", task=task.get_name(), error=type(error).__name__)

    async def finished(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    async def stop(self) -> None:
        """Cancel what runs, and wait until it has ended."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def background() -> AsyncIterator[Background]:
    """Yield a `Background`; when the block ends nothing of it is left running."""
    tasks = Background()
    try:
        yield tasks
    finally:
        await tasks.stop()
