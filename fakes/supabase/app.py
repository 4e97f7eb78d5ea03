"""The fake Supabase put together: what it is made of, and how it is served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from aiohttp import web
from msgspec import Struct

from fakes.control import ControlDoor, control_server
from fakes.serving import reachable_url, serving
from fakes.supabase.control import control_of
from fakes.supabase.database import Database
from fakes.supabase.faults import Faults
from fakes.supabase.keys import Keys
from fakes.supabase.policy import Policy
from fakes.supabase.realtime import Feed, Hub, add_realtime
from fakes.supabase.rest import Rest, RestFaults
from fakes.supabase.settings import SupabaseSettings

__all__ = ["RunningSupabase", "running_supabase"]

_MOST_BYTES: Final = 16 * 1024 * 1024
"""The largest body of a REST call."""


class RunningSupabase(Struct, frozen=True):
    """A served fake: its base URL and port, its keys, and everything that a test may turn.

    `anon_keys` are by workspace, `keys` mints users' tokens, `hub` knows who is connected.
    """

    url: str
    port: int
    anon_keys: dict[str, str]
    service_key: str
    keys: Keys
    database: Database
    policy: Policy
    faults: Faults
    rest_faults: RestFaults
    hub: Hub
    control: ControlDoor


@asynccontextmanager
async def running_supabase(
    settings: SupabaseSettings, database: Database | None = None
) -> AsyncIterator[RunningSupabase]:
    """Serve the fake and its control interface within the block, over `database` or a new one.

    Raises `CouldNotListen`.
    """
    keys, policy, faults = Keys(settings.secret), Policy(), Faults(settings.faults)
    if database is None:
        database = Database(settings.tables)
    rest_faults = RestFaults()
    hub = Hub(settings, database, keys, policy, faults)
    app = web.Application(client_max_size=_MOST_BYTES)
    add_realtime(app, hub)
    Rest(database, keys, policy, rest_faults).add_to(app)
    anon_keys = {workspace: keys.anon(workspace) for workspace in settings.workspaces}
    steering = control_of(hub, keys, anon_keys, rest_faults)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_polled(hub.feed))
        port = await stack.enter_async_context(serving(app, settings.host, settings.port))
        stack.push_async_callback(hub.close)  # before the server ends: sockets would hold it up
        door = await stack.enter_async_context(control_server(steering, settings.control))
        yield RunningSupabase(
            url=reachable_url(settings.host, port),
            port=port,
            anon_keys=anon_keys,
            service_key=keys.service(),
            keys=keys,
            database=database,
            policy=policy,
            faults=faults,
            rest_faults=rest_faults,
            hub=hub,
            control=door,
        )


@asynccontextmanager
async def _polled(feed: Feed) -> AsyncIterator[None]:
    task = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
