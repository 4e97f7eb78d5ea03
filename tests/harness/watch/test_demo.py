"""The demo's world: people who write, and a network that fails in each way and is mended."""

from __future__ import annotations

from contextlib import asynccontextmanager
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout

from fakes.control import ControlClient
from fakes.environment import Instance, Secret
from fakes.together import FakesSettings, RunningFakes, running_fakes
from harness.watch.weather import ROUND, Failure, forecast, mend
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECRET = Secret("a secret of more than thirty-two characters")
SETTINGS = FakesSettings(
    secret=SECRET,
    supabase_secret=SECRET,
    api_key=SECRET,
    instances={"sales-1": Instance("w-1", "n-1")},
    proxied=frozenset(("chatengine", "supabase")),
)
HANDSHAKE = "/api/ws/?EIO=4&transport=polling"
ALL = {"http": True, "socket": True, "supabase": True}
WHAT_WORKS = {
    "loses ChatEngine for 10 s": {"http": False, "socket": False, "supabase": True},
    "lets plain HTTP through alone for 15 s": {"http": True, "socket": False, "supabase": False},
    "is gone altogether for 5 s": {"http": False, "socket": False, "supabase": False},
}
"""The others end connections that are open, and let new ones pass."""


@asynccontextmanager
async def connected(fakes: RunningFakes) -> AsyncIterator[ClientSession]:
    """A session with a connection open to ChatEngine and to Supabase."""
    async with ClientSession(timeout=ClientTimeout(total=1)) as session:
        assert await works(fakes, session) == ALL
        yield session


async def works(fakes: RunningFakes, session: ClientSession) -> dict[str, bool]:
    chatengine, supabase = fakes.url_of("chatengine"), fakes.url_of("supabase")
    return {
        "http": await answers(session, f"{chatengine}/api/health"),
        "socket": await answers(session, chatengine + HANDSHAKE),
        "supabase": await answers(session, f"{supabase}/rest/v1/messages"),
    }


async def answers(session: ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status < 500
    except (ClientError, TimeoutError):
        return False


@pytest.mark.parametrize("failure", ROUND, ids=lambda failure: failure.told)
async def test_a_failure_does_what_is_told_of_it_until_it_is_mended(failure: Failure) -> None:
    """Open connections are lost, new ones find what is left, and at the end all works again."""
    async with running_fakes(SETTINGS) as fakes, connected(fakes) as session:
        control = ControlClient(session, fakes.chatengine.control)
        proxy = fakes.proxies["chatengine"]
        assert proxy.connections
        await failure.begin(fakes, control)
        await until(lambda: all(each.half_open for each in proxy.connections))
        async with ClientSession(timeout=ClientTimeout(total=1)) as another:
            assert await works(fakes, another) == WHAT_WORKS.get(failure.told, ALL)
            await mend(fakes, control)
            assert await works(fakes, another) == ALL


def test_the_forecast_is_drawn_by_its_seed() -> None:
    """The same seed gives the same weather, another seed another; each round has every failure."""
    first, again, other = (list(islice(forecast(seed), 60)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    for begin in range(0, 60, len(ROUND)):
        failures = [failure for _, failure in first[begin : begin + len(ROUND)]]
        assert sorted(f.told for f in failures) == sorted(f.told for f in ROUND)
    assert all(5 <= calm <= 15 for calm, _ in first)
