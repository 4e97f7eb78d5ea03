"""What each check of a client is given: the client, and a world of its own around it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Final

import pytest

from chatengine.history import VERSION, Began
from conformance.checks import name_of, shown_by
from conformance.client.feeds import Feed, RealtimeFeed, SocketFeed
from conformance.history.files import write
from conformance.journal import HARNESS, Journal
from conformance.outcomes import Outcome, TargetGone
from conformance.requirements import REQUIREMENTS
from conformance.settings import Settings
from conformance.targets.adapter import Adapter, AdapterProblem
from conformance.targets.client import OWN_CLIENT, ClientUnderTest
from conformance.telling import outcome_by_now
from conformance.world import World, WorldSettings, running_world

_MOST_PROBLEMS: Final = 3
"""Checks in a row that an adapter breaks off, before what remains is not tried any more."""

MakeClient = Callable[[str], Awaitable[ClientUnderTest]]


class Health:
    """How the adapter has fared in the checks that this process ran."""

    def __init__(self) -> None:
        self._problems = 0

    def well(self) -> None:
        """A check came to its end."""
        self._problems = 0

    def ill(self, problem: AdapterProblem) -> None:
        """A check was broken off; raises `TargetGone` after too many in a row."""
        self._problems += 1
        if self._problems >= _MOST_PROBLEMS:
            told = f"{_MOST_PROBLEMS} checks in a row, the last so: {problem}"
            raise TargetGone(f"The adapter broke off {told}") from None


@pytest.fixture(scope="session")
def health() -> Health:
    """One for all checks of the process."""
    return Health()


@pytest.fixture
def journal(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Journal]:
    """The history of the check; that of one that failed is kept whole, for the checkers."""
    journal, check = Journal(), name_of(request.node)
    journal.add(Began, HARNESS, version=VERSION, about=check)
    yield journal
    if outcome_by_now(request.node) is Outcome.FAIL:
        name = "-".join(re.findall(r"\w+", check.partition("::")[2]))
        write(settings.histories / f"{name}.jsonl", journal.records)


@pytest.fixture
async def world(request: pytest.FixtureRequest, journal: Journal) -> AsyncIterator[World]:
    """The fakes; a check may choose their settings by indirect parameters."""
    async with running_world(getattr(request, "param", WorldSettings()), journal) as running:
        yield running


@pytest.fixture
async def make_client(
    settings: Settings, journal: Journal, health: Health
) -> AsyncIterator[MakeClient]:
    """Makes clients under a name, each in a process of its own."""
    command = settings.client.command or OWN_CLIENT
    async with AsyncExitStack() as stack:

        async def make(who: str) -> ClientUnderTest:
            adapter = await Adapter.start(command)
            stack.push_async_callback(_end, adapter, health)
            try:
                return await ClientUnderTest.greet(adapter, journal, who)
            except AdapterProblem as problem:
                raise TargetGone(str(problem)) from None

        yield make


async def _end(adapter: Adapter, health: Health) -> None:
    problem = adapter.problem
    await adapter.close()
    if problem is None:
        health.well()
    else:
        health.ill(problem)


@pytest.fixture
async def client(make_client: MakeClient, request: pytest.FixtureRequest) -> ClientUnderTest:
    """The client under test; what the check's requirements need of it, it claims."""
    client = await make_client("client")
    for identifier in shown_by(request.node):
        client.needs(*REQUIREMENTS[identifier].needs)
    return client


@pytest.fixture(params=["websocket", "supabase"])
def feed(request: pytest.FixtureRequest, client: ClientUnderTest, world: World) -> Feed:
    """What tells the client: the socket, and, in a check of its own, Realtime."""
    client.needs(request.param)
    kind = SocketFeed if request.param == "websocket" else RealtimeFeed
    return kind(world, client)
