"""The CRM client's `RealtimeSource`, with a listener that counts."""

import asyncio
from typing import Any

from benchmarks.pairs import CONVERSATION
from benchmarks.talk import Open, obey
from chatengine.client.config import SupabaseConfig, Timing
from chatengine.client.supabase import RealtimeSource, conversation_topic


class _Realtime:
    def __init__(self) -> None:
        self.events = 0
        self._serves = asyncio.Event()
        self._source: RealtimeSource | None = None

    async def open(self, wanted: Open) -> None:
        config = SupabaseConfig(url=wanted.url, anon_key=wanted.key)
        self._source = RealtimeSource(config, Timing(), self)
        self._source.watch(*conversation_topic(CONVERSATION))
        self._source.start()
        await self._serves.wait()

    def serving(self, topic: str) -> None:
        self._serves.set()

    def row(self, table: str, kind: str, record: dict[str, Any]) -> None:
        self.events += 1

    def gap(self, topic: str) -> None:
        raise RuntimeError("changes are missing")

    def refused(self, topic: str, reason: str) -> None:
        raise RuntimeError(reason)

    def lost(self, cause: str) -> None:
        raise RuntimeError(cause)


if __name__ == "__main__":
    asyncio.run(obey(_Realtime()))
