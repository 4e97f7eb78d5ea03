"""A client's WebSocket: one mailbox, worked through in order, as Phoenix's transport process does.

What the client says and what its channels say wait in the same line. So a join that takes its
time holds up everything on the socket, heartbeats too; and of a topic that is joined twice the
new reply comes before the close of the old.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Any, Final

from aiohttp import WSCloseCode, WSMessage, WSMsgType
from msgspec import Struct

from fakes.logs import Log
from fakes.supabase.faults import (
    HeartbeatUnanswered,
    JoinDelayed,
    JoinMismatched,
    JoinUnanswered,
)
from fakes.supabase.realtime.frames import Frame, MalformedFrame, Version, decode, encode, reply
from fakes.supabase.realtime.joins import PREFIX, JoinRefused, join

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp.web import WebSocketResponse

    from fakes.supabase.keys import Claims
    from fakes.supabase.realtime.channel import Channel
    from fakes.supabase.realtime.hub import Hub

__all__ = ["Socket"]

_log: Final = Log(__name__)

_MOST_UNREAD: Final = 100
"""Messages taken from a client beyond the one that is worked on (`active_n` of its endpoint)."""

_MOST_UNSENT: Final = 50_000_000
"""Bytes that may wait for a client that does not read; then its connection is cut."""


class _Said(Struct, frozen=True):
    """What the client said."""

    data: str | bytes


class _Disconnect(Struct, frozen=True):
    """The end of the line."""

    code: int


class Socket:
    """A connected client; `token` is the API key it came with."""

    def __init__(
        self,
        hub: Hub,
        ws: WebSocketResponse,
        transport: asyncio.Transport | None,
        version: Version,
        token: str,
        claims: Claims,
    ) -> None:
        self.id = secrets.token_hex(8)
        self.version = version
        self.token = token
        self.claims = claims
        self.channels: dict[str, Channel] = {}
        self.is_user = False
        """Whether it has joined a channel, ever."""
        self._hub = hub
        self._ws = ws
        self._transport = transport
        self._end: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.Event()
        self._mailbox: asyncio.Queue[_Said | str | bytes | _Disconnect] = asyncio.Queue()
        self._unread = asyncio.Semaphore(_MOST_UNREAD)
        self._unsent = 0

    async def run(self) -> None:
        """Serve the client until either side ends it."""
        self._hub.sockets[self.id] = self
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._work())]
        for task in tasks:
            task.add_done_callback(lambda _: self._finish(None))
        try:
            code = await self._end
        finally:
            self._forget(tasks)
        try:
            await asyncio.wait(tasks)
            if code is not None:
                await self._ws.close(code=code)
        finally:
            self._ended.set()
        for task in tasks:
            if not task.cancelled():
                task.result()  # raises what went wrong

    def _forget(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """Be gone at once, for everybody else; the close of the WebSocket takes its time."""
        for task in tasks:
            task.cancel()
        for channel in tuple(self.channels.values()):
            channel.forget()
        del self._hub.sockets[self.id]

    def _finish(self, code: int | None) -> None:
        """Let it end: with a close of that code, or without one where the client is gone."""
        if not self._end.done():
            self._end.set_result(code)

    def push(self, frame: Frame) -> None:
        """Put a frame into the line."""
        data = encode(frame, self.version)
        if data is None:
            return
        self._unsent += len(data)
        if self._unsent > _MOST_UNSENT:
            self.abort()
            return
        self._mailbox.put_nowait(data)

    def close(self, code: int) -> None:
        """Begin to close the WebSocket, past the line."""
        self._finish(code)

    async def ended(self) -> None:
        """Wait until it is closed."""
        await self._ended.wait()

    def abort(self) -> None:
        """Cut the connection, without a word."""
        if self._transport is not None:
            self._transport.abort()

    # the two tasks

    async def _read(self) -> None:
        """Put what the client says into the line; silence ends it."""
        with contextlib.suppress(ConnectionError):
            while (message := await self._next()) is not None:
                match message.type:
                    case WSMsgType.TEXT | WSMsgType.BINARY:
                        await self._unread.acquire()
                        self._mailbox.put_nowait(_Said(message.data))
                    case WSMsgType.PING:
                        await self._ws.pong(message.data)
                    case WSMsgType.PONG:
                        pass
                    case _:
                        return

    async def _next(self) -> WSMessage | None:
        try:
            async with asyncio.timeout(self._hub.timing.idle_timeout_ms / 1000):
                return await self._ws.receive()
        except TimeoutError:
            self._finish(WSCloseCode.OK)
            return None

    async def _work(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                item = await self._mailbox.get()
                match item:
                    case _Said(data):
                        self._unread.release()
                        await self._hear(data)
                    case _Disconnect(code):
                        self._finish(code)
                        return
                    case _:
                        self._unsent -= len(item)
                        await self._write(item)

    async def _write(self, data: str | bytes) -> None:
        if isinstance(data, bytes):
            await self._ws.send_bytes(data)
        else:
            await self._ws.send_str(data)

    async def _send(self, frame: Frame) -> None:
        """Write a frame at once, before what waits in the line."""
        data = encode(frame, self.version)
        if data is not None:
            await self._write(data)

    # what the client says (`Phoenix.Socket.__in__`)

    async def _hear(self, data: str | bytes) -> None:
        try:
            await self._act(decode(data, self.version))
        except (MalformedFrame, RecursionError, UnicodeEncodeError) as error:
            # What nests too deeply, or is half a character, can be read but not written again.
            _log.info("malformed frame", socket=self.id, error=type(error).__name__)

    async def _act(self, frame: Frame) -> None:
        channel = self.channels.get(frame.topic)
        if (frame.topic, frame.event) == ("phoenix", "heartbeat"):
            await self._heartbeat(frame)
        elif frame.event == "phx_join":
            await self._join(frame, channel)
        elif channel is not None:
            # A frame with another join_ref raced with a close: it means a channel that is gone.
            if channel.join_ref in (None, frame.join_ref):
                channel.handle(frame)
        elif frame.event == "phx_leave":
            await self._send(reply(frame, "ok", {}))
        else:
            await self._unmatched(frame)

    async def _heartbeat(self, frame: Frame) -> None:
        if self._hub.faults.take(HeartbeatUnanswered) is None:
            answer = {"status": "ok", "response": {}}
            await self._send(Frame(frame.topic, "phx_reply", answer, frame.ref))

    async def _unmatched(self, frame: Frame) -> None:
        answer = {"status": "error", "response": {"reason": "unmatched topic"}}
        await self._send(Frame(frame.topic, "phx_reply", answer, frame.ref))

    async def _join(self, frame: Frame, known: Channel | None) -> None:
        if not frame.topic.startswith(PREFIX):
            await self._unmatched(frame)
            return
        if known is not None:
            known.close()
        faults, name = self._hub.faults, frame.topic.removeprefix(PREFIX)
        if (delay := faults.take(JoinDelayed, name)) is not None:
            await asyncio.sleep(delay.ms / 1000)
        if faults.take(JoinUnanswered, name) is not None:
            return
        try:
            channel = join(self._hub, self, frame)
        except JoinRefused as refused:
            await self._refuse(frame, refused)
            return
        answer = channel.answer()
        if faults.take(JoinMismatched, name) is not None:
            answer = _mismatched(answer)
        await self._send(reply(frame, "ok", answer))
        self.channels[frame.topic] = channel
        self.is_user = True
        channel.start()

    async def _refuse(self, frame: Frame, refused: JoinRefused) -> None:
        if refused.disconnect:
            self._mailbox.put_nowait(_Disconnect(WSCloseCode.GOING_AWAY))
        await asyncio.sleep(self._hub.timing.failed_join_ms / 1000)
        await self._send(reply(frame, "error", {"reason": refused.reason}))


def _mismatched(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer for another table."""
    changes = [each | {"table": "another_table"} for each in answer["postgres_changes"]]
    return {"postgres_changes": changes}
