"""Schedules that are drawn: what people do and what goes wrong, in any order."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession

from conformance.checks import name_of, shows
from conformance.deadlines import Deadline
from conformance.generated.blame import OF_SERVERS, server_blame
from conformance.generated.checking import holds
from conformance.generated.server import ServerTarget
from conformance.server.chat import Chat, open_chat
from conformance.settings import Settings
from conformance.targets.servers import Servers
from fakes.control import ControlClient

_SCHEDULE_S = 120.0
"""Beyond what a schedule may take: each of its steps has a deadline of its own."""


@shows(*OF_SERVERS)
@pytest.mark.timeout(0)  # a night is a night; each step has its own deadline
async def test_drawn_schedules(
    servers: Servers,
    session: ClientSession,
    control: ControlClient | None,
    rng: random.Random,
    settings: Settings,
    request: pytest.FixtureRequest,
) -> None:
    """Whatever is done and goes wrong, agents hear and find all of it, once, in order, as it is."""
    await servers.needs("message_scope")

    @asynccontextmanager
    async def chat() -> AsyncIterator[Chat]:
        server = await servers.usual()
        until = Deadline(_SCHEDULE_S)
        async with open_chat(servers, server, session, control, rng, until) as opened:
            yield opened

    target = ServerTarget(chat)
    try:
        await holds(target, "server", server_blame, settings, name_of(request.node))
    finally:
        await target.close()
