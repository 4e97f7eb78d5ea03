"""Own messages on their way out (C-SND-1 to C-SND-4): over the socket first, else over HTTP.

A send goes out again, over HTTP and with the same client id, where the socket did not confirm it:
the server takes a repeated client id as the same send (S-SND-5). The state fails what nobody has
confirmed when its time is over; what is on its way then is given up.
"""

from __future__ import annotations

import asyncio
from typing import Final
from weakref import WeakValueDictionary

from chatengine import events
from chatengine.client.core.shapes import Send, Way
from chatengine.client.http import ChatEngineHttp
from chatengine.client.problems import HttpProblem
from chatengine.client.shared import Shared
from chatengine.client.socket import SocketSource
from chatengine.moments import from_ms

__all__ = ["Sending"]

_SOCKET_SHARE: Final = 1 / 3
"""Of a send's time that the socket has to itself: a provider answers within a second or two, and
what is left is enough for HTTP and another try."""

_PASSING: Final = frozenset({None, 401, 408, 425, 429, 500, 503, 504})
"""Statuses (None: no answer) after which another attempt may fare better. Not 502: the provider
did not take it, so the message has failed (contract, section 5); a 401 is followed by a new token.
"""


class Sending:
    """Carries sends out in the background, each by itself; over HTTP in order by conversation."""

    def __init__(self, shared: Shared, socket: SocketSource, http: ChatEngineHttp) -> None:
        self._shared = shared
        self._intake = shared.intake
        self._socket = socket
        self._http = http
        self._news: dict[str, asyncio.Event] = {}
        self._lines: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def begin(self, send: Send) -> None:
        """Send what the state shows as `sending`."""
        self._shared.background.start((self, send.client_id), self._carry_out(send))

    def look(self) -> None:
        """Something came in, or the connection changed: see whether it matters to a send."""
        for news in self._news.values():
            news.set()

    async def _carry_out(self, send: Send) -> None:
        left_ms = send.due_ms - self._intake.now_ms()
        try:
            async with asyncio.timeout(max(0, left_ms) / 1000):
                if not await self._over_socket(send, left_ms * _SOCKET_SHARE / 1000):
                    await self._over_http(send)
        except TimeoutError:
            return  # the state fails it at the same moment

    async def _over_socket(self, send: Send, within_s: float) -> bool:
        """Whether the socket took it and the server confirmed it in time."""
        if not self._socket.connected or send.conversation_id in self._lines:
            return False  # what goes out over HTTP is not to be overtaken
        self._intake.state.went(send.client_id, Way.SOCKET)
        if not await self._socket.emit(events.SEND_MESSAGE, self._command(send)):
            return False
        news = self._news[send.client_id] = asyncio.Event()
        try:
            async with asyncio.timeout(within_s):
                while self._is_waiting(send) and self._socket.connected:
                    news.clear()
                    await news.wait()
        except TimeoutError:
            return False
        finally:
            del self._news[send.client_id]
        return not self._is_waiting(send)

    async def _over_http(self, send: Send) -> None:
        line = self._lines.setdefault(send.conversation_id, asyncio.Lock())
        async with line:
            self._intake.state.went(send.client_id, Way.HTTP)
            failures = 0
            while self._is_waiting(send) and not await self._posted(send):
                await asyncio.sleep(self._shared.pause_s(failures))
                failures += 1

    async def _posted(self, send: Send) -> bool:
        """Whether the server answered for good, yes or no."""
        intake = self._intake
        try:
            message = await self._http.send(
                send.conversation_id, send.content, send.client_id, send.reply_to
            )
        except HttpProblem as problem:
            if problem.status in _PASSING:
                return False
            intake.state.send_failed(send.client_id, problem.sentence, intake.now_ms())
        else:
            intake.state.send_answered(send.client_id, message, intake.now_ms())
        intake.changed()
        return True

    def _is_waiting(self, send: Send) -> bool:
        return self._intake.state.is_waiting(send.client_id)

    def _command(self, send: Send) -> dict[str, str]:
        command = {
            "type": events.SEND_MESSAGE,
            "conversationId": send.conversation_id,
            "content": send.content,
            "messageId": send.client_id,
            "timestamp": from_ms(self._intake.now_ms()),
        }
        return command if send.reply_to is None else command | {"replyToMessageId": send.reply_to}
