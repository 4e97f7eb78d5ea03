"""The reference CRM client: what a user interface needs of it, and nothing about how."""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from chatengine import events
from chatengine.client.books import Books
from chatengine.client.config import ClientConfig
from chatengine.client.core import shapes
from chatengine.client.core.reading import identity
from chatengine.client.core.shapes import Connection, ConversationEntry, Counters, Message
from chatengine.client.core.state import CrmState
from chatengine.client.intake import Intake
from chatengine.client.monitoring import Alert, Monitor
from chatengine.client.session import Session
from chatengine.client.tokens import AskedTokens, MintedTokens, TokenSource
from chatengine.moments import from_ms

__all__ = ["Change", "ConnectionChanged", "CrmClient"]

_log: Final = logging.getLogger(__name__)

_LONGEST_TEXT: Final = 65_536
"""Characters that WhatsApp takes."""

_MOST_SENDS: Final = 1000
"""On their way at once; more is a program gone wild, and none may wait without a bound."""

Token = Callable[[], Awaitable[str]]


class ConnectionChanged(Struct, frozen=True):
    """How the client is connected, or which source serves, is otherwise than before."""

    connection: Connection


Change = shapes.Change | ConnectionChanged


class CrmClient:
    """One agent's view of a workspace, kept true over any loss (contract, section 7).

    Everything but `start`, `configure` and `stop` returns at once and does its work in the
    background; all of it belongs on the event loop that called `start`. `token` gives ChatEngine's
    token where the configuration does not say how to mint one; `access_token` a user's token for
    Supabase, in place of the anon key. `clock` gives seconds since the epoch.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        token: Token | None = None,
        access_token: Token | None = None,
        clock: Callable[[], float] = time.time,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._config = config
        self._token = token
        self._access_token = access_token
        self._clock = clock
        self._random = random
        self._listeners: dict[object, Callable[[Change], None]] = {}
        self._alert_listeners: dict[object, Callable[[Alert], None]] = {}
        self._opens: Counter[str] = Counter()
        self._one_at_a_time = asyncio.Lock()
        self._session: Session | None = None
        self._telling: asyncio.Handle | None = None
        self._connection = Connection()
        self.monitor: Final = Monitor(self._alerted, clock=clock)
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Forget everything, but look at what the user looks at."""
        config = self._config
        self._state = CrmState(
            workspace_id=config.workspace_id,
            user_id=config.user_id,
            whatsapp_number_id=config.whatsapp_number_id,
            send_timeout_ms=config.timing.send_timeout_ms,
            typing_expiry_ms=config.timing.typing_expiry_ms,
        )
        for conversation_id in self._opens.elements():
            self._state.open(conversation_id)
        self._intake = Intake(self._state, self.monitor, self._clock, self._changed)
        self._books = Books(self._intake)

    # from beginning to end

    async def start(self) -> None:
        """Begin; connecting goes on in the background. RuntimeError if it is running."""
        async with self._one_at_a_time:
            if self._session is not None:
                raise RuntimeError("the client is running")
            self._begin_session()

    async def configure(self, config: ClientConfig) -> None:
        """Take another configuration over; what is shown stays, unless it is of somebody else."""
        async with self._one_at_a_time:
            before, self._config = self._config, config
            session = self._session
            if config == before:
                return
            if (
                session
                and config.chatengine
                and replace(before, supabase=config.supabase) == config
            ):
                await session.change_supabase(config.supabase)
            else:
                await self._reconfigure(before, config)
            self._changed()

    async def _reconfigure(self, before: ClientConfig, config: ClientConfig) -> None:
        running = self._session is not None
        await self._end_session()
        if _whose(config) != _whose(before):
            self._begin_anew()
        timing = config.timing
        self._state.set_times(timing.send_timeout_ms, timing.typing_expiry_ms)
        if running:
            self._begin_session()

    async def stop(self) -> None:
        """Return once no task, no timer and no connection is left (C-CONN-7)."""
        async with self._one_at_a_time:
            await self._end_session()
            for send in self._state.unconfirmed:
                self._fail(send.client_id, "the client was stopped")
            self._tell_changes()

    async def __aenter__(self) -> CrmClient:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def _begin_session(self) -> None:
        self._session = Session(
            self._config,
            self._intake,
            self._books,
            tokens=self._tokens(),
            supabase_token=self._access_token,
            random=self._random,
        )
        self._session.start()

    async def _end_session(self) -> None:
        session = self._session
        if session is not None:
            await session.stop()
            self._session = None
            self.monitor.rest()

    def _tokens(self) -> TokenSource | None:
        config = self._config
        if config.token is not None:
            return MintedTokens(
                config.token,
                workspace_id=config.workspace_id,
                user_id=config.user_id,
                clock=self._clock,
            )
        return None if self._token is None else AskedTokens(self._token, clock=self._clock)

    # what the user does; each raises ValueError for what cannot be an id

    def open(self, conversation_id: str) -> None:
        """Look at a conversation: subscribed and kept complete until the last `close`."""
        self._opens[identity(conversation_id)] += 1
        if self._state.open(conversation_id) and self._session is not None:
            self._session.opened(conversation_id)
        self._changed()

    def close(self, conversation_id: str) -> None:
        """Leave a conversation; one that is not open stays so."""
        if identity(conversation_id) not in self._opens:
            return
        self._opens[conversation_id] -= 1
        self._opens += Counter()  # what is at 0 goes
        if self._state.close(conversation_id) and self._session is not None:
            self._session.closed(conversation_id)
        self._changed()

    def send(
        self,
        conversation_id: str,
        content: str,
        *,
        client_message_id: str | None = None,
        reply_to: str | None = None,
    ) -> str:
        """Send a text, which shows at once; returns its client id.

        It ends as `sent` or more, or as `failed` with the reason. The same client id once more is
        the same send, unless that failed.
        """
        client_id = str(uuid.uuid4()) if client_message_id is None else client_message_id
        now_ms = self._intake.now_ms()
        if self._state.send(conversation_id, content, client_id, reply_to, now_ms):
            sends = self._state.unconfirmed
            if len(content) > _LONGEST_TEXT:
                self._fail(client_id, f"WhatsApp takes {_LONGEST_TEXT} characters at most")
            elif len(sends) > _MOST_SENDS:
                self._fail(client_id, f"{_MOST_SENDS} messages are on their way: wait for them")
            elif self._session is None:
                self._fail(client_id, "the client is not running")
            else:
                self._session.send(sends[-1])
        self._changed()
        return client_id

    def typing(self, conversation_id: str, is_typing: bool) -> None:
        """Tell the others (C-TYP-1); without a connection it is not worth telling later."""
        payload = {"conversationId": identity(conversation_id), "isTyping": is_typing}
        self._emit(events.TYPING, payload)

    def mark_as_read(self, conversation_id: str) -> None:
        """Tell the server that the user has read a conversation until now."""
        payload = {
            "type": events.MARK_AS_READ,
            "conversationId": identity(conversation_id),
            "timestamp": from_ms(self._intake.now_ms()),
        }
        self._emit(events.MARK_AS_READ, payload)

    def _emit(self, event: str, payload: Mapping[str, object]) -> None:
        if self._session is not None:
            self._session.emit(event, payload)

    def _fail(self, client_id: str, reason: str) -> None:
        self._state.send_failed(client_id, reason, self._intake.now_ms())

    # what the user sees

    @property
    def connection(self) -> Connection:
        """How it is connected, and which source serves."""
        if self._session is None:
            return Connection(is_enabled=self._config.chatengine is not None)
        return self._session.connection

    @property
    def counters(self) -> Counters:
        """What went through."""
        return self._state.counters

    def messages(self, conversation_id: str) -> tuple[Message, ...]:
        """A conversation's messages, newest first; of a closed one those that were known."""
        return self._state.messages(conversation_id)

    def conversations(self) -> tuple[ConversationEntry, ...]:
        """The list, that with the newest message first."""
        return self._state.conversations()

    def typists(self, conversation_id: str) -> tuple[str, ...]:
        """The ids of the others who type in an open conversation."""
        return self._state.typing(conversation_id)

    def snapshot(self) -> dict[str, Any]:
        """All of it at once, as the adapter protocol has it: ready for JSON."""
        state = self._state
        return {
            "connection": self.connection.to_snapshot(),
            "conversations": [each.to_snapshot() for each in state.conversations()],
            "messages": {
                each: [message.to_snapshot() for message in state.messages(each)]
                for each in state.shown
            },
            "typing": {each: list(state.typing(each)) for each in state.opened},
            "counters": state.counters.to_snapshot(),
            "metrics": self.monitor.to_snapshot(),
        }

    # who hears of it

    def on_change(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` with each change, on the event loop; returns what ends that.

        Changes of one moment come together, each once; what it raises is logged.
        """
        return _added(self._listeners, listener)

    def on_alert(self, listener: Callable[[Alert], None]) -> Callable[[], None]:
        """Call `listener` when a disconnection lasts too long, and when that is over (C-MON-3)."""
        return _added(self._alert_listeners, listener)

    def _changed(self) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_soon(self._tell_changes)

    def _tell_changes(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        if self._session is not None:
            self._session.look()
        changes: list[Change] = list(self._state.drain_changes())
        connection = self.connection
        if connection != self._connection:
            self._connection = connection
            changes.append(ConnectionChanged(connection))
        for change in changes:
            _tell(self._listeners, change)

    def _alerted(self, alert: Alert) -> None:
        _tell(self._alert_listeners, alert)


def _whose(config: ClientConfig) -> tuple[str, str, str | None]:
    return config.workspace_id, config.user_id, config.whatsapp_number_id


def _added(
    listeners: dict[object, Callable[[Any], None]], listener: Callable[[Any], None]
) -> Callable[[], None]:
    key = object()
    listeners[key] = listener
    return lambda: listeners.pop(key, None) and None


def _tell(listeners: dict[object, Callable[[Any], None]], news: object) -> None:
    for listener in tuple(listeners.values()):
        try:
            listener(news)
        except Exception:
            _log.exception("a listener of the client failed")
