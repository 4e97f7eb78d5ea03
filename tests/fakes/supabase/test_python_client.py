"""The official client of Python, `supabase` and its `realtime`: vsn 1.0.0, unmodified."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates
from supabase import AsyncClient, acreate_client

from fakes.supabase.faults import JoinMismatched, JoinRefused
from tests.fakes.supabase.world import message
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from realtime import AsyncRealtimeChannel

    from tests.fakes.supabase.world import World


# The client asks for the code and reason of a close in a way that its own library has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:ConnectionClosed:DeprecationWarning")


class Conversation:
    """A channel of a conversation, and everything that it says."""

    def __init__(self, client: AsyncClient | AsyncRealtimeClient, conversation_id: str) -> None:
        self.statuses: list[str] = []
        self.changes: list[Any] = []
        self.systems: list[str] = []
        self.channel: AsyncRealtimeChannel = client.channel(f"messages-{conversation_id}")
        for event in ("INSERT", "UPDATE"):
            self.channel.on_postgres_changes(
                event,  # type: ignore[arg-type]
                self.changes.append,
                table="messages",
                schema="public",
                filter=f"conversation_id=eq.{conversation_id}",
            )
        self.channel.on_system(lambda said: self.systems.append(said.message))

    async def subscribe(self) -> None:
        await self.channel.subscribe(lambda status, _: self.statuses.append(status.value))

    async def serving(self, times: int) -> None:
        """Wait until the subscription was there so many times."""
        await until(lambda: self.systems.count("Subscribed to PostgreSQL") >= times)

    async def received(self, body: str) -> Any:
        """Wait for the change of that text; returns its data."""
        return await until(
            lambda: next(
                (each["data"] for each in self.changes if each["data"]["record"]["body"] == body),
                None,
            )
        )


@asynccontextmanager
async def client_of(world: World) -> AsyncIterator[AsyncClient]:
    """A client with the API key of workspace w-1."""
    client = await acreate_client(world.supabase.url, world.supabase.anon_keys["w-1"])
    try:
        yield client
    finally:
        await client.remove_all_channels()
        await client.realtime.close()


async def test_insert_update_and_filter(world: World) -> None:
    """It subscribes and receives both kinds, of its conversation alone."""
    async with client_of(world) as client:
        conversation = Conversation(client, "c-1")
        await conversation.subscribe()
        await conversation.serving(1)
        world.insert(message("c-2", body="of another one"))
        (row,) = world.insert(message(body="one"))
        world.update(row, body="two")
        updated = await conversation.received("two")
        assert [each["data"]["type"] for each in conversation.changes] == ["INSERT", "UPDATE"]
        assert updated["old_record"] == {"id": row["id"]}
        assert conversation.statuses == [RealtimeSubscribeStates.SUBSCRIBED.value]


@pytest.mark.parametrize(
    ("path", "how"),
    [
        ("/sockets/drop", {"how": "close", "code": 1001}),
        ("/sockets/drop", {"how": "close", "code": 1012}),
        ("/sockets/drop", {"how": "abort"}),
        ("/channels/end", {"how": "error"}),
    ],
)
async def test_it_survives(world: World, path: str, how: dict[str, Any]) -> None:
    """After a loss of the socket or a crash of the channel it subscribes again by itself."""
    async with client_of(world) as client:
        conversation = Conversation(client, "c-1")
        await conversation.subscribe()
        await conversation.serving(1)
        await world.control.call("POST", path, how)
        await conversation.serving(2)
        world.insert(message(body="after it"))
        await conversation.received("after it")
        assert conversation.statuses[0] == conversation.statuses[-1] == "SUBSCRIBED"
        assert "CHANNEL_ERROR" in conversation.statuses


async def test_it_expires(world: World) -> None:
    """At the end of its token it is closed, and does not subscribe again by itself."""
    async with client_of(world) as client:
        conversation = Conversation(client, "c-1")
        await conversation.subscribe()
        await conversation.serving(1)
        await world.control.call("POST", "/channels/end", {"how": "expire"})
        await until(lambda: conversation.statuses[-1] == "CLOSED")
        assert await world.control.call("GET", "/channels") == []


async def test_a_token_of_the_users_own(world: World) -> None:
    """It is pushed to the channel, and holds from then on."""
    async with client_of(world) as client:
        conversation = Conversation(client, "c-1")
        await conversation.subscribe()
        await conversation.serving(1)
        await client.realtime.set_auth(world.token(workspace_id="w-2"))
        await conversation.serving(2)
        world.insert(message(body="of w-1"), message(body="of w-2", workspace_id="w-2"))
        await conversation.received("of w-2")
        assert len(conversation.changes) == 1


@pytest.mark.parametrize("fault", [JoinRefused(count=1), JoinMismatched(count=1)])
async def test_joins_that_fail(world: World, fault: JoinRefused | JoinMismatched) -> None:
    """A refused join ends in an error, and so does an answer that does not match."""
    world.faults.add(fault)
    async with client_of(world) as client:
        conversation = Conversation(client, "c-1")
        await conversation.subscribe()
        await until(lambda: "CHANNEL_ERROR" in conversation.statuses)


async def test_realtime_alone(world: World) -> None:
    """The client of `realtime` leaves its channel, and nothing of it stays."""
    url, key = f"{world.supabase.url}/realtime/v1", world.supabase.anon_keys["w-1"]
    client = AsyncRealtimeClient(url, key)
    await client.connect()
    conversation = Conversation(client, "c-1")
    await conversation.subscribe()
    await conversation.serving(1)
    await client.remove_channel(conversation.channel)
    await until(lambda: not world.supabase.hub.sockets)
