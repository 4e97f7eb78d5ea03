"""The fake ChatEngine put together: what it is made of, and how it is served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from msgspec import Struct

from fakes.chatengine.agents import Agents
from fakes.chatengine.answers import SOCKET_PATHS, cors, json_errors
from fakes.chatengine.api import Api
from fakes.chatengine.attachments import Attachments
from fakes.chatengine.commands import Commands
from fakes.chatengine.control import control_of
from fakes.chatengine.faults import Faults
from fakes.chatengine.inbox import Inbox
from fakes.chatengine.memory_store import MemoryStore
from fakes.chatengine.outbox import Outbox
from fakes.chatengine.provider import provider
from fakes.chatengine.publisher import Publisher
from fakes.chatengine.realtime import create_realtime
from fakes.chatengine.settings import ChatEngineSettings
from fakes.chatengine.store import Store
from fakes.chatengine.webhook import add_webhook
from fakes.control import ControlDoor, control_server, reply
from fakes.serving import reachable_url, serving

__all__ = ["RunningChatEngine", "running_chatengine"]


class RunningChatEngine(Struct, frozen=True):
    """A served fake: its URL and port, where it is controlled, what it remembers, what is wrong."""

    url: str
    port: int
    control: ControlDoor
    store: Store
    faults: Faults


@asynccontextmanager
async def running_chatengine(settings: ChatEngineSettings) -> AsyncIterator[RunningChatEngine]:
    """Serve the fake and its control interface within the block; raises `CouldNotListen`."""
    store, faults = MemoryStore(settings.bounds), Faults()
    app = web.Application(
        middlewares=[
            cors(settings.cors_allowed_origins),  # outermost: a browser reads errors too
            json_errors,
            _refusing(faults),
        ],
        client_max_size=settings.max_payload,
    )
    server = create_realtime(app, settings.realtime)
    publisher = Publisher(server, faults, to_whole_workspace=settings.message_scope == "workspace")
    store.listen(publisher.publish)
    agents = Agents(server, settings.token_rules, faults)
    async with AsyncExitStack() as stack:
        evolution = await stack.enter_async_context(provider(settings.provider))
        outbox = Outbox(settings.instances, store, evolution, settings.provider.timeout_s)
        inbox = Inbox(settings.instances, store, outbox, publisher)
        Commands(server, agents, store, outbox, publisher, faults)
        add_webhook(app, inbox, faults)
        Api(settings, store, outbox, Attachments()).add_to(app)
        await stack.enter_async_context(_running(publisher))
        steering = control_of(server, agents, store, inbox, publisher, faults)
        port = await stack.enter_async_context(serving(app, settings.host, settings.port))
        door = await stack.enter_async_context(control_server(steering, settings.control))
        stack.push_async_callback(outbox.close)  # first of all: no request waits for a provider
        yield RunningChatEngine(reachable_url(settings.host, port), port, door, store, faults)


@asynccontextmanager
async def _running(publisher: Publisher) -> AsyncIterator[None]:
    task = asyncio.create_task(publisher.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _refusing(faults: Faults) -> Middleware:
    """Return the middleware that refuses Engine.IO handshakes while a test wants it so."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in SOCKET_PATHS and "sid" not in request.query:
            refusal = faults.refuse_handshake()
            if refusal is not None:
                status = refusal.status or HTTPStatus.SERVICE_UNAVAILABLE
                return reply({"error": refusal.message}, status)
        return await handler(request)

    return middleware
