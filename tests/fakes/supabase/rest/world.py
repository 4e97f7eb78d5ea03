"""A REST interface on a real port, with the contract's tables and one of every type."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from aiohttp import ClientSession, web

from fakes.environment import Secret
from fakes.serving import serving
from fakes.supabase.database import Database
from fakes.supabase.keys import Keys
from fakes.supabase.policy import Policy
from fakes.supabase.rest import Rest, RestFaults
from fakes.supabase.schema import CONTRACT, Column, Table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

KEYS: Final = Keys(Secret("a-secret-of-the-tests-with-32-characters"))
MINE: Final = "w-1"
THEIRS: Final = "w-2"

THINGS: Final = Table(
    "things",
    (
        Column("id", "int8", nullable=False, generated="serial"),
        Column("name"),
        Column("size", "int4"),
        Column("weight", "float8"),
        Column("is_new", "bool"),
        Column("made_at", "timestamptz"),
        Column("code", "uuid"),
        Column("tags", "_text"),
        Column("data", "jsonb"),
    ),
)
"""Everybody's: no column names a workspace."""


class Reply:
    """An answer, its body read: `rows` is its JSON."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, rows: Any) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.rows = rows

    @property
    def range(self) -> str | None:
        """The header `Content-Range`."""
        return self.headers.get("Content-Range")


class World:
    """The running interface, what it stands on, and a client of it."""

    def __init__(self, url: str, session: ClientSession, database: Database) -> None:
        self.url = url
        self.database = database
        self.policy = Policy()
        self.faults = RestFaults()
        self.session = session
        self.key = KEYS.anon(MINE)
        self.service_key = KEYS.service()

    def user_token(self, workspace_id: str = MINE) -> str:
        """Return the token of someone who has signed in."""
        return KEYS.user(workspace_id, "agent-1", now=time.time())

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        /,
        *,
        key: str | None = None,
        **headers: str,
    ) -> Reply:
        """Call with an API key; headers are named with `_` for `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(
            method,
            f"{self.url}/rest/v1/{path}",
            json=body,
            headers={"apikey": key or self.key, **sent},
        ) as response:
            read = await response.read()
            is_json = read and response.content_type.endswith("json")
            rows = await response.json(content_type=None) if is_json else None
            return Reply(response.status, response.headers, read, rows)

    async def get(self, path: str, **headers: str) -> Reply:
        """Read."""
        return await self.call("GET", path, **headers)


@asynccontextmanager
async def running() -> AsyncIterator[World]:
    """Serve an empty database."""
    database = Database((*CONTRACT, THINGS))
    async with ClientSession() as session:
        world = World("", session, database)
        app = web.Application()
        Rest(database, KEYS, world.policy, world.faults).add_to(app)
        async with serving(app, "127.0.0.1", 0) as port:
            world.url = f"http://127.0.0.1:{port}"
            yield world


def message(number: int, **given: object) -> dict[str, object]:
    """Return a row of `messages` of the own workspace."""
    return {
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "workspace_id": MINE,
        "conversation_id": "c-1",
        "body": f"text {number}",
        "created_at": f"2026-01-01T00:00:{number % 60:02d}+00:00",
    } | given
