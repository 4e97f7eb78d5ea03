"""The control interface of the fake Supabase: what a test asks of it (docs/fakes-supabase.md)."""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from aiohttp import web
from msgspec import Meta, Struct

from fakes.control import control_app, read_body, reply
from fakes.supabase.database import Conflict, Database, DatabaseError, Row
from fakes.supabase.faults import Fault, Faults
from fakes.supabase.keys import Keys
from fakes.supabase.policy import Policy
from fakes.supabase.realtime import Hub
from fakes.supabase.realtime.channel import Channel
from fakes.supabase.realtime.socket import Socket
from fakes.supabase.rest import RestFault, RestFaults

__all__ = ["control_of"]

_LONGEST_S: Final = 10**9
"""Of a token's life: thirty years."""


class _Wire(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    pass


class _NewToken(_Wire, frozen=True, kw_only=True):
    """Claims of a token; `ttl_seconds` below 0 for one that has run out."""

    role: str = "authenticated"
    workspace_id: str | None = None
    user_id: str | None = None
    ttl_seconds: Annotated[int, Meta(ge=-_LONGEST_S, le=_LONGEST_S)] = 3600


class _NewRows(_Wire, frozen=True, kw_only=True):
    rows: list[Row]
    conflict: Conflict = "error"


class _ChangedRows(_Wire, frozen=True, kw_only=True):
    """`match`: the columns, and the values they have in the rows that are meant."""

    match: Row
    values: Row


class _DeletedRows(_Wire, frozen=True, kw_only=True):
    match: Row


class _Drop(_Wire, frozen=True, kw_only=True):
    """Which sockets to drop (those that match all that is given), and how.

    `close` is a WebSocket close with `code`, `abort` cuts TCP without a word.
    """

    how: Literal["close", "abort"]
    code: Annotated[int, Meta(ge=1000, le=4999)] = 1001
    socket_id: str | None = None
    workspace_id: str | None = None


class _End(_Wire, frozen=True, kw_only=True):
    """Which channels to end, and how: `error` as by a crash, `expire` as by their token."""

    how: Literal["error", "expire", "close"]
    socket_id: str | None = None
    topic: str | None = None


class _Grant(_Wire, frozen=True, kw_only=True):
    role: str
    table: str
    granted: bool


def control_of(
    hub: Hub, keys: Keys, anon_keys: Mapping[str, str], rest_faults: RestFaults
) -> web.Application:
    """Return the control application; `fakes.control.control_server` locks and serves it."""
    app = control_app()
    _add_keys(app, keys, anon_keys)
    _add_rows(app, hub.database)
    _add_connections(app, hub)
    _add_faults(app, hub.faults, rest_faults)
    _add_grants(app, hub.policy)
    return app


def _add_keys(app: web.Application, keys: Keys, anon_keys: Mapping[str, str]) -> None:
    async def show(_: web.Request) -> web.Response:
        return reply({"anon": dict(anon_keys), "service": keys.service()})

    async def token(request: web.Request) -> web.Response:
        given, now = await read_body(request, _NewToken), int(time.time())
        expires = now + given.ttl_seconds
        minted = keys.mint(
            given.role, now, expires, workspace_id=given.workspace_id, sub=given.user_id
        )
        return reply({"token": minted, "expiresAt": expires}, HTTPStatus.CREATED)

    app.router.add_get("/keys", show)
    app.router.add_post("/tokens", token)


def _add_rows(app: web.Application, database: Database) -> None:
    def table(request: web.Request) -> str:
        name = request.match_info["table"]
        if database.table(name) is None:
            raise web.HTTPNotFound(text=f"no table {name}")
        return name

    def matching(match: Row) -> Any:
        return lambda row: all(row.get(name) == value for name, value in match.items())

    async def show(request: web.Request) -> web.Response:
        return reply(database.rows(table(request)))

    async def insert(request: web.Request) -> web.Response:
        name, given = table(request), await read_body(request, _NewRows)
        return _tried(lambda: database.insert(name, given.rows, conflict=given.conflict))

    async def update(request: web.Request) -> web.Response:
        name, given = table(request), await read_body(request, _ChangedRows)
        return _tried(lambda: database.update(name, matching(given.match), given.values))

    async def delete(request: web.Request) -> web.Response:
        name, given = table(request), await read_body(request, _DeletedRows)
        return _tried(lambda: database.delete(name, matching(given.match)))

    app.router.add_get("/rows/{table}", show)
    app.router.add_post("/rows/{table}", insert)
    app.router.add_patch("/rows/{table}", update)
    app.router.add_delete("/rows/{table}", delete)


def _tried(statement: Any) -> web.Response:
    try:
        return reply({"rows": statement()})
    except DatabaseError as error:
        raise web.HTTPBadRequest(text=f"{error.code}: {error}") from None


def _add_connections(app: web.Application, hub: Hub) -> None:
    async def sockets(_: web.Request) -> web.Response:
        return reply([_socket(each) for each in hub.sockets.values()])

    async def channels(_: web.Request) -> web.Response:
        return reply([_channel(each) for each in hub.channels()])

    async def drop(request: web.Request) -> web.Response:
        given = await read_body(request, _Drop)
        found = [
            each
            for each in hub.sockets.values()
            if given.socket_id in (None, each.id)
            and given.workspace_id in (None, each.claims.workspace_id)
        ]
        for each in found:
            if given.how == "abort":
                each.abort()
            else:
                each.close(given.code)
        return reply({"dropped": len(found)})

    async def end(request: web.Request) -> web.Response:
        given = await read_body(request, _End)
        found = [
            each
            for each in hub.channels()
            if given.socket_id in (None, each.socket_id) and given.topic in (None, each.name)
        ]
        for each in found:
            {"error": each.crash, "expire": each.expire, "close": each.close}[given.how]()
        return reply({"ended": len(found)})

    app.router.add_get("/sockets", sockets)
    app.router.add_get("/channels", channels)
    app.router.add_post("/sockets/drop", drop)
    app.router.add_post("/channels/end", end)


def _socket(socket: Socket) -> dict[str, Any]:
    return {
        "socketId": socket.id,
        "version": socket.version,
        "role": socket.claims.role,
        "workspaceId": socket.claims.workspace_id,
        "topics": [each.name for each in socket.channels.values()],
    }


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "topic": channel.name,
        "socketId": channel.socket_id,
        "subscribed": channel.is_subscribed,
        "bindings": channel.config.postgres_changes,
        "role": channel.claims.role,
        "expiresAt": channel.claims.expires_at,
    }


def _add_faults(app: web.Application, faults: Faults, rest_faults: RestFaults) -> None:
    def listed() -> web.Response:
        return reply({"faults": list(faults), "rest": rest_faults.pending})

    async def show(_: web.Request) -> web.Response:
        return listed()

    async def add(request: web.Request) -> web.Response:
        faults.add(await read_body(request, Fault))  # type: ignore[arg-type]
        return listed()

    async def add_rest(request: web.Request) -> web.Response:
        rest_faults.add(await read_body(request, RestFault))
        return listed()

    async def clear(_: web.Request) -> web.Response:
        faults.clear()
        rest_faults.clear()
        return listed()

    app.router.add_get("/faults", show)
    app.router.add_post("/faults", add)
    app.router.add_post("/faults/rest", add_rest)
    app.router.add_delete("/faults", clear)


def _add_grants(app: web.Application, policy: Policy) -> None:
    def listed() -> web.Response:
        return reply({"revoked": [{"role": role, "table": name} for role, name in policy.revoked]})

    async def show(_: web.Request) -> web.Response:
        return listed()

    async def change(request: web.Request) -> web.Response:
        given = await read_body(request, _Grant)
        (policy.grant if given.granted else policy.revoke)(given.role, given.table)
        return listed()

    app.router.add_get("/grants", show)
    app.router.add_put("/grants", change)
