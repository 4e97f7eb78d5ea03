"""The polling transport: a GET waits for packets, a POST brings some."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chatengine.packets.engineio import SEPARATOR, decode_payload
from chatengine.packets.errors import PacketError
from fakes.chatengine.engineio.outbound import NOOP, Outbound
from fakes.chatengine.engineio.session import Reason
from fakes.turns import Turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakes.chatengine.engineio.session import Session

__all__ = ["OverlapError", "PollingTransport"]


class OverlapError(Exception):
    """The client has two polls, or two posts, under way at once: the session is over."""


class PollingTransport:
    """Packets wait here for the client's next GET.

    `max_buffer` bounds them in bytes; a client that leaves more than that unfetched is lost.
    """

    name = "polling"

    def __init__(self, session: Session, max_buffer: int) -> None:
        self.buffered = 0
        self._session = session
        self._max_buffer = max_buffer
        self._packets: list[Outbound] = []
        self._waiting: asyncio.Future[None] | None = None
        self._wire: asyncio.Transport | None = None  # the connection of the waiting poll
        self._posting = False
        self._closed = False

    async def poll(self, wire: asyncio.Transport) -> str:
        """The payload that answers a GET which came over `wire`, once there is one.

        Raises OverlapError if another GET is waiting already.
        """
        if self._waiting is not None:
            self._session.lost(self, Reason.TRANSPORT_ERROR)
            raise OverlapError
        if not self._packets:
            self._waiting, self._wire = asyncio.get_running_loop().create_future(), wire
            try:
                await self._waiting
            except asyncio.CancelledError:
                self._session.lost(self, Reason.TRANSPORT_ERROR)
                raise
            finally:
                self._waiting = self._wire = None
        payload = SEPARATOR.join(packet.text for packet in self._take() or [NOOP])
        if self._closed:
            self._session.end(Reason.SERVER)
        return payload

    def check_poll(self) -> None:
        """Notice that the client gave its waiting poll up: the session is over (Node)."""
        if self._wire is not None and self._wire.is_closing():
            self._session.lost(self, Reason.TRANSPORT_ERROR)

    @contextmanager
    def posting(self) -> Iterator[None]:
        """Hold the place of the one POST that may be under way; OverlapError for a second."""
        if self._posting:
            raise OverlapError
        self._posting = True
        try:
            yield
        finally:
            self._posting = False

    async def take_post(self, body: bytes) -> bool:
        """Hand the packets of a POST to the session; False, and the session over, if malformed."""
        try:
            packets = decode_payload(body.decode())
        except (UnicodeDecodeError, PacketError):
            self._session.malformed(self)
            return False
        turn = Turn()
        for packet in packets:
            await turn.pause()
            self._session.receive(packet, self)
        return True

    # what the session asks for

    def send(self, packet: Outbound) -> None:
        """Buffer for the poll that waits, or for the next one."""
        self._packets.append(packet)
        self.buffered += len(packet.text)
        if self.buffered > self._max_buffer:
            self._take()
            self._session.lost(self, Reason.TRANSPORT_ERROR)
        else:
            self._release()

    def close(self, farewell: Outbound) -> bool:
        """End the waiting poll with `farewell`, or else the next one; False if it has to come."""
        if self._closed:
            return True
        self._closed = True
        self._packets.append(farewell)
        return self._release()

    def abort(self) -> None:
        """Drop the connection of the waiting poll, if there is one."""
        self._closed = True
        if self._wire is not None:
            self._wire.abort()
        self._release()

    def hand_over(self) -> list[Outbound]:
        """What was not fetched, for the WebSocket to send; a waiting poll ends with a NOOP."""
        packets = self._take()
        self._release()
        return packets

    def wake(self) -> None:
        """End a waiting poll with a NOOP, unless packets do it."""
        self._release()

    def _take(self) -> list[Outbound]:
        packets, self._packets, self.buffered = self._packets, [], 0
        return packets

    def _release(self) -> bool:
        """Let the waiting poll, if any, answer; it takes what is there when it runs."""
        if self._waiting is None:
            return False
        if not self._waiting.done():
            self._waiting.set_result(None)
        return True
