"""C-CONN: the connection comes, comes back, and ends."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from chatengine.client import ConnectionState, CrmClient, Source
from fakes.supabase.faults import HandshakeRefused
from tests.chatengine.client.e2e.world import JID, QUICK, World, bodies, running_world
from tests.fakes.chatengine.world import SETTINGS
from tests.fakes.chatengine.world import token as minted
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


WRONG = "another secret, which is long enough"


async def test_c_conn_1_connects_by_itself_once_configured(world: World) -> None:
    """A client that is started with a ChatEngine and a token connects without being told."""
    async with CrmClient(world.config()) as client:
        await until(lambda: client.connection.is_connected)
        (agent,) = await world.agents()
        assert (agent["workspaceId"], agent["userId"]) == ("w-1", "agent-1")


async def test_c_conn_1_no_configuration_no_attempt(world: World) -> None:
    """Without a ChatEngine, or without a token, nothing is even dialled."""
    config = world.config(supabase=False)
    for incomplete in (replace(config, chatengine=None), replace(config, token=None)):
        async with CrmClient(incomplete) as client:
            await asyncio.sleep(0.2)  # ten times the pause before another attempt
            assert world.network.stats.accepted == 0
            assert not client.connection.is_connected


async def test_c_conn_1_a_token_may_come_from_elsewhere(world: World) -> None:
    """Where the configuration mints none, the function given for it is asked."""

    async def token() -> str:
        return minted(SETTINGS, user="agent-7")

    config = replace(world.config(), token=None)
    async with CrmClient(config, token=token) as client:
        await until(lambda: client.connection.is_connected)
        (agent,) = await world.agents()
        assert agent["userId"] == "agent-7"


async def test_c_conn_2_enabled_and_connected_are_told_apart(world: World) -> None:
    """`is_enabled` follows the configuration, `is_connected` the socket, each within a second."""
    async with world.client() as client:
        assert client.connection.is_enabled
        assert client.connection.is_connected
        world.take_chatengine_down()
        await until(lambda: not client.connection.is_connected, within_s=5)
        assert client.connection.is_enabled
        world.network.heal()
        await until(lambda: client.connection.is_connected, within_s=5)
        await client.configure(world.config(chatengine=False))
        assert not client.connection.is_enabled
        assert not client.connection.is_connected


@pytest.mark.parametrize("down_s", [0.3, 2.0])
async def test_c_conn_3_comes_back_within_five_seconds(world: World, down_s: float) -> None:
    """With the default timing too it is back within 5 s of the server's return, and stays."""
    timing = replace(QUICK, reconnect_delay_ms=500, reconnect_delay_max_ms=4000)
    async with world.client(timing=timing) as client:
        world.take_chatengine_down()
        await asyncio.sleep(down_s)
        world.network.heal()
        # 5 s, and what a loaded machine takes; `make bench` has the figure.
        await until(lambda: client.connection.source is Source.WEBSOCKET, within_s=8)
        await world.served(client)


async def test_c_conn_3_never_gives_up(world: World) -> None:
    """After many more failures than the original's five it goes on trying, and succeeds."""
    timing = replace(QUICK, reconnect_delay_max_ms=20)
    async with world.client(timing=timing) as client:
        world.take_chatengine_down()
        refused = world.network.stats.refused
        await until(lambda: world.network.stats.refused > refused + 20)
        world.network.heal()
        await until(lambda: client.connection.is_connected)


@pytest.mark.parametrize("how", ["socket", "engine", "abort"])
async def test_c_conn_4_comes_back_after_a_disconnect_by_the_server(world: World, how: str) -> None:
    """Whichever way the server ends a connection, it is a lost one: another follows."""
    async with world.client() as client:
        (before,) = await world.agents()
        await world.engine.call("POST", "/connections/drop", {"how": how})
        await until(lambda: client.counters.reconnects == 1)
        (after,) = await world.agents()
        assert after["sid"] != before["sid"]
        await world.served(client)


async def test_c_conn_5_every_attempt_has_a_token_that_is_valid_then(world: World) -> None:
    """A client whose tokens live for two seconds connects again long after the first has ended."""
    config = world.config()
    assert config.token is not None
    short = replace(config, token=replace(config.token, ttl_seconds=2))
    async with CrmClient(short) as client:
        await until(lambda: client.connection.is_connected)
        world.take_chatengine_down()
        await asyncio.sleep(2.1)  # the life of the first token
        world.network.heal()
        await until(lambda: client.connection.is_connected)
        assert client.connection.last_error is None


async def test_c_conn_6_a_refused_token_is_not_hammered(world: World) -> None:
    """At most one CONNECT a second goes out with a token that is refused; the state says why."""
    async with world.client(connected=False, secret=WRONG) as client:
        await until(lambda: client.connection.state is ConnectionState.UNAUTHORIZED)
        assert "unauthorized" in (client.connection.last_error or "")
        began, dialled = time.monotonic(), world.network.stats.accepted
        await until(lambda: world.network.stats.accepted >= dialled + 2)
        assert time.monotonic() - began > 0.9
        assert client.connection.state is ConnectionState.UNAUTHORIZED


async def test_c_conn_6_a_better_token_is_taken(world: World) -> None:
    """Once the configuration has the right secret, the client connects."""
    async with world.client(connected=False, secret=WRONG) as client:
        await until(lambda: client.connection.state is ConnectionState.UNAUTHORIZED)
        await client.configure(world.config())
        await until(lambda: client.connection.is_connected)
        await world.served(client)


async def connecting(world: World, client: CrmClient) -> None:
    """The handshake hangs."""
    world.network.half_open(new=True)
    await client.start()
    await until(lambda: world.network.connections)


async def between_attempts(world: World, client: CrmClient) -> None:
    """Every attempt fails."""
    world.network.refuse()
    await client.start()
    await until(lambda: world.network.stats.refused)


async def connected(world: World, client: CrmClient) -> None:
    """It is connected, and its gap is being closed."""
    await client.start()
    await until(lambda: client.connection.is_connected)


async def on_supabase(world: World, client: CrmClient) -> None:
    """Supabase serves."""
    world.network.refuse()
    await client.start()
    await until(lambda: client.connection.source is Source.SUPABASE)


async def joining(world: World, client: CrmClient) -> None:
    """Supabase is asked, and its subscription has not come."""
    world.network.refuse()
    await client.start()
    await until(lambda: list(world.supabase.hub.channels()))


async def polling(world: World, client: CrmClient) -> None:
    """Neither socket is up, and HTTP is polled."""
    world.supabase.faults.add(HandshakeRefused())
    world.network.refuse()
    await client.start()
    await until(lambda: client.connection.source is Source.POLLING)


async def sending(world: World, client: CrmClient) -> None:
    """A message waits for a server."""
    world.network.refuse()
    await client.start()
    client.send(JID, "nobody hears me")
    await until(lambda: world.network.stats.refused > 2)


@pytest.mark.parametrize(
    "state", [connecting, between_attempts, connected, on_supabase, joining, polling, sending]
)
async def test_c_conn_7_after_stop_there_is_nothing(
    world: World, state: Callable[[World, CrmClient], Awaitable[None]]
) -> None:
    """Wherever it is stopped: no task, no timer, no connection, and no attempt afterwards."""
    before = asyncio.all_tasks()
    client = CrmClient(world.config())
    client.open(JID)
    await state(world, client)
    await client.stop()
    ours = [each for each in asyncio.all_tasks() - before if "chatengine/client" in str(each)]
    assert ours == []
    assert client.connection.state is ConnectionState.DISCONNECTED
    assert client.connection.source is Source.NONE
    world.network.heal()
    world.network.reset_all()
    await until(lambda: not world.network.connections and not world.supabase_network.connections)
    stats = world.network.stats, world.supabase_network.stats
    await asyncio.sleep(0.3)  # longer than any pause between attempts here
    assert (world.network.stats, world.supabase_network.stats) == stats
    assert all(each.status.crm != "sending" for each in client.messages(JID))


async def test_c_conn_7_a_client_can_be_started_again(world: World) -> None:
    """After a stop a start connects anew, and shows what was missed."""
    async with world.client() as client:
        await client.stop()
        await world.write("while it was stopped")
        await client.start()
        await until(lambda: "while it was stopped" in bodies(client))


async def test_c_conn_8_a_half_open_connection_is_noticed() -> None:
    """Silence without a FIN is noticed within pingInterval + pingTimeout, and nothing is lost."""
    quick = running_world(ping_interval_ms=300, ping_timeout_ms=200)
    async with quick as world, world.client() as client:
        world.network.half_open()
        began = time.monotonic()
        await world.write("into the void")
        await until(lambda: not client.connection.is_connected, within_s=5)
        assert time.monotonic() - began < 0.3 + 0.2 + 3  # and what a loaded machine takes
        await until(lambda: "into the void" in bodies(client))
        await until(lambda: client.connection.is_connected)
