"""Long work in turns, so that whoever else is served does not wait for the end of it."""

import asyncio
from typing import Final

__all__ = ["Turn"]

_LONGEST_S: Final = 0.005
"""A twentieth of the 100 ms in which a message is to arrive (contract, section 9)."""


class Turn:
    """Work that goes on for as long as nobody has waited for long."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ends = self._loop.time() + _LONGEST_S

    async def pause(self) -> None:
        """Between two steps: let the others run, if this turn has been long enough."""
        if self._loop.time() > self._ends:
            await asyncio.sleep(0)
            self._ends = self._loop.time() + _LONGEST_S
