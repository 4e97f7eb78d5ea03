"""Listening: free and taken ports, the limit of open files."""

from __future__ import annotations

import asyncio
import resource
import socket

import pytest
from aiohttp import ClientSession, web

from fakes.serving import (
    CouldNotListen,
    listening_socket,
    raise_open_file_limit,
    reachable_url,
    serving,
)
from tests.waiting import until


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def test_an_application_is_served_for_as_long_as_the_block_lasts() -> None:
    """It answers on the port that is told; after the block nobody listens, nothing stays open."""
    app = web.Application()
    app.router.add_get("/", hello)
    async with (
        serving(app, "127.0.0.1", 0) as port,
        ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/") as response,
    ):
        assert await response.text() == "hello"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_handler_ends_with_its_client_where_that_is_asked_for(cancelled: bool) -> None:
    """Otherwise what a client has sent is handled whole, though nobody waits for the answer."""
    go_on = asyncio.Event()
    begun: list[web.Request] = []
    ends: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        begun.append(request)
        try:
            await go_on.wait()
            ends.append("handled")
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise
        return web.Response()

    app = web.Application()
    app.router.add_get("/", handle)
    async with (
        asyncio.timeout(5),
        serving(app, "127.0.0.1", 0, handler_cancellation=cancelled) as port,
    ):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: begun)
        writer.transport.abort()
        await until(lambda: begun[0].transport is None)
        if cancelled:
            await until(lambda: ends)
        go_on.set()
        await until(lambda: ends)
    assert ends == ["cancelled" if cancelled else "handled"]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:4000"),
        ("0.0.0.0", "http://127.0.0.1:4000"),
        ("::", "http://[::1]:4000"),
        ("::1", "http://[::1]:4000"),
        ("localhost", "http://localhost:4000"),
    ],
)
def test_a_server_is_reached_by_an_address_of_its_own(host: str, url: str) -> None:
    """What listens everywhere is reached on loopback; an IPv6 address stands in brackets."""
    assert reachable_url(host, 4000) == url


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("127.0.0.1", "the port is taken"),
        ("192.0.2.1", "not an address of this machine"),  # RFC 5737: for documentation alone
    ],
)
async def test_a_port_that_cannot_be_had_is_one_sentence(host: str, reason: str) -> None:
    """The error carries host, port and reason; its text is the sentence to show."""
    with listening_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CouldNotListen) as caught:
            async with serving(web.Application(), host, port):
                pytest.fail("it was served")
    assert (caught.value.host, caught.value.port) == (host, port)
    assert str(caught.value) == f"cannot listen on {host}:{port}: {reason}"


def test_a_host_that_is_none_cannot_be_listened_on() -> None:
    """A name that does not resolve is told as such, not as a traceback."""
    with pytest.raises(CouldNotListen, match=r"cannot listen on no host\.invalid:0: "):
        listening_socket("no host.invalid", 0)


def test_the_limit_of_open_files_is_raised_to_the_hard_one() -> None:
    """The soft limit becomes what the machine allows, and is told."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))
    try:
        raised = raise_open_file_limit()
        assert raised == resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 256
        assert raise_open_file_limit() == raised
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
