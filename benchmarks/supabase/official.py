"""Supabase's own Python client, `realtime`, as it comes, with a callback that counts."""

import asyncio
from typing import Any

from realtime import AsyncRealtimeClient, RealtimePostgresChangesListenEvent

from benchmarks.pairs import CONVERSATION
from benchmarks.talk import Open, obey


class _Official:
    def __init__(self) -> None:
        self.events = 0
        self._serves = asyncio.Event()
        self._client: AsyncRealtimeClient | None = None

    async def open(self, wanted: Open) -> None:
        self._client = AsyncRealtimeClient(f"{wanted.url}/realtime/v1", wanted.key)
        channel = self._client.channel(f"messages-{CONVERSATION}")
        for event in (
            RealtimePostgresChangesListenEvent.Insert,
            RealtimePostgresChangesListenEvent.Update,
        ):
            channel.on_postgres_changes(
                event,
                self._changed,
                table="messages",
                schema="public",
                filter=f"conversation_id=eq.{CONVERSATION}",
            )
        channel.on_system(self._told)
        await self._client.connect()
        await channel.subscribe()
        await self._serves.wait()

    def _told(self, said: Any) -> None:
        """Only with this its changes come, which is later than `SUBSCRIBED`."""
        if said.status == "ok":
            self._serves.set()

    def _changed(self, change: object) -> None:
        self.events += 1


if __name__ == "__main__":
    asyncio.run(obey(_Official()))
