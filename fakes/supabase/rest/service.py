"""The REST interface over HTTP: `/rest/v1/<table>` behind the API key."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from aiohttp import hdrs, web

from fakes.supabase.database import Database
from fakes.supabase.errors import DatabaseError
from fakes.supabase.keys import Claims, Keys
from fakes.supabase.policy import Policy
from fakes.supabase.rest import errors
from fakes.supabase.rest.calls import Answer, Call, refusal, understand
from fakes.supabase.rest.errors import RestError
from fakes.supabase.rest.faults import RestFaults
from fakes.supabase.rest.gateway import CORS_HEADERS, GatewayError, authenticate, preflight
from fakes.supabase.rest.reading import read_rows
from fakes.supabase.rest.writing import create_rows, delete_rows, update_rows
from fakes.supabase.schema import SCHEMA

__all__ = ["Rest", "carry_out"]

_BASE: Final = "/rest/v1/"
_MS: Final = 1000

_STATEMENTS: Final = {
    "GET": read_rows,
    "HEAD": read_rows,
    "POST": create_rows,
    "PATCH": update_rows,
    "DELETE": delete_rows,
}


def carry_out(call: Call, database: Database, policy: Policy) -> Answer:
    """Answer a call; raises `RestError`, and then nothing has changed."""
    try:
        request = understand(call, database, policy)
        return _STATEMENTS[call.method](request, database)
    except DatabaseError as error:
        raise errors.from_database(error) from None
    except RecursionError:
        raise errors.too_deep() from None


class Rest:
    """The REST interface; `add_to` an application to serve it. `clock` gives epoch seconds."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        policy: Policy,
        faults: RestFaults,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._keys = keys
        self._policy = policy
        self._faults = faults
        self._clock = clock

    def add_to(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_route("*", _BASE + "{path:.*}", self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.method == hdrs.METH_OPTIONS:
            return preflight(request)
        body = await request.read()
        fault = self._faults.strike(request.method, request.match_info["path"])
        if fault is None:
            return _response(self._answer(request, body))
        await asyncio.sleep(fault.delay_ms / _MS)
        answer = self._answer(request, body) if fault.carries_out else None
        if fault.abort and request.transport is not None:
            request.transport.abort()
        if answer is None or fault.status is not None:
            answer = fault.answer
        return _response(answer)

    def _answer(self, request: web.Request, body: bytes) -> Answer:
        try:
            claims = authenticate(request, self._keys, self._clock())
            call = _call(request, _table(request.match_info["path"]), claims, body)
            return carry_out(call, self._database, self._policy)
        except GatewayError as error:
            return error.answer
        except RestError as error:
            return refusal(error)


def _table(path: str) -> str:
    """Return the table of a path; raises `RestError` for what is none."""
    match path.split("/"):
        case [""]:
            raise errors.no_root()
        case [table]:
            return table
        case ["rpc", function]:
            raise errors.no_function(SCHEMA, function)
        case _:
            raise errors.bad_path()


def _call(request: web.Request, table: str, claims: Claims, body: bytes) -> Call:
    is_read = request.method in (hdrs.METH_GET, hdrs.METH_HEAD)
    return Call(
        method=request.method,
        table=table,
        claims=claims,
        query=request.rel_url.raw_query_string,
        body=body,
        accept=_header(request, hdrs.ACCEPT),
        content_type=_header(request, hdrs.CONTENT_TYPE),
        prefer=[_readable(each) for each in request.headers.getall("Prefer", [])],
        range=_header(request, hdrs.RANGE),
        profile=_header(request, "Accept-Profile" if is_read else "Content-Profile") or SCHEMA,
    )


def _header(request: web.Request, name: str) -> str:
    return _readable(request.headers.get(name, ""))


def _readable(header: str) -> str:
    """Replace what was no UTF-8: it may come back in a message, which has to be."""
    return header.encode(errors="replace").decode()


def _response(answer: Answer) -> web.Response:
    headers = {**answer.headers, **CORS_HEADERS}
    return web.Response(status=answer.status, headers=headers, body=answer.body)
