"""What the sockets of the project share: its rules, its data, and who is connected."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from aiohttp import WSCloseCode

from fakes.supabase.realtime.feed import Feed
from fakes.supabase.realtime.rates import Rate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakes.supabase.database import Database
    from fakes.supabase.faults import Faults
    from fakes.supabase.keys import Claims, Keys
    from fakes.supabase.policy import Policy
    from fakes.supabase.realtime.channel import Channel
    from fakes.supabase.realtime.socket import Socket
    from fakes.supabase.settings import SupabaseSettings

__all__ = ["Hub"]


class Hub:
    """One project. `sockets` are by their ids, in the order in which they came."""

    def __init__(
        self,
        settings: SupabaseSettings,
        database: Database,
        keys: Keys,
        policy: Policy,
        faults: Faults,
    ) -> None:
        self.timing = settings.timing
        self.limits = settings.limits
        self.database = database
        self.policy = policy
        self.faults = faults
        self.feed = Feed(database, policy, faults, settings.timing, settings.limits)
        self.joins = Rate(settings.limits.joins)
        self.sockets: dict[str, Socket] = {}
        self._keys = keys

    def verify(self, token: str) -> Claims:
        """Judge a token as of now; raises `TokenProblem`."""
        return self._keys.verify(token, now=time.time())

    def channels(self, topic: str | None = None) -> Iterator[Channel]:
        """Go through the joined channels, of one topic where one is named."""
        for socket in tuple(self.sockets.values()):
            for channel in tuple(socket.channels.values()):
                if topic in (None, channel.topic):
                    yield channel

    @property
    def full(self) -> bool:
        """Whether there are as many users as may be: sockets that have joined a channel."""
        return sum(each.is_user for each in self.sockets.values()) >= self.limits.users

    async def close(self) -> None:
        """Close every socket, as a server that is drained (1012)."""
        sockets = tuple(self.sockets.values())
        for each in sockets:
            each.close(WSCloseCode.SERVICE_RESTART)
        await asyncio.gather(*(each.ended() for each in sockets))
