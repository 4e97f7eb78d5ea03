"""The links of one configuration, held together by the fallback machine, which decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from chatengine.client.background import Background
from chatengine.client.books import Books
from chatengine.client.chatengine_link import ChatEngineLink
from chatengine.client.config import ClientConfig, SupabaseConfig
from chatengine.client.core.fallback import Action, Event, Fallback
from chatengine.client.core.shapes import Connection, ConnectionState, Send
from chatengine.client.intake import Intake
from chatengine.client.polling import Polling
from chatengine.client.shared import Shared
from chatengine.client.supabase_link import SupabaseLink
from chatengine.client.tokens import TokenSource

__all__ = ["Session"]

_NOT_YET: Final = "not connected yet"
_NO_TOKEN: Final = "there is no token for ChatEngine: configure one"
_NO_CHATENGINE: Final = "no ChatEngine is configured that could send it"


class Session:
    """From `start` to `stop` it serves one configuration; another one is another session.

    `tokens` None: there is no token, so ChatEngine is not even tried (C-CONN-1).
    """

    def __init__(
        self,
        config: ClientConfig,
        intake: Intake,
        books: Books,
        *,
        tokens: TokenSource | None,
        supabase_token: Callable[[], Awaitable[str]] | None,
        random: Callable[[], float],
    ) -> None:
        shared = Shared(config, intake, books, Background(), random)
        self._shared = shared
        self._supabase_token = supabase_token
        self._chatengine: ChatEngineLink | None = None
        if config.chatengine is not None and tokens is not None:
            self._chatengine = ChatEngineLink(shared, config.chatengine, tokens, self._tell)
        self._tick_ms: int | None = None
        self._beside(config.supabase)

    def _beside(self, supabase: SupabaseConfig | None) -> None:
        """Set up what stands beside ChatEngine: Supabase, polling, and the machine over all."""
        self._supabase: SupabaseLink | None = None
        if supabase is not None:
            self._supabase = SupabaseLink(
                self._shared, supabase, self._supabase_token, self._tell, self._is_told
            )
        links = (self._chatengine, self._supabase)
        histories = [link.history for link in links if link is not None]
        self._polling = Polling(self._shared, histories, self._tell)
        self._fallback = Fallback(chatengine=self._is_enabled, supabase=supabase is not None)

    # from beginning to end

    def start(self) -> None:
        """Begin; connecting goes on in the background."""
        for key in self._shared.books.keys:
            self._shared.books.opened(key)
        if self._chatengine is not None:
            self._chatengine.socket.start()
        if self._is_enabled or self._supabase is not None:
            self._down(_NOT_YET)
        self._start_beside()
        for send in self._shared.intake.state.unconfirmed:
            self.send(send)
        self.look()

    def _start_beside(self) -> None:
        if self._supabase is not None:
            self._supabase.realtime.start()
        self._do(self._fallback.start())

    async def change_supabase(self, supabase: SupabaseConfig | None) -> None:
        """Go on with another Supabase, or without one; ChatEngine's socket notices nothing."""
        self._do(self._fallback.stop())
        if self._supabase is not None:
            await self._supabase.stop()
        self._beside(supabase)
        self._start_beside()
        if self._chatengine is not None and self._chatengine.socket.connected:
            self._do(self._fallback.handle(Event.SOCKET_UP))

    async def stop(self) -> None:
        """Return once no task, no clock and no socket is left (C-CONN-7)."""
        self._do(self._fallback.stop())
        await self._shared.background.stop()
        for link in (self._chatengine, self._supabase):
            if link is not None:
                await link.stop()
        self._shared.books.broken(*self._shared.books.keys)

    # what the user does

    def opened(self, conversation_id: str) -> None:
        """A conversation was opened that was not open."""
        self._shared.books.opened(conversation_id)
        for link in (self._chatengine, self._supabase):
            if link is not None:
                link.opened(conversation_id)
        self._polling.opened()

    def closed(self, conversation_id: str) -> None:
        """A conversation is open no more."""
        for link in (self._chatengine, self._supabase):
            if link is not None:
                link.closed(conversation_id)
        self._shared.books.closed(conversation_id)

    def send(self, send: Send) -> None:
        """Carry out what the state shows as `sending`."""
        if self._chatengine is not None:
            self._chatengine.sending.begin(send)
        else:
            intake = self._shared.intake
            intake.state.send_failed(send.client_id, _NO_CHATENGINE, intake.now_ms())

    def emit(self, event: str, payload: Mapping[str, object]) -> None:
        """Tell the server what is only worth telling now; of a kind and conversation the latest."""
        if self._chatengine is not None and self._chatengine.socket.connected:
            key = (event, payload["conversationId"])
            self._shared.background.start(key, self._emit(self._chatengine, event, payload))

    async def _emit(self, link: ChatEngineLink, event: str, payload: Mapping[str, object]) -> None:
        await link.socket.emit(event, payload)

    # what the links say

    def _tell(self, event: Event, cause: str) -> None:
        """Take in what became of a source, and do what the machine makes of it."""
        if event is Event.SOCKET_UP or (event is Event.REALTIME_UP and not self._is_enabled):
            self._up()
        if event is Event.SOCKET_DOWN or (event is Event.REALTIME_DOWN and not self._is_enabled):
            self._down(cause)
        self._do(self._fallback.handle(event))
        self._shared.intake.changed()

    def _is_told(self, key: str) -> bool:
        return self._chatengine is not None and self._chatengine.tells(key)

    # what the machine wants

    def _do(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            self._carry_out(action)

    def _carry_out(self, action: Action) -> None:
        timing, background = self._shared.timing, self._shared.background
        match action:
            case Action.START_GRACE:
                self._set_clock(Event.GRACE_OVER, timing.fallback_after_ms)
            case Action.CANCEL_GRACE:
                background.cancel(Event.GRACE_OVER)
            case Action.START_JOIN_CLOCK:
                # Nobody is to wait longer for news than polling promises, a slow join included.
                self._set_clock(Event.JOIN_OVERDUE, timing.poll_interval_ms)
            case Action.CANCEL_JOIN_CLOCK:
                background.cancel(Event.JOIN_OVERDUE)
            case Action.START_RELEASE_CLOCK:
                self._set_clock(Event.RELEASE_DUE, timing.release_after_ms)
            case Action.CANCEL_RELEASE_CLOCK:
                background.cancel(Event.RELEASE_DUE)
            case Action.START_POLLING:
                background.start(Action.START_POLLING, self._polling.run())
            case Action.STOP_POLLING:
                background.cancel(Action.START_POLLING)
            case Action.JOIN_REALTIME if self._supabase is not None:
                self._supabase.join()
            case Action.LEAVE_REALTIME if self._supabase is not None:
                self._supabase.leave()
            case _:
                # CLOSE_GAP_*: a link closes the gap of each conversation once it is subscribed.
                pass

    def _set_clock(self, event: Event, after_ms: int) -> None:
        self._shared.background.after(event, after_ms, lambda: self._tell(event, ""))

    # what the monitor hears

    def _up(self) -> None:
        self._shared.background.cancel("alert")
        if self._shared.intake.monitor.up():
            self._shared.intake.state.reconnected()

    def _down(self, cause: str) -> None:
        monitor = self._shared.intake.monitor
        if monitor.down(cause):
            self._shared.background.after("alert", self._shared.timing.alert_after_ms, self._alert)

    def _alert(self) -> None:
        self._shared.intake.monitor.overdue()
        self._shared.intake.changed()

    # time, and what shows

    def look(self) -> None:
        """Something has changed: see what it means for sends and for the next tick."""
        if self._chatengine is not None:
            self._chatengine.sending.look()
        due_ms = self._shared.intake.state.next_due()
        if due_ms != self._tick_ms:
            self._tick_ms = due_ms
            if due_ms is None:
                self._shared.background.cancel("tick")
            else:
                left_ms = max(0, due_ms - self._shared.intake.now_ms())
                self._shared.background.after("tick", left_ms, self._tick)

    def _tick(self) -> None:
        self._tick_ms = None
        self._shared.intake.state.tick(self._shared.intake.now_ms())
        self._shared.intake.changed()

    @property
    def _is_enabled(self) -> bool:
        return self._shared.config.chatengine is not None

    @property
    def connection(self) -> Connection:
        """How it is connected now; without ChatEngine `state` is that of Realtime."""
        state = ConnectionState.DISCONNECTED
        if self._chatengine is not None:
            state = self._chatengine.socket.state
        elif self._supabase is not None and not self._is_enabled:
            state = self._supabase.realtime.state
        return Connection(
            is_enabled=self._is_enabled,
            is_connected=self._chatengine is not None and self._chatengine.socket.connected,
            source=self._fallback.source,
            state=state,
            last_error="; ".join(self._troubles()) or None,
        )

    def _troubles(self) -> list[str]:
        """Why something that is wanted does not work, with what to do about it."""
        chatengine, supabase = self._chatengine, self._supabase
        if chatengine is None:
            found = [_NO_TOKEN if self._is_enabled else None]
        else:
            found = [chatengine.socket.last_error, chatengine.filling.problem]
        if supabase is not None:
            found += [supabase.realtime.last_error, supabase.filling.problem]
        return [each for each in found if each]
