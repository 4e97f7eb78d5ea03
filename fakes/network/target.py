"""The way to the target: its addresses, found once, and a connected socket for each connection."""

import asyncio
import errno
import os
import socket
from typing import Any, Final

from fakes.environment import SettingsError
from fakes.logs import Log
from fakes.network.addresses import Address

__all__ = ["Target", "find_target"]

_CONNECT_S: Final = 10.0
"""For all addresses together; who waits longer has long given up (C-SND-4: 10 s)."""

_log: Final = Log(__name__)


class Target:
    """Connects to the first of the addresses that answers."""

    def __init__(self, address: Address, found: list[tuple[socket.AddressFamily, Any]]) -> None:
        self._address = address
        self._found = found
        self._is_away = False

    async def connect(self) -> socket.socket | None:
        """Return a connected socket; None where nobody answers, which is logged once."""
        try:
            async with asyncio.timeout(_CONNECT_S):
                connected = await self._first()
        except OSError as error:  # a TimeoutError among them
            if not self._is_away:
                reason = os.strerror(error.errno or errno.ETIMEDOUT)
                _log.warning("target away", target=str(self._address), reason=reason)
            self._is_away = True
            return None
        if self._is_away:
            _log.info("target back", target=str(self._address))
        self._is_away = False
        return connected

    async def _first(self) -> socket.socket:
        for family, address in self._found[:-1]:
            try:
                return await _connected(family, address)
            except OSError:
                continue
        return await _connected(*self._found[-1])


async def _connected(family: socket.AddressFamily, address: Any) -> socket.socket:
    connecting = socket.socket(family, socket.SOCK_STREAM)
    try:
        connecting.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connecting, address)
    except BaseException:
        connecting.close()
        raise
    return connecting


async def find_target(address: Address) -> Target:
    """Look a target's host up; raises `SettingsError` where there is no such host."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SettingsError(f"TARGET has a host that cannot be found: {address}") from None
    return Target(address, [(family, where) for family, _, _, _, where in found])
