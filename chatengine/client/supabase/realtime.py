"""Supabase Realtime over one WebSocket: the shell that owns the socket and its tasks."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal

from aiohttp import (
    ClientError,
    ClientSession,
    ClientWebSocketResponse,
    ClientWSTimeout,
    WSMsgType,
    WSServerHandshakeError,
)
from yarl import URL

from chatengine.client.config import SupabaseConfig, Timing
from chatengine.client.core.backoff import LEAST_REFUSED_MS, delay_ms, refused_ms
from chatengine.client.core.shapes import ConnectionState
from chatengine.client.supabase import phoenix, refusals
from chatengine.client.supabase.channel import Trouble
from chatengine.client.supabase.news import Lost, News, RealtimeListener, Serving, tell
from chatengine.client.supabase.phoenix import Binding
from chatengine.client.supabase.subscriptions import Pace, Subscriptions

__all__ = ["RealtimeSource"]

_log: Final = logging.getLogger(__name__)

_MOST_BYTES: Final = 32 * 1024 * 1024
"""A message above it ends the connection before it fills the memory; `phoenix.MOST_BYTES` is what
is read at all, and what lies between is dropped and counted."""

_CLOSE_S: Final = 0.5
"""How long a close may take to be written; a peer that is gone must not hold a stop up."""

_JOIN_GAP_MS: Final = 20.0
"""50 joins a second: half of what a project is allowed, for this agent is not alone."""

_Socket = ClientWebSocketResponse[Literal[False]]
"""Text arrives as bytes: some that is not UTF-8 is one bad frame, not the connection's end."""


class _Ended(Exception):
    """The end of a connection, or of the attempt at one, that nobody here wanted."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.sentence)
        self.trouble = trouble


class RealtimeSource:
    """Keeps every watched topic joined, over any loss and for ever, and tells a listener.

    Between `start` and `stop` there is a connection for as long as any topic is watched.
    `access_token` gives a user's token, valid at that moment; without it the anon key serves.
    """

    def __init__(
        self,
        config: SupabaseConfig,
        timing: Timing,
        listener: RealtimeListener,
        access_token: Callable[[], Awaitable[str]] | None = None,
        *,
        random: Callable[[], float] = random.random,
    ) -> None:
        url = URL(config.url) / "realtime/v1/websocket"
        self._url = url.with_query(apikey=config.anon_key, vsn=phoenix.VSN)
        self._config = config
        self._timing = timing
        self._listener = listener
        self._access_token = access_token
        self._random = random
        self._core = Subscriptions(self._pace())
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._trouble: Trouble | None = None
        self._served = False

    def start(self) -> None:
        """Connect as soon as a topic is watched; a second start does nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Close everything; what is watched stays so, for another `start`."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        self._trouble = None
        if not task.cancelled():
            task.result()

    def watch(self, topic: str, bindings: Sequence[Binding]) -> None:
        """Keep `topic` (a channel's name, without `realtime:`) joined with these bindings."""
        self._core.watch(topic, bindings)
        self._wake.set()

    def unwatch(self, topic: str) -> None:
        """Leave `topic`; with the last one the connection is closed."""
        self._core.unwatch(topic)
        self._wake.set()

    @property
    def serving(self) -> frozenset[str]:
        """The topics whose changes come now."""
        return self._core.serving

    @property
    def malformed(self) -> int:
        """How many frames were dropped because they were none."""
        return self._core.malformed

    @property
    def state(self) -> ConnectionState:
        """`connected` once every watched topic serves, `unauthorized` while any is refused."""
        if self._task is None or not self._core.wanted:
            return ConnectionState.DISCONNECTED
        troubles = self._troubles()
        if any(each.refused for each in troubles):
            return ConnectionState.UNAUTHORIZED
        if troubles or not self._core.all_serve:
            return ConnectionState.CONNECTING
        return ConnectionState.CONNECTED

    @property
    def last_error(self) -> str | None:
        """Why it does not serve, with what to do about it; None once it does."""
        return next((each.sentence for each in self._troubles()), None)

    def _troubles(self) -> list[Trouble]:
        return [each for each in (self._trouble, *self._core.troubles) if each is not None]

    async def _run(self) -> None:
        failures = 0
        async with ClientSession() as http:
            while True:
                await self._until_wanted()
                self._served = False
                try:
                    await self._connection(http)
                except _Ended as end:
                    failures = 0 if self._served else failures
                    self._trouble = end.trouble
                    self._tell(Lost(end.trouble.sentence))
                    delay = self._refused if end.trouble.refused else self._retry
                    await self._keep_distance(delay(failures))
                    failures = failures + 1 if self._core.wanted else 0

    async def _keep_distance(self, delay: float) -> None:
        """Wait `delay` ms before the next attempt, or once nothing is wanted only a second."""
        least = min(delay, LEAST_REFUSED_MS)
        await asyncio.sleep(least / 1000)
        until = _now_ms() + delay - least
        while self._core.wanted and _now_ms() < until:
            self._wake.clear()
            await self._woken(until)

    async def _until_wanted(self) -> None:
        while not self._core.wanted:
            self._trouble = None
            self._wake.clear()
            await self._wake.wait()

    async def _connection(self, http: ClientSession) -> None:
        """Serve until nothing is wanted any more; raises `_Ended`."""
        token = await self._token()
        async with self._dialled(http) as socket:
            self._trouble = None
            self._core.opened(token, _now_ms())
            reader = asyncio.create_task(self._read(socket))
            reader.add_done_callback(lambda _: self._wake.set())
            try:
                await self._converse(socket, reader)
            finally:
                self._core.closed()
                reader.cancel()
                await asyncio.wait([reader])

    @asynccontextmanager
    async def _dialled(self, http: ClientSession) -> AsyncIterator[_Socket]:
        socket = await self._dial(http)
        try:
            yield socket
        finally:
            try:
                async with asyncio.timeout(_CLOSE_S):
                    await socket.close()
            except TimeoutError:
                _log.debug("a connection was dropped without its close having been written")

    async def _dial(self, http: ClientSession) -> _Socket:
        try:
            async with asyncio.timeout(self._timing.connect_timeout_ms / 1000):
                return await http.ws_connect(
                    self._url,
                    max_msg_size=_MOST_BYTES,
                    decode_text=False,
                    timeout=ClientWSTimeout(ws_close=_CLOSE_S),
                )
        except WSServerHandshakeError as error:
            # Its text has the URL in it, and that the key.
            trouble = Trouble(refusals.handshake(error.status), refused=error.status <= 500)
        except TimeoutError:
            trouble = Trouble("Supabase did not answer in time", refused=False)
        except (ClientError, OSError) as error:
            trouble = Trouble(refusals.unreachable(error), refused=False)
        raise _Ended(trouble)

    async def _read(self, socket: _Socket) -> None:
        async for message in socket:
            match message.type:
                case WSMsgType.TEXT:
                    self._core.received(message.data, _now_ms())
                    self._pass_on()
                    self._wake.set()
                case WSMsgType.BINARY:
                    self._core.malformed += 1
                case _:
                    raise _Ended(Trouble(refusals.broken(socket.close_code), refused=False))
        raise _Ended(Trouble(refusals.closed(socket.close_code), refused=False))

    async def _converse(self, socket: _Socket, reader: asyncio.Task[None]) -> None:
        while True:
            self._wake.clear()
            self._core.tick(_now_ms())
            self._pass_on()
            for frame in self._core.outgoing():
                await self._send(socket, frame)
            if not self._core.wanted:
                return
            if reader.done():
                reader.result()
            if self._core.unanswered:
                raise _Ended(Trouble("Supabase did not answer a heartbeat", refused=False))
            if self._core.wants_token(_now_ms()):
                await self._renew()
            await self._woken(self._core.next_ms())

    async def _send(self, socket: _Socket, frame: str) -> None:
        try:
            async with asyncio.timeout(self._timing.join_timeout_ms / 1000):
                await socket.send_str(frame)
        except (ClientError, OSError, TimeoutError):
            raise _Ended(Trouble("the connection to Supabase broke", refused=False)) from None

    async def _woken(self, until_ms: float) -> None:
        """Wait for something to do, or for the moment at which something is due."""
        try:
            async with asyncio.timeout(max(0.0, until_ms - _now_ms()) / 1000):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _renew(self) -> None:
        try:
            self._core.renewed(await self._token())
            self._trouble = None
        except _Ended as end:
            # The token that was given before serves on, unless it was refused.
            self._trouble = end.trouble if self._core.token_refused else None
            self._core.renewal_failed(_now_ms())

    async def _token(self) -> str:
        if self._access_token is None:
            return self._config.anon_key
        try:
            async with asyncio.timeout(self._timing.connect_timeout_ms / 1000):
                return await self._access_token()
        except Exception as error:  # whatever a caller's function may raise
            raise _Ended(Trouble(refusals.no_token(error), refused=True)) from None

    def _pass_on(self) -> None:
        for news in self._core.news():
            self._tell(news)

    def _tell(self, news: News) -> None:
        self._served |= isinstance(news, Serving)
        try:
            tell(self._listener, news)
        except Exception:
            _log.exception("a listener of Supabase Realtime failed")

    def _pace(self) -> Pace:
        timing = self._timing
        return Pace(
            reply_ms=timing.join_timeout_ms,
            subscribe_ms=timing.join_timeout_ms,
            heartbeat_ms=timing.heartbeat_ms,
            join_gap_ms=_JOIN_GAP_MS,
            retry=self._retry,
            refused=self._refused,
        )

    def _retry(self, failures: int) -> float:
        timing = self._timing
        first, most = timing.reconnect_delay_ms, timing.reconnect_delay_max_ms
        return delay_ms(failures, first, most, self._random)

    def _refused(self, failures: int) -> float:
        return refused_ms(failures, self._random)


def _now_ms() -> float:
    return asyncio.get_running_loop().time() * 1000
