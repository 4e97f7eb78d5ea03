"""The whole `CrmClient`, served by what its argument names: `websocket` or `supabase`.

Its listener hears of every change; nothing is drawn.
"""

import asyncio
import sys

from benchmarks.pairs import CONVERSATION
from benchmarks.talk import Open, obey
from chatengine.client import (
    Change,
    ChatEngineConfig,
    ClientConfig,
    CrmClient,
    Source,
    SupabaseConfig,
    TokenConfig,
)


class _Agent:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._client: CrmClient | None = None
        self._serves = asyncio.Event()

    @property
    def events(self) -> int:
        return 0 if self._client is None else self._client.counters.received

    async def open(self, wanted: Open) -> None:
        by_socket = self._source is Source.WEBSOCKET
        config = ClientConfig(
            workspace_id="w-1",
            user_id="u-1",
            chatengine=ChatEngineConfig(url=wanted.url) if by_socket else None,
            token=TokenConfig(secret=wanted.key) if by_socket else None,
            supabase=None if by_socket else SupabaseConfig(url=wanted.url, anon_key=wanted.key),
        )
        self._client = CrmClient(config)
        self._client.on_change(self._changed)
        self._client.open(CONVERSATION)
        await self._client.start()
        await self._serves.wait()

    def _changed(self, _: Change) -> None:
        if self._client is not None and self._client.connection.source is self._source:
            self._serves.set()


if __name__ == "__main__":
    asyncio.run(obey(_Agent(Source(sys.argv[1]))))
