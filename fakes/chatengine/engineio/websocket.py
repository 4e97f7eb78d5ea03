"""The WebSocket transport: frames go straight to the TCP transport, without a queue of our own."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Final

from chatengine.packets.engineio import decode
from chatengine.packets.errors import PacketError
from chatengine.packets.websocket import Frame, FrameReader, Opcode, frame_close, frame_of
from fakes.chatengine.engineio.session import Reason

if TYPE_CHECKING:
    from chatengine.packets.websocket import Deflate
    from fakes.chatengine.engineio.outbound import Outbound
    from fakes.chatengine.engineio.session import Session
    from fakes.chatengine.engineio.settings import EngineSettings

__all__ = ["WebSocketTransport"]

DEFLATE_FROM: Final = 1024
"""Bytes below which compression is not worth its cost (the `threshold` of Node's ws)."""


MOST_FRAMES: Final = 100
"""Frames taken of one peer before others are served: a read may bring 10,000 small ones, and each
may set a handler to work. A hundred take about 5 ms with their handlers."""

END_OF_STREAM_S: Final = 0.25
"""Between the close frame that answers a violation and the end of the stream: a client that sees
both at once takes the second for a lost connection (aiohttp's reports 1006)."""


class WebSocketTransport:
    """One upgraded TCP connection.

    aiohttp hands it the bytes it receives (`feed_data`) and says when the connection is lost
    (`feed_eof`); `lost` is done from then on.
    """

    name = "websocket"

    def __init__(
        self,
        session: Session,
        wire: asyncio.Transport,
        settings: EngineSettings,
        deflate: Deflate | None = None,
    ) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._session = session
        self._wire = wire
        self._max_buffer = settings.max_write_buffer
        self._close_grace_s = settings.close_grace_ms / 1000
        self._deflate = deflate
        self._reader = FrameReader(settings.max_payload, deflate=deflate)
        self._readable = True
        self._resting = False
        self._closing = False
        self._grace: asyncio.TimerHandle | None = None

    # what the session asks for

    @property
    def buffered(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._wire.get_write_buffer_size()

    def send(self, packet: Outbound) -> None:
        """Write one message. A broadcast's frame was made before; a compressed one is made here."""
        if self._deflate is None or len(packet.payload) < DEFLATE_FROM:
            self._write(packet.frame)
        else:
            payload = self._deflate.compress(packet.payload)
            self._write(frame_of(packet.opcode, payload, compressed=True))

    def close(self, farewell: Outbound | None = None) -> bool:
        """Send a close frame behind everything else."""
        self._close(None)
        return True

    def abort(self) -> None:
        """Drop the TCP connection."""
        self._closing = True
        self._readable = False
        self._wire.abort()

    def hand_over(self) -> list[Outbound]:
        """Nothing waits here: nothing is ever left."""
        return []

    def wake(self) -> None:
        """No poll waits here."""

    def _write(self, frame: bytes) -> None:
        if self._closing:
            return
        self._wire.write(frame)
        if self._wire.get_write_buffer_size() > self._max_buffer:
            self.abort()
            self._session.lost(self, Reason.TRANSPORT_ERROR)

    def _close(self, code: int | None) -> None:
        """Send a close frame; the peer's own ends the connection, or else the grace does."""
        if self._closing:
            return
        self._closing = True
        self._wire.write(frame_close(code))
        loop = asyncio.get_running_loop()
        self._grace = loop.call_later(self._close_grace_s, self._wire.abort)

    def _fail(self, code: int) -> None:
        """Close after a violation: the peer's close frame cannot be recognised any more.

        The stream is ended, not the connection: closing it with unread data would reset it, and a
        peer in the middle of a 10 MB message would never see why.
        """
        self._readable = False
        self._close(code)
        asyncio.get_running_loop().call_later(END_OF_STREAM_S, self._end_stream)
        self._session.lost(self, Reason.TRANSPORT_ERROR)

    def _end_stream(self) -> None:
        if self._wire.is_closing():
            return
        if self._wire.can_write_eof():
            self._wire.write_eof()
        else:
            self._wire.close()  # TLS knows no half-closed connection

    # what aiohttp tells

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take bytes from the peer; returns what aiohttp's parsers do: not done, nothing left."""
        self._take_frames(data)
        return False, b""

    def _take_frames(self, data: bytes = b"") -> None:
        """Take what has come; after many frames the peer rests, and its bytes wait unread."""
        if not self._readable:
            return
        taken = 0
        try:
            for frame in islice(self._reader.feed(data), MOST_FRAMES):
                self._take(frame)
                taken += 1
        except PacketError as error:
            self._fail(error.close_code)
        if taken == MOST_FRAMES and not self._resting and not self._wire.is_closing():
            self._resting = True
            self._wire.pause_reading()
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._resting = False
        self._take_frames()
        if not self._resting and not self._wire.is_closing():
            self._wire.resume_reading()

    def feed_eof(self) -> None:
        """The connection is lost."""
        self._closing = True
        self._readable = False
        if self._grace is not None:
            self._grace.cancel()
        if not self.lost.done():
            self.lost.set_result(None)
        self._session.lost(self, Reason.TRANSPORT_CLOSE)

    def _take(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.PING:
                assert isinstance(frame.data, bytes)
                self._write(frame_of(Opcode.PONG, frame.data))
            case Opcode.PONG:
                pass
            case Opcode.CLOSE:
                self._readable = False
                self._close(frame.close_code)
                self._wire.close()
                self._session.lost(self, Reason.TRANSPORT_CLOSE)
            case _ if not self._closing:
                self._take_message(frame.data)

    def _take_message(self, data: str | bytes) -> None:
        try:
            packet = decode(data)
        except PacketError:
            self._session.malformed(self)
        else:
            self._session.receive(packet, self)
