"""Servers for the protocol tests, on the event loop that the fakes run on."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest_asyncio
import uvloop

from fakes.chatengine.engineio.server import EngineServer
from fakes.chatengine.realtime import RealtimeServer
from tests.fakes.chatengine.protocol.wire import Client, echo_server, realtime_server


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The tests of this directory run on uvloop."""
    return {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture
async def echo() -> AsyncIterator[tuple[Client, EngineServer, list[str]]]:
    """An Engine.IO server that echoes, under the 25 s heartbeat."""
    async with echo_server() as serving:
        yield serving


@pytest_asyncio.fixture
async def realtime() -> AsyncIterator[tuple[Client, RealtimeServer]]:
    """A Socket.IO server under the 25 s heartbeat."""
    async with realtime_server() as serving:
        yield serving
