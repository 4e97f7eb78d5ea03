"""Accepting: every connection that comes, in the order in which it comes."""

import asyncio
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Final

from fakes.logs import Log
from fakes.network.addresses import LOOPBACK, Address
from fakes.serving import CouldNotListen, listening_socket

__all__ = ["Doors"]

_AT_ONCE: Final = 64
"""Connections taken before those that are open get their turn."""

_NO_FILES_S: Final = 0.1
"""How long to wait where the process has no file left for another connection."""

_log: Final = Log(__name__)


class Doors:
    """Listens on an address within its block and hands over each socket that is accepted.

    `localhost` is both loopbacks. Entering raises `CouldNotListen`.
    """

    def __init__(self, listen: Address, accepted: Callable[[socket.socket], None]) -> None:
        self._listen = listen
        self._accepted = accepted
        self._sockets: list[socket.socket] = []
        self._paused: set[asyncio.TimerHandle] = set()

    def __enter__(self) -> int:
        """Listen; returns the port."""
        host, port = self._listen.host, self._listen.port
        self._open(LOOPBACK if host == "localhost" else host, port)
        port = self._sockets[0].getsockname()[1]
        if host == "localhost" and _has_ipv6():
            try:
                self._open("::1", port)
            except CouldNotListen:
                self._close()
                raise
        for listener in self._sockets:
            listener.setblocking(False)
            self._resume(listener)
        return int(port)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        for timer in self._paused:
            timer.cancel()
        for listener in self._sockets:
            loop.remove_reader(listener)
        self._close()

    def _open(self, host: str, port: int) -> None:
        self._sockets.append(listening_socket(host, port))

    def _close(self) -> None:
        for listener in self._sockets:
            listener.close()

    def _resume(self, listener: socket.socket) -> None:
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                _log.warning("cannot accept", reason=error.strerror)
                loop = asyncio.get_running_loop()
                loop.remove_reader(listener)
                self._paused.add(loop.call_later(_NO_FILES_S, self._resume, listener))
                return
            self._accepted(accepted)


def _has_ipv6() -> bool:
    try:
        listening_socket("::1", 0).close()
    except CouldNotListen:
        return False
    return True
