"""One socket of a connection: reads while it may, writes what the kernel takes, keeps the rest.

On the sockets themselves and not on asyncio's transports: a proxy that is to pass on a FIN, a RST
and a small write exactly when they come has to make each of those calls itself, in that moment.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

__all__ = ["Leg", "LegListener", "reset"]

_READ: Final = 64 * 1024
_READS: Final = 16
"""Reads in a row, a megabyte, before other connections get their turn."""

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, for 0 s: close() sends RST and drops what was not sent (socket(7))."""


class LegListener(Protocol):
    """Whoever is told what a leg's peer does."""

    def received(self, data: bytes) -> None:
        """Bytes came."""

    def ended(self) -> None:
        """The peer's FIN came; nothing more will."""

    def lost(self) -> None:
        """The peer's RST came, or the network's word that it is gone; the leg is closed."""

    def writable(self) -> None:
        """All that was written has been taken by the kernel."""

    def closed(self) -> None:
        """The socket is closed, whatever the reason; the last call."""


def reset(sock: socket.socket) -> None:
    """Close a socket with a RST."""
    _set(sock, socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.close()


def _set(sock: socket.socket, level: int, option: int, value: int | bytes) -> None:
    with suppress(OSError):  # some systems refuse it where the peer has reset the connection
        sock.setsockopt(level, option, value)


class Leg:
    """Owns `sock`, which is connected; nothing is read before `resume`."""

    def __init__(self, sock: socket.socket, listener: LegListener) -> None:
        sock.setblocking(False)
        _set(sock, socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._unsent = bytearray()
        self._reads = False
        self.has_ended = False
        """Whether the peer's FIN has come."""
        self._finishing = False
        self._finished = False
        self._broken = False
        self.is_closed = False

    @property
    def is_blocked(self) -> bool:
        """Whether the kernel has not taken all yet."""
        return bool(self._unsent)

    def resume(self) -> None:
        """Read what comes."""
        if not (self._reads or self.has_ended or self.is_closed):
            self._reads = True
            self._loop.add_reader(self._sock, self._read)

    def pause(self) -> None:
        """Leave what comes in the kernel, whose window then stops the peer."""
        if self._reads:
            self._reads = False
            self._loop.remove_reader(self._sock)

    def write(self, data: bytes) -> None:
        """Send, or keep what the kernel does not take; nothing, where nobody reads any more."""
        if self.is_closed or self._finishing or self._broken:
            return
        if self._unsent:
            self._unsent += data
            return
        sent = self._send(data)
        if sent < len(data) and not self._broken:
            self._unsent += memoryview(data)[sent:]
            self._loop.add_writer(self._sock, self._write)

    def finish(self) -> None:
        """Send a FIN behind all that was written; closed once the peer's has come, too."""
        if not (self._finishing or self.is_closed):
            self._finishing = True
            self._finish_when_sent()

    def reset(self) -> None:
        """Send a RST, now."""
        self._close(lambda: reset(self._sock))

    def close(self) -> None:
        """Close, now; a RST where the peer's bytes were not read (RFC 2525, section 2.17)."""
        self._close(self._sock.close)

    def _close(self, how: Callable[[], None]) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        self.pause()
        self._forget_unsent()
        how()
        self._listener.closed()

    def _read(self) -> None:
        """Read until there is nothing more.

        Once a socket has an error, uvloop calls its reader for the last time, though there may be
        bytes before the error: whoever reads but once never learns of it.
        """
        for _ in range(_READS):
            if not (self._reads and self._read_once()):
                return
        self._loop.call_soon(self._read)

    def _read_once(self) -> bool:
        try:
            data = self._sock.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            self._lose()
            return False
        if data:
            self._listener.received(data)
            return True
        self.has_ended = True
        self.pause()
        self._listener.ended()
        self._close_when_done()
        return False

    def _send(self, data: bytes | bytearray) -> int:
        try:
            return self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            # What the peer sent before it went is still to be read; the reader finds out then.
            self._broken = True
            self._forget_unsent()
            if self.has_ended:
                self._lose()
            return 0

    def _write(self) -> None:
        del self._unsent[: self._send(self._unsent)]
        if not self._unsent and not self.is_closed:
            self._loop.remove_writer(self._sock)
            self._listener.writable()
            self._finish_when_sent()

    def _forget_unsent(self) -> None:
        if self._unsent:
            self._unsent.clear()
            self._loop.remove_writer(self._sock)

    def _finish_when_sent(self) -> None:
        if not self._finishing or self._unsent or self._finished or self.is_closed:
            return
        self._finished = True
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:  # the peer is gone; the reader finds out
            self._broken = True
        self._close_when_done()

    def _close_when_done(self) -> None:
        if self.has_ended and self._finished:
            self.close()

    def _lose(self) -> None:
        if not self.is_closed:
            self._listener.lost()
            self.close()
