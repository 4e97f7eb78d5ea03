"""What the socket's tests share: a fake ChatEngine, and an eye on what asyncio complains of."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from tests.fakes.chatengine.world import World, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as world:
        await world.call("GET", "/api/health")  # the test's own connections to it are there now
        await world.control.call("GET", "/connections")
        yield world


@pytest.fixture(autouse=True)
def _no_complaints(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No exception of a task is lost, and the library prints nothing."""
    yield
    gc.collect(1)  # what this test made is young
    loggers = ("asyncio", "socketio", "engineio", "aiohttp", "chatengine.client.wire")
    assert [each for each in caplog.records if each.name.startswith(loggers)] == []
