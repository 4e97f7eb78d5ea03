"""The control interface of the fake ChatEngine: what a test asks of it (docs/fakes.md)."""

import time
import uuid
from http import HTTPStatus
from typing import Any, Final, Literal, assert_never

from aiohttp import web

from chatengine.payloads import Wire
from chatengine.webhooks import WebhookError, parse, read_second, status_update, text_message
from fakes.chatengine.agents import Agents
from fakes.chatengine.faults import LONGEST_DELAY_MS, Delays, Faults, Refusal
from fakes.chatengine.inbox import Inbox, UnknownInstanceError
from fakes.chatengine.publisher import Publisher, conversation_room, workspace_room
from fakes.chatengine.realtime import RealtimeServer
from fakes.chatengine.realtime.server import Connection
from fakes.chatengine.store import Store
from fakes.control import control_app, read_body, reply

__all__ = ["control_of"]

_MOST_MESSAGES: Final = 100_000
_NONE: Final[dict[str, Any]] = {}
_ACKNOWLEDGEMENTS: Final = {
    "pending": "PENDING",
    "sent": "SENT",
    "failed": "ERROR",
    "delivered": "DELIVERED",
    "read": "READ",
}


class _NewMessage(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text that enters as if the webhook had brought it."""

    instance: str
    remote_jid: str
    text: str
    key_id: str | None = None
    from_me: bool = False
    push_name: str = ""
    second: int | None = None


class _NewStatus(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A status that enters as if the webhook had brought it; `key_id` is the provider's id."""

    instance: str
    key_id: str
    status: Literal["pending", "sent", "failed", "delivered", "read"]


class _RawEvent(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Any event at all: to one socket, to a conversation's subscribers, or to a workspace."""

    event: str
    data: Any = None
    sid: str | None = None
    workspace_id: str | None = None
    conversation_id: str | None = None

    def room(self) -> str:
        if self.sid is not None and self.workspace_id is None and self.conversation_id is None:
            return self.sid
        if self.sid is None and self.workspace_id is not None:
            if self.conversation_id is None:
                return workspace_room(self.workspace_id)
            return conversation_room(self.workspace_id, self.conversation_id)
        raise web.HTTPBadRequest(text="name a sid, or a workspaceId with or without conversationId")


_How = Literal["abort", "engine", "socket"]


class _Drop(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which connections to drop (those that match all that is given), and how.

    `abort` cuts TCP without a word, `engine` closes the Engine.IO session, `socket` sends a
    Socket.IO DISCONNECT, after which socket.io-client does not reconnect by itself (C-CONN-4).
    """

    how: _How
    sid: str | None = None
    connection_id: str | None = None
    workspace_id: str | None = None


def control_of(
    server: RealtimeServer,
    agents: Agents,
    store: Store,
    inbox: Inbox,
    publisher: Publisher,
    faults: Faults,
) -> web.Application:
    """Return the control application; `fakes.control.control_server` locks and serves it."""
    app = control_app()
    _add_injections(app, inbox, publisher)
    _add_connections(app, server, agents)
    _add_faults(app, faults)
    _add_contents(app, store)
    return app


def _add_injections(app: web.Application, inbox: Inbox, publisher: Publisher) -> None:
    async def message(request: web.Request) -> web.Response:
        given = await read_body(request, _NewMessage)
        if given.second is not None and read_second(given.second) is None:
            raise web.HTTPBadRequest(text="second is not a moment of the years 1970 to 9999")
        key_id = given.key_id or uuid.uuid4().hex.upper()
        body = text_message(
            instance=given.instance,
            remote_jid=given.remote_jid,
            key_id=key_id,
            text=given.text,
            second=given.second or int(time.time()),
            from_me=given.from_me,
            push_name=given.push_name,
        )
        await _receive(inbox, body)
        return reply({"keyId": key_id}, HTTPStatus.CREATED)

    async def status(request: web.Request) -> web.Response:
        given = await read_body(request, _NewStatus)
        body = status_update(
            instance=given.instance,
            remote_jid="",
            key_id=given.key_id,
            acknowledgement=_ACKNOWLEDGEMENTS[given.status],
        )
        await _receive(inbox, body)
        return reply(_NONE, HTTPStatus.CREATED)

    async def event(request: web.Request) -> web.Response:
        given = await read_body(request, _RawEvent)
        publisher.to_room(given.room(), given.event, given.data)
        return reply(_NONE, HTTPStatus.CREATED)

    app.router.add_post("/messages", message)
    app.router.add_post("/statuses", status)
    app.router.add_post("/events", event)


async def _receive(inbox: Inbox, body: object) -> None:
    """Let a webhook's body enter; whatever the webhook would not take is 400."""
    try:
        webhook = parse(body)
        if not webhook.changes:
            raise web.HTTPBadRequest(text="there is no text")
        await inbox.receive(webhook)
    except WebhookError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    except UnknownInstanceError:
        raise web.HTTPBadRequest(text="no such instance") from None


def _add_connections(app: web.Application, server: RealtimeServer, agents: Agents) -> None:
    async def listed() -> list[dict[str, Any]]:
        return [await _describe(each, server, agents) for each in server.connections()]

    async def connections(_: web.Request) -> web.Response:
        return reply(await listed())

    async def drop(request: web.Request) -> web.Response:
        given = await read_body(request, _Drop)
        wanted = {
            "sid": given.sid,
            "connectionId": given.connection_id,
            "workspaceId": given.workspace_id,
        }
        found = [
            one
            for one in await listed()
            if all(value in (None, one.get(name)) for name, value in wanted.items())
        ]
        dropped = [await _drop(server, given.how, one) for one in found]
        return reply({"dropped": sum(dropped)})

    app.router.add_get("/connections", connections)
    app.router.add_post("/connections/drop", drop)


async def _describe(
    connection: Connection, server: RealtimeServer, agents: Agents
) -> dict[str, Any]:
    """Say what is known of a connection; whose it is, once it has joined."""
    known: dict[str, Any] = {
        "connectionId": connection.id,
        "transport": connection.transport,
        "remote": connection.remote,
        "buffered": connection.buffered,
    }
    sid = connection.sids.get("/")
    agent = None if sid is None else await agents.get(sid)
    if agent is not None:
        known |= {
            "sid": agent.sid,
            "workspaceId": agent.workspace_id,
            "userId": agent.user_id,
            "conversations": sorted(agent.conversations),
        }
    return known


async def _drop(server: RealtimeServer, how: _How, connection: dict[str, Any]) -> bool:
    match how:
        case "abort":
            server.cut(connection["connectionId"])
        case "engine":
            server.close(connection["connectionId"])
        case "socket":
            if "sid" not in connection:
                return False  # it has not joined the namespace, so there is nothing to leave
            await server.disconnect(connection["sid"])
        case _:
            assert_never(how)
    return True


def _add_faults(app: web.Application, faults: Faults) -> None:
    def listed() -> web.Response:
        return reply({"delays": faults.delays, "refusal": faults.refusal})

    async def show(_: web.Request) -> web.Response:
        return listed()

    async def delay(request: web.Request) -> web.Response:
        delays = await read_body(request, Delays)
        given = (delays.deliveries_ms, delays.acks_ms, delays.webhooks_ms)
        if not all(0 <= milliseconds <= LONGEST_DELAY_MS for milliseconds in given):
            raise web.HTTPBadRequest(text=f"a delay is from 0 to {LONGEST_DELAY_MS} ms")
        faults.delays = delays
        return listed()

    async def refuse(request: web.Request) -> web.Response:
        refusal = await read_body(request, Refusal)
        if (refusal.status is None) == (refusal.code is None):
            raise web.HTTPBadRequest(text="give either a status or a code")
        if refusal.status is not None and not 400 <= refusal.status <= 599:
            raise web.HTTPBadRequest(text="a status is from 400 to 599")
        if refusal.count is not None and refusal.count < 1:
            raise web.HTTPBadRequest(text="count is at least 1")
        faults.refusal = refusal
        return listed()

    async def clear(_: web.Request) -> web.Response:
        faults.clear()
        return listed()

    app.router.add_get("/faults", show)
    app.router.add_put("/faults/delays", delay)
    app.router.add_put("/faults/refusal", refuse)
    app.router.add_delete("/faults", clear)


def _add_contents(app: web.Application, store: Store) -> None:
    async def conversations(request: web.Request) -> web.Response:
        workspace_id = _required(request, "workspaceId")
        return reply(
            [
                {"conversation": each, "unread": store.unread(workspace_id, each.id)}
                for each in store.conversations(workspace_id)
            ]
        )

    async def messages(request: web.Request) -> web.Response:
        workspace_id = _required(request, "workspaceId")
        conversation_id = _required(request, "conversationId")
        return reply(
            store.messages(workspace_id, conversation_id, since_ms=None, limit=_MOST_MESSAGES)
        )

    app.router.add_get("/conversations", conversations)
    app.router.add_get("/messages", messages)


def _required(request: web.Request, name: str) -> str:
    value = request.query.get(name)
    if not value:
        raise web.HTTPBadRequest(text=f"{name} is missing")
    return value
