"""Incremental polling, the last resort (C-FBK-7): whatever answers is asked for what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from chatengine.client.books import CatchUp
from chatengine.client.core.backoff import refused_ms
from chatengine.client.core.fallback import Event
from chatengine.client.problems import HttpProblem
from chatengine.client.shared import Shared, Tell

__all__ = ["Polling"]

_REFUSALS: Final = (401, 403, 429)


class Polling:
    """Asks the list and every open conversation again and again; `tell` hears how each round ended.

    The source that answered last is asked first: one that hangs costs a round its deadline once.
    """

    def __init__(self, shared: Shared, sources: Sequence[CatchUp], tell: Tell) -> None:
        self._sources = list(sources)
        self._books = shared.books
        self._interval_s = shared.timing.poll_interval_ms / 1000
        self._random = shared.random
        self._tell = tell
        self._wake = asyncio.Event()

    def opened(self) -> None:
        """Poll now: somebody looks at something new."""
        self._wake.set()

    async def run(self) -> None:
        """Poll until cancelled, from the beginning of a round to that of the next an interval.

        What refuses is not asked so often: each time it takes longer, as with any refusal.
        """
        loop = asyncio.get_running_loop()
        refusals = 0
        while True:
            next_s = loop.time() + self._interval_s
            self._wake.clear()
            problems = await self._round()
            if any(each.status in _REFUSALS for each in problems):
                next_s = max(next_s, loop.time() + refused_ms(refusals, self._random) / 1000)
                refusals += 1
            else:
                refusals = 0
            if problems:
                self._tell(Event.POLL_FAILED, problems[-1].sentence)
            else:
                self._tell(Event.POLL_OK, "")
            try:
                async with asyncio.timeout_at(next_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _round(self) -> list[HttpProblem]:
        """Ask the sources one after the other until one answers; returns why none did."""
        problems = []
        for source in tuple(self._sources):
            try:
                for key in self._books.keys:
                    await source.advance(key)
            except HttpProblem as error:
                problems.append(error)
            else:
                self._sources.remove(source)
                self._sources.insert(0, source)
                return []
        return problems or [HttpProblem(None, "there is nothing to poll")]
