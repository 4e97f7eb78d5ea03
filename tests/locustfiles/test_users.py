"""The users: the one in the documentation, the agent at work, and what stopped ones leave."""

from __future__ import annotations

import ast
import json
import signal
import textwrap
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from fakes.chatengine.settings import ProviderSettings
from fakes.environment import Instance, Secret
from fakes.evolution.plans import Plan, Step
from fakes.evolution.running import running_evolution
from fakes.evolution.settings import EvolutionSettings
from tests.locustfiles.broken_server import broken_server
from tests.locustfiles.runs import chatengine, finished, locust, only_record, started
from tests.processes import end
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fakes.chatengine.app import RunningChatEngine
    from fakes.evolution.running import Evolution

USERS = Path(__file__).parents[2] / "locustfiles" / "users.py"


@asynccontextmanager
async def fakes() -> AsyncIterator[tuple[RunningChatEngine, Evolution]]:
    """ChatEngine and the provider, each knowing the other; acknowledgements come at once."""
    quick = Plan(
        steps=(
            Step(event="SERVER_ACK", after_s=0.05),
            Step(event="DELIVERY_ACK", after_s=0.1),
            Step(event="READ", after_s=0.15),
        )
    )
    settings = EvolutionSettings(
        instances={"sales-1": Instance("w-1", "n-1")}, api_key=Secret("key"), plan=quick
    )
    async with running_evolution(settings) as evolution:
        provider = ProviderSettings(url=evolution.url, api_key=Secret("key"))
        async with chatengine(provider=provider) as server:
            evolution.provider.caller.url = f"{server.url}/api/webhooks/whatsapp"
            yield server, evolution


async def connections(server: RunningChatEngine) -> list[Any]:
    """Who is connected, by the fake's own list."""
    headers = {"Authorization": f"Bearer {server.control.token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{server.control.url}/connections") as answer,
    ):
        listed: list[Any] = await answer.json()
        return listed


def locustfile(folder: Path, text: str) -> str:
    path = folder / "locustfile.py"
    path.write_text(textwrap.dedent(text))
    return str(path)


async def test_the_documented_user_works(tmp_path: Path) -> None:
    """The ten lines of the module's docstring answer what customers write, over the provider."""
    documentation = ast.get_docstring(ast.parse(USERS.read_text())) or ""
    example = documentation.partition("    from locust")
    code = "    from locust" + example[2].partition("\n\nEvery call")[0]
    file = locustfile(tmp_path, code.replace("5511999999999", "5500000000000"))
    async with fakes() as (server, evolution):
        more = ["--headless", "--users", "2", "--conversations", "1", "--publish-seconds", "3"]
        ended = await finished(*locust(server.url, tmp_path / "out", *more, locustfile=file))
        record = only_record(ended, tmp_path / "out", "pass")
        assert evolution.provider.sends.total >= 2
        assert record.deliveries.lost == 0
        assert await connections(server) == []


async def test_agents_follow_their_messages_until_they_are_read(tmp_path: Path) -> None:
    """Each agent sends, and sees its message sent, delivered and read; readers only read."""
    file = locustfile(
        tmp_path,
        """
        from locustfiles import users

        class Subscriber(users.SubscriberUser):
            weight = 9

        class Agent(users.AgentUser):
            fixed_count = 3
        """,
    )
    stats = tmp_path / "stats"
    async with fakes() as (server, evolution):
        more = ["--headless", "--json-file", str(stats)]
        ended = await finished(*locust(server.url, tmp_path / "out", *more, locustfile=file))
        record = only_record(ended, tmp_path / "out", "pass")
        assert evolution.provider.sends.total == 3
        assert await connections(server) == []
    rows = {row["name"]: row for row in json.loads(stats.with_suffix(".json").read_text())}
    for name in ("messageSent", "delivered", "read"):
        row = rows[f"sendMessage to {name}"]
        assert (row["num_requests"], row["num_failures"]) == (3, 0)
    assert record.subscribers.connected == 20


async def test_users_stopped_while_they_connect_leave_nothing(tmp_path: Path) -> None:
    """Ctrl-C while no handshake is answered ends the run at once, as invalid."""
    with broken_server() as server:
        async with started(*locust(server.url, tmp_path, "--headless")) as process:
            await until(lambda: server.attempts, within_s=40)  # that was the look before the run
            server.faults.handshake = "silent"
            await until(lambda: len(server.clients) >= 10, within_s=40)
            process.send_signal(signal.SIGINT)
            ended = await end(process)
        await until(lambda: not server.clients)
        assert only_record(ended, tmp_path, "invalid").subscribers.connected < 20


async def test_a_server_that_goes_away_under_agents_is_told(tmp_path: Path) -> None:
    """An agent whose connection is cut counts a failure and works on; no traceback is logged."""
    file = locustfile(
        tmp_path,
        """
        from locust import constant
        from locustfiles import users

        class Agent(users.AgentUser):
            wait_time = constant(0.1)
            patience_s = 0.2
        """,
    )
    with broken_server() as server:
        more = ["--headless", "--publish-seconds", "3", "--thresholds", "accepted>50%"]
        arguments = locust(server.url, tmp_path / "out", *more, locustfile=file)
        async with started(*arguments) as process:
            await until(lambda: len(server.posts) > 10, within_s=40)
            server.cut()
            ended = await end(process)
        record = only_record(ended, tmp_path / "out", "pass")
        assert record.reconnects == 20
