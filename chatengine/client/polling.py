"""Incremental polling, the last resort (C-FBK-7): whatever answers is asked for what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from chatengine.client.books import CatchUp
from chatengine.client.core.fallback import Event
from chatengine.client.problems import HttpProblem
from chatengine.client.shared import Shared, Tell

__all__ = ["Polling"]


class Polling:
    """Asks the list and every open conversation again and again; `tell` hears how each round ended.

    The source that answered last is asked first: one that hangs costs a round its deadline once.
    """

    def __init__(self, shared: Shared, sources: Sequence[CatchUp], tell: Tell) -> None:
        self._sources = list(sources)
        self._books = shared.books
        self._interval_s = shared.timing.poll_interval_ms / 1000
        self._tell = tell
        self._wake = asyncio.Event()

    def opened(self) -> None:
        """Poll now: somebody looks at something new."""
        self._wake.set()

    async def run(self) -> None:
        """Poll until cancelled, from the beginning of a round to that of the next an interval."""
        loop = asyncio.get_running_loop()
        while True:
            next_s = loop.time() + self._interval_s
            self._wake.clear()
            problem = await self._round()
            event = Event.POLL_OK if problem is None else Event.POLL_FAILED
            self._tell(event, problem or "")
            try:
                async with asyncio.timeout_at(next_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _round(self) -> str | None:
        """Ask the sources one after the other until one answers; returns why none did."""
        problem = "there is nothing to poll"
        for source in tuple(self._sources):
            try:
                for key in self._books.keys:
                    await source.advance(key)
            except HttpProblem as error:
                problem = error.sentence
            else:
                self._sources.remove(source)
                self._sources.insert(0, source)
                return None
        return problem
