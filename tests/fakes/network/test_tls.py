"""TLS through the proxy: nothing of it is opened, and everything of it passes."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from fakes.network import (
    Address,
    AfterBytes,
    Corrupt,
    Drop,
    OnFrame,
    ProxySettings,
    Rule,
    RunningProxy,
    Schedule,
    Slice,
    running_proxy,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@asynccontextmanager
async def proxied(certificate: Path, *rules: Rule) -> AsyncIterator[RunningProxy]:
    """A server that echoes lines over TLS, and a proxy in front of it."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=tls)
    target = Address("127.0.0.1", server.sockets[0].getsockname()[1])
    settings = ProxySettings(target=target, schedule=Schedule(rules))
    async with server, running_proxy(settings) as proxy:
        yield proxy


async def echoed(proxy: RunningProxy, certificate: Path, line: bytes) -> bytes:
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port, ssl=trusting)
        try:
            writer.write(line)
            return await reader.read()
        finally:
            writer.close()


async def test_tls_passes_untouched(certificate: Path) -> None:
    """The client checks the server's own certificate; slices are put together, no frame is seen."""
    rules = (Rule(Slice(200)), Rule(Drop(), OnFrame(times=None)))
    async with proxied(certificate, *rules) as proxy:
        assert await echoed(proxy, certificate, b"a secret\n") == b"a secret\n"
        assert proxy.stats.frames.to_client == 0
        assert set(proxy.stats.fired) == {"slice"}


async def test_corrupted_tls_is_noticed(certificate: Path) -> None:
    """One bit of it, and the peers do not go on."""
    rule = Rule(Corrupt(1, mask=1), AfterBytes(100, "to_client"))
    async with proxied(certificate, rule) as proxy:
        with pytest.raises(ssl.SSLError):
            await echoed(proxy, certificate, b"a secret\n")
