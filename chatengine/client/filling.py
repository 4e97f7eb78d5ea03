"""Closing the gaps of one source: every fetch is tried until it succeeds, or is not wanted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from chatengine.client.problems import Problem
from chatengine.client.shared import Shared

__all__ = ["Filling"]

_log: Final = logging.getLogger(__name__)

_AT_ONCE: Final = 4
"""Fetches at once: a reconnected agent with many conversations open is not to be a herd."""

Step = Callable[[], Awaitable[None]]
"""A part of the work; it raises `Problem`."""


class Filling:
    """`complete` is called whenever the last fetch that was wanted has succeeded."""

    def __init__(self, shared: Shared, complete: Callable[[], None]) -> None:
        self._shared = shared
        self._complete = complete
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._wanted: dict[str, str | None] = {}

    @property
    def problem(self) -> str | None:
        """Why something that is wanted has not been fetched yet, if that is known."""
        return next((each for each in self._wanted.values() if each is not None), None)

    def begin(self, key: str, fetch: Step, prelude: Step | None = None) -> None:
        """Fetch, once `prelude` has succeeded; another fetch of the key under way is given up."""
        self._wanted[key] = None
        self._shared.background.start((self, key), self._until_done(key, fetch, prelude))

    def abandon(self, key: str) -> None:
        """Fetch it no more."""
        if key in self._wanted:
            self._shared.background.cancel((self, key))
            self._done(key)

    def abandon_all(self) -> None:
        """Fetch nothing more; that makes nothing complete."""
        for key in self._wanted:
            self._shared.background.cancel((self, key))
        self._wanted.clear()

    async def _until_done(self, key: str, fetch: Step, prelude: Step | None) -> None:
        if prelude is not None:
            await self._until_tried(key, prelude)
        await self._until_tried(key, lambda: self._in_turn(fetch))
        self._done(key)

    async def _until_tried(self, key: str, step: Step) -> None:
        failures = 0
        while not await self._tried(key, step):
            await asyncio.sleep(self._shared.pause_s(failures))
            failures += 1

    async def _tried(self, key: str, step: Step) -> bool:
        try:
            await step()
        except Problem as problem:
            if self._wanted.get(key) != problem.sentence:
                _log.warning("a gap is not closed yet: %s", problem)
                self._wanted[key] = problem.sentence
                self._shared.intake.changed()
            return False
        return True

    async def _in_turn(self, fetch: Step) -> None:
        async with self._turns:
            await fetch()

    def _done(self, key: str) -> None:
        del self._wanted[key]
        if not self._wanted:
            self._complete()
