"""Everything that goes to ChatEngine and comes from it: the socket, and HTTP beside it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from chatengine.client.books import LIST, CatchUp
from chatengine.client.config import ChatEngineConfig
from chatengine.client.core.fallback import Event
from chatengine.client.filling import Filling
from chatengine.client.history import ChatEngineHistory
from chatengine.client.http import ChatEngineHttp
from chatengine.client.problems import HttpProblem, NotSubscribed
from chatengine.client.sending import Sending
from chatengine.client.shared import Shared, Tell
from chatengine.client.socket import SocketSource
from chatengine.client.tokens import TokenSource

__all__ = ["ChatEngineLink"]


class ChatEngineLink:
    """Subscribes what is open on each new connection, once each, and then closes its gap.

    In this order, so that nothing falls between the two (C-FBK-4). `tell` hears SOCKET_UP,
    SOCKET_DOWN, and GAP_CLOSED when all that is open is complete.
    """

    def __init__(
        self, shared: Shared, chatengine: ChatEngineConfig, tokens: TokenSource, tell: Tell
    ) -> None:
        config, books = shared.config, shared.books
        self.socket = SocketSource(
            chatengine, config.workspace_id, tokens, config.timing, self, random=shared.random
        )
        self._http = ChatEngineHttp(chatengine, tokens, config.timing, config.whatsapp_number_id)
        self.history = CatchUp(
            ChatEngineHistory(self._http, shared.intake),
            books.chatengine,
            books,
            shared.intake,
            config.timing.backfill_overlap_ms,
        )
        self.filling = Filling(shared, lambda: tell(Event.GAP_CLOSED, ""))
        self.sending = Sending(shared, self.socket, self._http)
        self._shared = shared
        self._books = books
        self._tell = tell

    async def stop(self) -> None:
        """Close everything."""
        await self.socket.stop()
        await self._http.close()

    # what the user does

    def opened(self, conversation_id: str) -> None:
        """Subscribe now, or when the connection is there (C-SUB-1, C-SUB-2)."""
        if self.socket.connected:
            self._follow(conversation_id)

    def closed(self, conversation_id: str) -> None:
        """Unsubscribe (C-SUB-4)."""
        self.filling.abandon(conversation_id)
        if self.socket.connected:
            self._shared.background.start(
                (self, conversation_id), self._unsubscribe(conversation_id)
            )

    def tells(self, key: str) -> bool:
        """Whether nothing of the key is missed while the connection lasts."""
        return self.socket.connected and key not in self._books.chatengine

    # what the socket says (`SocketListener`)

    def connected(self) -> None:
        """A connection begins, without any subscription (C-SUB-3)."""
        self._tell(Event.SOCKET_UP, "")
        for key in self._books.keys:
            self._follow(key)

    def lost(self, cause: str, refused: bool) -> None:
        """The connection is gone and its subscriptions with it, or there was none."""
        self.filling.abandon_all()
        self._books.broken(*self._books.keys)
        self._tell(Event.SOCKET_DOWN, cause)

    def event(self, name: str, payload: object) -> None:
        """An event came."""
        self._shared.intake.event(name, payload)

    # how

    def _follow(self, key: str) -> None:
        self.filling.begin(key, lambda: self.history.close(key), lambda: self._subscribe(key))

    async def _subscribe(self, key: str) -> None:
        """Subscribe; return when a subscription is there, as far as can be told.

        Raises `NotSubscribed` where the server said no: it is asked again. Without an
        acknowledgement it may come late: what there is shows now, and the gap is closed later. It
        is not asked for again, since there are servers that never acknowledge.
        """
        if key == LIST:
            return  # the list's events come to every socket of the workspace
        try:
            if await self.socket.subscribe(key):
                return
        except NotSubscribed:
            await self._advance(key)
            raise
        await self._advance(key)
        await asyncio.sleep(self._shared.timing.ack_timeout_ms / 1000)

    async def _advance(self, key: str) -> None:
        """Show what there is, if it can be had."""
        with suppress(HttpProblem):
            await self.history.advance(key)

    async def _unsubscribe(self, conversation_id: str) -> None:
        await self.socket.unsubscribe(conversation_id)
