"""ChatEngine's socket, kept connected for as long as it is wanted (C-CONN-1 to C-CONN-8).

One task connects, waits for the loss, pauses, and begins anew, for ever. What is decided here:

- **A loss** is whatever ends a connection: TCP, Engine.IO, a Socket.IO DISCONNECT by the server
  (C-CONN-4), silence (C-CONN-8).
- **The pause** doubles with each failure, with jitter (`core.backoff`), counted from the beginning
  of an attempt that failed and from the loss of a connection that was. A connection that lived for
  less than the longest pause is one more failure: a server that closes right after CONNECT is not
  called in a loop.
- **A transport** that cannot be had is followed by the next one in the same attempt, each with its
  share of the attempt's time; a server that cannot be reached, or refuses, is not asked again over
  another one. Every attempt begins with the first transport.
- **A refusal** is a CONNECT_ERROR, whatever its data, a 401 or 403 to the handshake, or a token
  that has run out before it was sent. It is followed by a second at least (C-CONN-6). Of
  `{message, data: {code}}` both texts are quoted in `last_error`, cleaned and cut; a bare text is
  its message; anything else is a refusal "without a reason".
- **The event `error`** is an event like any other: a command failed, the connection stays.
- **A token** is asked for anew for each attempt (`tokens`); a source that raises or hangs for the
  length of an attempt is a failed attempt, and says so in `last_error`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any, Final, Protocol

from chatengine import events
from chatengine.client.answers import quoted
from chatengine.client.config import ChatEngineConfig, Timing, Transport
from chatengine.client.connection import Connection, End
from chatengine.client.core.backoff import delay_ms
from chatengine.client.core.shapes import ConnectionState
from chatengine.client.problems import NotSubscribed
from chatengine.client.tokens import NoToken, TokenSource
from chatengine.client.wire import NotConnected

__all__ = ["SocketListener", "SocketSource"]

_log: Final = logging.getLogger(__name__)

_REFUSED_S: Final = 1.0
"""C-CONN-6: at most one CONNECT a second."""


class SocketListener(Protocol):
    """Who hears the socket; called on the event loop, in order. What it raises is logged."""

    def connected(self) -> None:
        """The server let us in: subscribe now, and fetch what was missed."""

    def lost(self, cause: str, refused: bool) -> None:
        """The connection was lost, or another attempt at one failed; not called by `stop`."""

    def event(self, name: str, payload: object) -> None:
        """An event came; `payload` is its first argument, None where it has none."""


class SocketSource:
    """Between `start` and `stop` it is connected, or tries to be."""

    def __init__(
        self,
        config: ChatEngineConfig,
        workspace_id: str,
        tokens: TokenSource,
        timing: Timing,
        listener: SocketListener,
        *,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._config = config
        self._workspace_id = workspace_id
        self._tokens = tokens
        self._timing = timing
        self._listener = listener
        self._random = random
        self._task: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._joined_at_s: float | None = None
        self._is_wanted = False
        self._state = ConnectionState.DISCONNECTED
        self._last_error: str | None = None
        self._malformed = 0

    def start(self) -> None:
        """Connect, and stay connected; a second start does nothing, nor one while it stops."""
        if self._task is None:
            self._is_wanted = True
            self._state = ConnectionState.CONNECTING
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Close everything (C-CONN-7); the listener hears nothing from now on."""
        task = self._task
        if task is None:
            return
        if self._is_wanted:  # else another stop waits already, and its goodbye is not to be cut off
            self._is_wanted = False
            self._state, self._last_error = ConnectionState.DISCONNECTED, None
            task.cancel()
        await asyncio.wait([task])
        self._task = None
        if not task.cancelled():
            task.result()

    # what goes out

    async def subscribe(self, conversation_id: str) -> bool:
        """Subscribe, once; True when the server said yes, `NotSubscribed` where it said no.

        False where it said nothing in time, or there is no connection: whoever wants the
        conversation subscribes on `connected`, for a new connection has no subscriptions.
        """
        answer = await self._asked(events.SUBSCRIBE, conversation_id)
        if answer.get("ok") is False:
            raise NotSubscribed(_not_subscribed(answer.get("error")))
        return answer.get("ok") is True

    async def unsubscribe(self, conversation_id: str) -> bool:
        """End a subscription; True when the server said yes."""
        return (await self._asked(events.UNSUBSCRIBE, conversation_id)).get("ok") is True

    async def emit(self, event: str, payload: object) -> bool:
        """Hand an event over to the connection; False where there is none."""
        connection = self._connection
        return connection is not None and await connection.emit(event, payload)

    async def _asked(self, event: str, conversation_id: str) -> dict[str, Any]:
        """The acknowledgement `{ok, error?}`; {} where none came, or none that can be read."""
        connection = self._connection
        if connection is None:
            return {}
        within_s = self._timing.ack_timeout_ms / 1000
        answer = await connection.ask(event, conversation_id, within_s)
        return answer if isinstance(answer, dict) else {}

    # what others may know

    @property
    def connected(self) -> bool:
        """Whether the server has let us in and has not been lost since."""
        return self._state is ConnectionState.CONNECTED

    @property
    def state(self) -> ConnectionState:
        """`connecting` between attempts too, `unauthorized` from a refusal to the next outcome."""
        return self._state

    @property
    def last_error(self) -> str | None:
        """Why it is not connected, with what to do about it; None once it is, and after `stop`."""
        return self._last_error

    @property
    def transport(self) -> Transport | None:
        """What carries the connection; None where there is none."""
        return self._connection.transport if self._connection and self.connected else None

    @property
    def compressed(self) -> bool:
        """Whether the server agreed to permessage-deflate for this connection."""
        return self._connection is not None and self._connection.is_compressed

    @property
    def malformed(self) -> int:
        """How many packets were dropped because they were none, since the beginning."""
        return self._malformed + (self._connection.malformed if self._connection else 0)

    # the loop

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            self._joined_at_s = None
            began_s = loop.time()
            end = await self._attempt(began_s + self._timing.connect_timeout_ms / 1000)
            now_s = loop.time()
            if self._joined_at_s is None:
                self._ended(end)
            else:
                began_s = now_s
                failures = 0 if self._has_lasted(now_s) else failures
            due_s = began_s + self._pause_s(failures)
            failures += 1
            await asyncio.sleep(max(due_s - now_s, _REFUSED_S if end.refused else 0))

    def _has_lasted(self, now_s: float) -> bool:
        lived_s = 0.0 if self._joined_at_s is None else now_s - self._joined_at_s
        return lived_s >= self._timing.reconnect_delay_max_ms / 1000

    def _pause_s(self, failures: int) -> float:
        timing = self._timing
        first, most = timing.reconnect_delay_ms, timing.reconnect_delay_max_ms
        return delay_ms(failures, first, most, self._random) / 1000

    async def _attempt(self, deadline_s: float) -> End:
        """Connect by `deadline_s`, over the first transport that serves, and wait for the end."""
        try:
            auth = {"token": await self._token(deadline_s), "workspaceId": self._workspace_id}
        except NoToken as error:
            return End(cause=error.sentence, refused=error.expired)
        ends: list[End] = []
        transports = self._config.transports
        for number, transport in enumerate(transports):
            now_s = asyncio.get_running_loop().time()
            share_s = (deadline_s - now_s) / (len(transports) - number)
            end = await self._over(transport, auth, now_s + share_s)
            if self._joined_at_s is not None or end.refused or not end.reached:
                return end
            ends.append(end)
        return ends[0]  # what is wrong with the transport that is wanted most

    async def _token(self, deadline_s: float) -> str:
        try:
            async with asyncio.timeout_at(deadline_s):
                return await self._tokens.token()
        except TimeoutError:
            raise NoToken("no token: the function that gives it did not answer in time") from None

    async def _over(self, transport: Transport, auth: dict[str, str], deadline_s: float) -> End:
        """Make one connection, to be joined by `deadline_s`, and return how it ended."""
        connection = self._connection = Connection(self._config, transport, self)
        try:
            end = await self._until_end(connection, auth, deadline_s)
            if self._joined_at_s is not None:
                self._ended(end)  # at once: a polite close takes a moment
            return end
        finally:
            await connection.close()
            self._malformed += connection.malformed
            self._connection = None

    async def _until_end(
        self, connection: Connection, auth: dict[str, str], deadline_s: float
    ) -> End:
        try:
            async with asyncio.timeout_at(deadline_s):
                await connection.open(auth)
            return await connection.until_lost()
        except NotConnected as error:
            return End(cause=error.sentence, refused=error.refused, reached=error.reached)
        except TimeoutError:
            return End(cause="ChatEngine did not answer the handshake in time")

    # what comes in

    def joined(self) -> None:
        """Called by the connection (`ConnectionListener`)."""
        if not self._is_wanted:
            return
        self._joined_at_s = asyncio.get_running_loop().time()
        self._state, self._last_error = ConnectionState.CONNECTED, None
        self._tell(self._listener.connected)

    def event(self, name: str, payload: object) -> None:
        """Called by the connection (`ConnectionListener`)."""
        self._tell(lambda: self._listener.event(name, payload))

    def _ended(self, end: End) -> None:
        refused = end.refused
        if refused:
            self._tokens.refused()
        self._state = ConnectionState.UNAUTHORIZED if refused else ConnectionState.CONNECTING
        self._last_error = end.cause
        self._tell(lambda: self._listener.lost(end.cause, refused))

    def _tell(self, call: Callable[[], None]) -> None:
        try:
            if self._is_wanted:
                call()
        except Exception:
            _log.exception("a listener of ChatEngine's socket failed")


def _not_subscribed(error: object) -> str:
    """Put an acknowledgement's `{code, message}` in a sentence."""
    said = [error.get("code"), error.get("message")] if isinstance(error, dict) else [error]
    words = ", ".join(filter(None, map(quoted, said))) or "without a reason"
    return f"ChatEngine refused a subscription: {words} (it is tried again)"
