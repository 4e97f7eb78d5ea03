"""A running fake Supabase, fast, and clients that write and read their own frames."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiohttp import ClientSession

from fakes.control import ControlClient
from fakes.environment import Instance, Secret
from fakes.supabase import RunningSupabase, SupabaseSettings, Timing, running_supabase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientWebSocketResponse

__all__ = ["FAST", "SETTINGS", "Got", "Phoenix", "World", "binding", "message", "running"]

DEADLINE_S: Final = 5.0
"""Far beyond what anything here takes; reached only by a test that fails."""

FAST: Final = Timing(
    system_delay_ms=0, failed_join_ms=0, refused_handshake_ms=0, idle_timeout_ms=60_000, poll_ms=1
)

SETTINGS: Final = SupabaseSettings(
    instances={
        "sales-1": Instance("w-1", "n-1"),
        "sales-2": Instance("w-1", "n-3"),
        "support-1": Instance("w-2", "n-2"),
    },
    secret=Secret("a-secret-of-the-tests-with-32-characters"),
    timing=FAST,
)


class Got(NamedTuple):
    """A frame from the server; of version 1 `join_ref` is None always."""

    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: Any


def binding(
    event: str = "INSERT", table: str = "messages", filter: str | None = None, **more: object
) -> dict[str, Any]:
    """What a client asks for in `postgres_changes`."""
    wanted: dict[str, Any] = {"event": event, "schema": "public", "table": table, **more}
    return wanted if filter is None else wanted | {"filter": filter}


def message(conversation_id: str = "c-1", **given: object) -> dict[str, Any]:
    """A row of `messages` of the own workspace."""
    return {"workspace_id": "w-1", "conversation_id": conversation_id, **given}


class Phoenix:
    """A WebSocket of one version."""

    def __init__(self, ws: ClientWebSocketResponse, version: str) -> None:
        self.ws = ws
        self.version = version
        self._refs = itertools.count(1)

    async def send(
        self,
        topic: str,
        event: str,
        payload: object,
        *,
        ref: str | None = None,
        join_ref: str | None = None,
    ) -> str:
        """Send a frame; returns its ref."""
        ref = ref or str(next(self._refs))
        if self.version == "1.0.0":
            frame: Any = {"topic": topic, "event": event, "payload": payload, "ref": ref}
        else:
            frame = [join_ref, ref, topic, event, payload]
        await self.ws.send_str(json.dumps(frame))
        return ref

    async def receive(self) -> Got:
        """Return the next frame."""
        async with asyncio.timeout(DEADLINE_S):
            frame = json.loads(await self.ws.receive_str())
        if self.version == "1.0.0":
            assert frame.keys() == {"topic", "event", "payload", "ref"}
            return Got(None, frame["ref"], frame["topic"], frame["event"], frame["payload"])
        return Got(*frame)

    async def expect(self, event: str) -> Got:
        """Return the next frame, which has to be of this event."""
        got = await self.receive()
        assert got.event == event, got
        return got

    async def closed(self) -> int | None:
        """Wait for the end; returns the code of the close, 1006 for none."""
        async with asyncio.timeout(DEADLINE_S):
            while not self.ws.closed:
                await self.ws.receive()
        return self.ws.close_code

    async def join(
        self, *changes: dict[str, Any], topic: str = "realtime:room", **payload: Any
    ) -> Got:
        """Join a channel; returns the reply."""
        config = {
            "broadcast": {"ack": False, "self": False},
            "presence": {"key": "", "enabled": False},
            "postgres_changes": list(changes),
            "private": False,
        } | payload.pop("config", {})
        join_ref = str(next(self._refs))
        await self.send(
            topic, "phx_join", {"config": config, **payload}, ref=join_ref, join_ref=join_ref
        )
        reply = await self.expect("phx_reply")
        assert reply.ref == join_ref
        return reply

    async def subscribe(
        self, *changes: dict[str, Any], topic: str = "realtime:room", **payload: Any
    ) -> Got:
        """Join a channel and wait until its subscription is there; returns the `system` event."""
        reply = await self.join(*changes, topic=topic, **payload)
        assert reply.payload["status"] == "ok", reply
        system = await self.expect("system")
        assert system.payload["status"] == "ok", system
        return system

    async def change(self) -> dict[str, Any]:
        """Return the data of the next frame, which has to be a change."""
        got = await self.expect("postgres_changes")
        data: dict[str, Any] = got.payload["data"]
        return data


class World:
    """What a test needs at hand."""

    def __init__(
        self, supabase: RunningSupabase, session: ClientSession, stack: AsyncExitStack
    ) -> None:
        self.supabase = supabase
        self.database = supabase.database
        self.faults = supabase.faults
        self.session = session
        self.control = ControlClient(session, supabase.control)
        self._stack = stack

    def socket_url(self, key: str | None = None, version: str = "2.0.0") -> str:
        key = self.supabase.anon_keys["w-1"] if key is None else key
        return f"{self.supabase.url}/realtime/v1/websocket?apikey={key}&vsn={version}"

    async def connect(self, version: str = "2.0.0", key: str | None = None) -> Phoenix:
        """A connected socket; it is closed with the world."""
        ws = await self._stack.enter_async_context(
            self.session.ws_connect(self.socket_url(key, version), max_msg_size=0)
        )
        return Phoenix(ws, version)

    async def refused(self, url: str) -> tuple[int, Any]:
        """Status and body of a handshake that is refused."""
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        async with self.session.get(url, headers=headers) as response:
            return response.status, await response.json()

    def token(
        self, role: str | None = "authenticated", *, ttl_s: float = 3600, **claims: Any
    ) -> str:
        """A token of workspace w-1."""
        now = int(time.time())
        wanted = {"workspace_id": "w-1"} | claims
        return self.supabase.keys.mint(role, now, int(now + ttl_s), **wanted)

    def insert(self, *rows: dict[str, Any], table: str = "messages") -> list[dict[str, Any]]:
        return self.database.insert(table, rows)

    def update(self, row: dict[str, Any], table: str = "messages", **values: object) -> None:
        self.database.update(table, lambda each: each["id"] == row["id"], values)


@asynccontextmanager
async def running(settings: SupabaseSettings = SETTINGS) -> AsyncIterator[World]:
    """Run a fake Supabase."""
    async with (
        running_supabase(settings) as supabase,
        ClientSession() as session,
        AsyncExitStack() as stack,
    ):
        yield World(supabase, session, stack)
