"""Hearing that bytes come, whatever they will be a part of: a long message is no silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["overhear"]


def overhear(transport: asyncio.Transport, heard: Callable[[], None]) -> None:
    """Call `heard` whenever bytes have come over `transport`, from now on."""
    protocol = transport.get_protocol()
    assert isinstance(protocol, asyncio.Protocol)
    transport.set_protocol(_Overheard(protocol, heard))


class _Overheard(asyncio.Protocol):
    """Stands before a protocol, to which everything goes on."""

    def __init__(self, protocol: asyncio.Protocol, heard: Callable[[], None]) -> None:
        self._protocol = protocol
        self._heard = heard

    def data_received(self, data: bytes) -> None:
        self._heard()
        self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()
