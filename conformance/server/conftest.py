"""What the checks of a server are given. One event loop serves them all, as the server's pipes and
the provider outlast a check.
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from conformance.deadlines import Deadline
from conformance.probes.wire import TransportName
from conformance.server.chat import Chat, open_chat
from conformance.server.patience import CHECK_S, Patience
from conformance.settings import Settings
from conformance.targets.evolution import RunningProvider, running_provider
from conformance.targets.server import ServerUnderTest
from conformance.targets.servers import INSTANCES, Servers
from conformance.telling import outcome_by_now
from fakes.control import ControlClient

OpenChat = Callable[..., AbstractAsyncContextManager[Chat]]

_HERE: Final = Path(__file__).parent
_PATIENCE_S: Final = 90.0
"""Beyond any check's own deadline: one that asks further has a fault."""

_MANY_S: Final = 45.0
"""More than the usual, for 500 messages: a database takes tens of milliseconds for one."""

_IDLE_S: Final = 1.0
"""Until a connection is not used again: servers close idle ones after 2 s (gunicorn) or 5 s (Node),
and a call that meets that moment would be lost.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every check of this folder run on the session's loop."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def session() -> AsyncIterator[ClientSession]:
    """The HTTP connections of the run."""
    timeout = ClientTimeout(total=_PATIENCE_S)
    connector = TCPConnector(limit=0, keepalive_timeout=_IDLE_S)
    async with ClientSession(connector=connector, timeout=timeout) as session:
        yield session


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def provider(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningProvider]:
    """The provider behind the servers."""
    folder = tmp_path_factory.getbasetemp()
    common = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    async with running_provider(INSTANCES, settings.server.deployed, common) as provider:
        yield provider


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers(
    settings: Settings, provider: RunningProvider, session: ClientSession
) -> AsyncIterator[Servers]:
    """The servers under test."""
    servers = Servers(settings.server, provider.settings, session)
    yield servers
    await servers.close()


@pytest.fixture(scope="session")
def control(provider: RunningProvider, session: ClientSession) -> ControlClient | None:
    """What the provider is steered by; None where it cannot be seen."""
    return None if provider.door is None else ControlClient(session, provider.door)


@pytest.fixture(scope="session")
def patience() -> Patience:
    """How long checks wait, one for all of the process."""
    return Patience()


@pytest.fixture
def opened(
    request: pytest.FixtureRequest,
    servers: Servers,
    session: ClientSession,
    control: ControlClient | None,
    rng: random.Random,
    patience: Patience,
) -> OpenChat:
    """Opens a check's world on a server; `more_s` is for waiting for a heartbeat to run out."""

    @asynccontextmanager
    async def open_on(server: ServerUnderTest, more_s: float = 0.0) -> AsyncIterator[Chat]:
        deadline = Deadline(CHECK_S + more_s, patience.each_s)
        world = (servers, server, session, control, rng)
        async with open_chat(*world, deadline, begin_s=patience.begin_s) as chat:
            yield chat
            patience.learn(request.node.nodeid, outcome_by_now(request.node), deadline)

    return open_on


@pytest_asyncio.fixture(loop_scope="session")
async def chat(servers: Servers, opened: OpenChat) -> AsyncIterator[Chat]:
    """A check's world, on the server as it is mostly tried."""
    async with opened(await servers.usual()) as chat:
        yield chat


@pytest_asyncio.fixture(loop_scope="session")
async def patient_chat(servers: Servers, opened: OpenChat) -> AsyncIterator[Chat]:
    """The same, with time for hundreds of messages that are handled one after the other."""
    async with opened(await servers.usual(), _MANY_S) as chat:
        yield chat


@pytest_asyncio.fixture(loop_scope="session")
async def quick_chat(servers: Servers, opened: OpenChat) -> AsyncIterator[Chat]:
    """The same, on a server whose heartbeat is short; a check may wait for it to run out."""
    server = await servers.quick()
    heartbeat_s = (server.settings.ping_interval_ms + server.settings.ping_timeout_ms) / 1000
    async with opened(server, heartbeat_s) as chat:
        yield chat


@pytest_asyncio.fixture(loop_scope="session")
async def choosy_chat(servers: Servers, opened: OpenChat) -> AsyncIterator[Chat]:
    """The same, on a server that is told an issuer and an audience."""
    await servers.needs("iss_aud")
    async with opened(await servers.choosy()) as chat:
        yield chat


@pytest_asyncio.fixture(params=["websocket", "polling"], loop_scope="session")
async def transport(request: pytest.FixtureRequest, servers: Servers) -> TransportName:
    """Each transport that the server has, one after the other."""
    name: TransportName = request.param
    if name == "polling":
        await servers.needs("polling")
    return name
