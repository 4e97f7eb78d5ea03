"""All background work of a client in one owner, so that a stop leaves nothing behind (C-CONN-7)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Final

__all__ = ["Background"]

_log: Final = logging.getLogger(__name__)


class Background:
    """Tasks and clocks by key, one of a key at a time; whatever they raise is logged.

    After `stop` nothing can be started any more: what comes late finds nobody.
    """

    def __init__(self) -> None:
        self._current: dict[Hashable, asyncio.Task[None]] = {}
        self._alive: set[asyncio.Task[None]] = set()
        self._stopped = False

    def start(self, key: Hashable, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`; what ran under its key is cancelled."""
        if self._stopped:
            work.close()
            return
        self.cancel(key)
        task = asyncio.get_running_loop().create_task(work)
        self._current[key] = task
        self._alive.add(task)
        task.add_done_callback(lambda ended: self._ended(key, ended))

    def after(self, key: Hashable, delay_ms: float, do: Callable[[], None]) -> None:
        """Call `do` in `delay_ms`, unless its key is cancelled or started anew."""
        self.start(key, _later(delay_ms, do))

    def cancel(self, key: Hashable) -> None:
        """End what runs under the key, if anything does."""
        task = self._current.pop(key, None)
        if task is not None:
            task.cancel()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._current

    def __len__(self) -> int:
        return len(self._alive)

    async def stop(self) -> None:
        """Cancel everything, and return once all of it has ended."""
        self._stopped = True
        self._current.clear()
        for task in self._alive:
            task.cancel()
        while self._alive:
            await asyncio.wait(self._alive)

    def _ended(self, key: Hashable, task: asyncio.Task[None]) -> None:
        self._alive.discard(task)
        if self._current.get(key) is task:
            del self._current[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("background work %r failed", key, exc_info=error)


async def _later(delay_ms: float, do: Callable[[], None]) -> None:
    await asyncio.sleep(delay_ms / 1000)
    do()
