"""Clients that do otherwise what the contract leaves open: no check may blame them."""

from __future__ import annotations

from typing import Any

from chatengine import events
from chatengine.client.books import LIST
from chatengine.client.chatengine_link import ChatEngineLink
from chatengine.client.client import CrmClient
from chatengine.client.core.fallback import Event
from chatengine.client.core.shapes import Send
from chatengine.client.core.state import CrmState
from chatengine.client.sending import Sending
from chatengine.client.session import Session
from chatengine.client.tokens import MintedTokens
from conformance.mutants.mutant import Seams, variant


@variant
def asks_for_no_acknowledgements(seams: Seams) -> None:
    """Subscribes and unsubscribes without asking whether that was done."""

    @seams.function(ChatEngineLink, "_subscribe")
    async def subscribe(self: ChatEngineLink, key: str) -> None:
        if key != LIST:
            await self.socket.emit(events.SUBSCRIBE, key)

    @seams.function(ChatEngineLink, "_unsubscribe")
    async def unsubscribe(self: ChatEngineLink, conversation_id: str) -> None:
        await self.socket.emit(events.UNSUBSCRIBE, conversation_id)


@variant
def sends_over_http_alone(seams: Seams) -> None:
    """Sends every message over HTTP, also where there is a socket."""

    @seams.function(Sending, "_over_socket")
    async def never(self: Sending, send: Send, within_s: float) -> bool:
        return False


@variant
def falls_back_and_returns_without_grace(seams: Seams) -> None:
    """Asks Supabase in the moment of the loss, and lets go of it in that of the return."""
    set_clock = Session._set_clock

    @seams.function(Session, "_set_clock")
    def at_once(self: Session, event: Event, after_ms: int) -> None:
        is_grace = event in (Event.GRACE_OVER, Event.RELEASE_DUE)
        set_clock(self, event, 0 if is_grace else after_ms)


@variant
def mints_a_token_for_each_use(seams: Seams) -> None:
    """Sends another token with each attempt and each call."""
    token = MintedTokens.token

    @seams.function(MintedTokens, "token")
    async def another(self: MintedTokens) -> str:
        self._kept = None
        return await token(self)


@variant
def fetches_more_than_it_must(seams: Seams) -> None:
    """Fetches a whole day again after each gap."""
    since = CrmState.backfill_since

    @seams.function(CrmState, "backfill_since")
    def a_day(self: CrmState, conversation_id: str, gap_began_ms: int, overlap_ms: int) -> int:
        return since(self, conversation_id, gap_began_ms, overlap_ms + 86_400_000)


@variant
def says_more_in_its_snapshot(seams: Seams) -> None:
    """Shows fields that the adapter protocol does not have."""
    snapshot = CrmClient.snapshot

    @seams.function(CrmClient, "snapshot")
    def more(self: CrmClient) -> dict[str, Any]:
        shown = snapshot(self)
        listed = [each | {"unread": 3} for each in shown["conversations"]]
        return shown | {"theme": "dark", "conversations": listed}
