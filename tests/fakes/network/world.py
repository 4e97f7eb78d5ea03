"""A target, a proxy in front of it, and both ends of every connection in a test's hands."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fakes.network import Address, ProxySettings, Rule, RunningProxy, Schedule, running_proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["End", "World", "how_they_end", "quiet", "world"]

_DEADLINE_S = 10.0
_QUIET_S = 0.1


class End:
    """One end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        if not self.writer.is_closing():  # else uvloop raises
            self.writer.write(data)

    async def read(self, size: int) -> bytes:
        """Exactly so many bytes, within the deadline."""
        async with asyncio.timeout(_DEADLINE_S):
            return await self._reader.readexactly(size)

    async def read_some(self) -> bytes:
        """What has come, or comes first."""
        async with asyncio.timeout(_DEADLINE_S):
            return await self._reader.read(65_536)

    async def end(self) -> str:
        """How it ends, behind what has been read: "FIN" or "RST"; anything else is returned."""
        async with asyncio.timeout(_DEADLINE_S):
            try:
                rest = await self._reader.read()
            except ConnectionResetError:
                return "RST"
        return "FIN" if rest == b"" else repr(rest)

    async def quiet(self) -> bool:
        """Whether nothing comes for a while, not even an end."""
        try:
            async with asyncio.timeout(_QUIET_S):
                return await self._reader.read(1) == b"\0never"
        except TimeoutError:
            return True

    @property
    def fileno(self) -> int:
        return int(self.writer.get_extra_info("socket").fileno())

    def close(self) -> None:
        self.writer.close()

    def abort(self) -> None:
        self.writer.transport.abort()


async def quiet(*ends: End) -> bool:
    """Whether nothing comes to any of them for a while."""
    return all(await asyncio.gather(*(end.quiet() for end in ends)))


async def how_they_end(*ends: End) -> list[str]:
    """How each of them ends, "FIN" or "RST"."""
    return list(await asyncio.gather(*(end.end() for end in ends)))


class World:
    """The proxy, and connections through it."""

    def __init__(self, proxy: RunningProxy, accepted: asyncio.Queue[End]) -> None:
        self.proxy = proxy
        self._accepted = accepted
        self.ends: list[End] = []

    async def client(self) -> End:
        """Connect to the proxy."""
        address = self.proxy.address
        end = End(*await asyncio.open_connection(address.host, address.port))
        self.ends.append(end)
        return end

    async def is_refused(self) -> bool:
        """Whether a connection is reset, before or after the client knows that it was accepted."""
        try:
            return await (await self.client()).end() == "RST"
        except ConnectionResetError:
            return True

    async def connect(self) -> tuple[End, End]:
        """Connect, and return the client's end and the target's."""
        return await self.client(), await self.accepted()

    async def accepted(self) -> End:
        """The target's end of the next connection that reaches it."""
        return await asyncio.wait_for(self._accepted.get(), _DEADLINE_S)


@asynccontextmanager
async def world(*rules: Rule, host: str = "127.0.0.1", **settings: Any) -> AsyncIterator[World]:
    """A target on `host` and a proxy in front of it, with these rules from the start."""
    accepted: asyncio.Queue[End] = asyncio.Queue()
    served: list[End] = []

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(End(reader, writer))
        accepted.put_nowait(served[-1])

    server = await asyncio.start_server(serve, host, 0, backlog=4096)
    target = Address(host, server.sockets[0].getsockname()[1])
    made: list[End] = []
    try:
        async with running_proxy(
            ProxySettings(target=target, schedule=Schedule(rules), **settings)
        ) as proxy:
            here = World(proxy, accepted)
            made = here.ends
            yield here
    finally:
        server.close()
        for end in made + served:
            end.abort()
        await server.wait_closed()
