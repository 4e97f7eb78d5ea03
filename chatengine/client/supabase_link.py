"""Everything that comes from Supabase: Realtime while it is joined, and PostgREST."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from chatengine.client.books import LIST, CatchUp
from chatengine.client.config import SupabaseConfig
from chatengine.client.core.fallback import Event
from chatengine.client.core.shapes import ConnectionState
from chatengine.client.filling import Filling
from chatengine.client.history import SupabaseHistory
from chatengine.client.shared import Shared, Tell
from chatengine.client.supabase import (
    RealtimeSource,
    SupabaseRest,
    conversation_topic,
    list_topic,
)

__all__ = ["SupabaseLink"]


class SupabaseLink:
    """Watches the topics of what is open while it is joined, and closes the gap of each.

    `tell` hears REALTIME_UP once all of them serve, and REALTIME_DOWN when one does not.
    `is_told` says of a key that the socket tells of it, so that it is no loss if Realtime does not.
    """

    def __init__(
        self,
        shared: Shared,
        supabase: SupabaseConfig,
        access_token: Callable[[], Awaitable[str]] | None,
        tell: Tell,
        is_told: Callable[[str], bool],
    ) -> None:
        config, books = shared.config, shared.books
        workspace_id, number_id = config.workspace_id, config.whatsapp_number_id
        self.realtime = RealtimeSource(
            supabase, config.timing, self, access_token, random=shared.random
        )
        self._rest = SupabaseRest(supabase, config.timing, access_token)
        self.history = CatchUp(
            SupabaseHistory(self._rest, shared.intake, workspace_id, number_id),
            books.supabase,
            books,
            shared.intake,
            config.timing.backfill_overlap_ms,
        )
        self.filling = Filling(shared, _nothing)
        self._list_topic = list_topic(workspace_id, number_id)
        self._shared = shared
        self._books = books
        self._tell = tell
        self._is_told = is_told
        self._keys: dict[str, str] = {}  # by topic; none while Realtime is not joined

    async def stop(self) -> None:
        """Close everything."""
        await self.realtime.stop()
        await self._rest.close()

    # what the fallback wants

    def join(self) -> None:
        """Watch what is open, and from now on what is opened."""
        for key in self._books.keys:
            self._watch(key)

    def leave(self) -> None:
        """Release every channel (C-FBK-3)."""
        self.filling.abandon_all()
        for topic, key in self._keys.items():
            self.realtime.unwatch(topic)
            self._miss(key)
        self._keys.clear()

    # what the user does

    def opened(self, conversation_id: str) -> None:
        """Watch it now, or when Realtime is joined."""
        if self._keys:
            self._watch(conversation_id)

    def closed(self, conversation_id: str) -> None:
        """Release its channel."""
        topic, _ = conversation_topic(conversation_id)
        if self._keys.pop(topic, None) is not None:
            self.filling.abandon(conversation_id)
            self.realtime.unwatch(topic)
            self._tell_if_up()

    # what Realtime says (`RealtimeListener`)

    def serving(self, topic: str) -> None:
        """Rows of a topic come from now on: fetch what came before."""
        if (key := self._keys.get(topic)) is not None:
            self._fill(key)
            self._tell_if_up()

    def gap(self, topic: str) -> None:
        """Rows of a topic were lost although it serves."""
        if (key := self._keys.get(topic)) is not None:
            self._miss(key)
            self._fill(key)

    def refused(self, topic: str, reason: str) -> None:
        """A topic does not serve."""
        if (key := self._keys.get(topic)) is not None:
            self.filling.abandon(key)
            self._miss(key)
            self._tell(Event.REALTIME_DOWN, reason)

    def lost(self, cause: str) -> None:
        """No topic serves."""
        self.filling.abandon_all()
        for key in self._keys.values():
            self._miss(key)
        self._tell(Event.REALTIME_DOWN, cause)

    def row(self, table: str, kind: str, record: dict[str, Any]) -> None:
        """A row was written."""
        self._shared.intake.pushed_row(table, kind, record)

    # how

    def _watch(self, key: str) -> None:
        """Watch a topic. Of what was never seen, show what there is before the topic serves."""
        topic, bindings = self._list_topic if key == LIST else conversation_topic(key)
        self._keys[topic] = key
        self.realtime.watch(topic, bindings)
        gap = self._books.supabase.of(key)
        if gap is not None and gap.is_whole:
            self.filling.begin(key, lambda: self.history.advance(key))

    def _fill(self, key: str) -> None:
        self.filling.begin(key, lambda: self.history.close(key))

    def _miss(self, key: str) -> None:
        if not self._is_told(key):
            self._books.supabase_broken(key)

    def _tell_if_up(self) -> None:
        if self.realtime.state is ConnectionState.CONNECTED:
            self._tell(Event.REALTIME_UP, "")


def _nothing() -> None:
    """Nobody waits for Supabase's gaps: it serves from its subscription on."""
