"""PostgREST reads: what is asked for, paging, and what goes wrong in a sentence."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from msgspec.structs import replace

from chatengine.client.config import SupabaseConfig, Timing
from chatengine.client.problems import HttpProblem
from chatengine.client.supabase import SupabaseRest
from fakes.serving import serving
from tests.chatengine.client.supabase.test_realtime import KEY

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
SINCE = 1_767_225_601_234
ROWS = [{"id": str(number)} for number in range(1_000)]


class Server:
    """Answers every request with `answer`, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.answer: Answer = rows(ROWS)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self.answer(request)


def rows(found: list[dict[str, str]], *, most: int = 1_000) -> Answer:
    """A PostgREST that gives at most `most` rows of these."""

    async def answer(request: web.Request) -> web.Response:
        offset, limit = int(request.query["offset"]), int(request.query["limit"])
        page = found[offset : offset + min(limit, most)]
        counted = "count=exact" in request.headers.get("Prefer", "")
        span = f"{offset}-{offset + len(page) - 1}" if page else "*"
        if counted and offset > len(found):
            return web.json_response({"code": "PGRST103", "message": "no"}, status=416)
        return web.json_response(
            page,
            status=206 if counted and len(page) < len(found) else 200,
            headers={"Content-Range": f"{span}/{len(found) if counted else '*'}"},
        )

    return answer


def error(status: int, body: object) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body if isinstance(body, str) else json.dumps(body))

    return answer


@asynccontextmanager
async def running(
    timing: Timing | None = None, access_token: Callable[[], Awaitable[str]] | None = None
) -> AsyncIterator[tuple[Server, SupabaseRest]]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    async with serving(app, "127.0.0.1", 0) as port:
        config = SupabaseConfig(url=f"http://127.0.0.1:{port}/", anon_key=KEY)
        rest = SupabaseRest(config, timing or Timing(), access_token)
        try:
            yield server, rest
        finally:
            await rest.close()


async def test_history() -> None:
    """A conversation's newest rows, with the key as `apikey` and bearer."""
    async with running() as (server, rest):
        assert await rest.messages("a+b&c=d@s.whatsapp.net", limit=50, offset=100) == ROWS[100:150]
        (request,) = server.requests
        assert request.path == "/rest/v1/messages"
        assert dict(request.query) == {
            "select": "*",
            "conversation_id": "eq.a+b&c=d@s.whatsapp.net",
            "order": "created_at.desc,id.desc",
            "limit": "50",
            "offset": "100",
        }
        assert request.headers["apikey"] == KEY
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        assert "Prefer" not in request.headers


async def test_backfill() -> None:
    """C-FBK-4: what was written since a moment, in as many requests as it takes."""
    async with running() as (server, rest):
        assert await rest.messages("c", SINCE, limit=10_000) == ROWS
        asked = [(each.query["created_at"], each.query["offset"]) for each in server.requests]
        since = "gte.2026-01-01T00:00:01.234Z"
        assert asked == [(since, str(offset)) for offset in range(0, 1_000, 200)]


async def test_a_server_that_gives_less_than_was_asked() -> None:
    """C-FBK-4: a server's own limit (`max-rows`) does not end the paging."""
    async with running() as (server, rest):
        server.answer = rows(ROWS, most=70)
        assert await rest.messages("c", SINCE, limit=10_000) == ROWS


async def test_a_server_that_does_not_count() -> None:
    """Without a count the first page that is short is the last."""

    async def uncounted(request: web.Request) -> web.Response:
        offset, limit = int(request.query["offset"]), int(request.query["limit"])
        return web.json_response(ROWS[offset : offset + limit][: 450 - offset])

    async with running() as (server, rest):
        server.answer = uncounted
        assert await rest.messages("c", limit=10_000) == ROWS[:450]
        assert len(server.requests) == 3


async def test_rows_that_go_meanwhile() -> None:
    """An offset past the end, 416 with a count, ends the paging."""

    async def shrinking(request: web.Request) -> web.StreamResponse:
        return await rows(ROWS if request.query["offset"] == "0" else ROWS[:10])(request)

    async with running() as (server, rest):
        server.answer = shrinking
        assert await rest.messages("c", limit=10_000) == ROWS[:200]


async def test_the_limit() -> None:
    """No more rows than asked for, and no request beyond them."""
    async with running() as (server, rest):
        assert await rest.messages("c", limit=250) == ROWS[:250]
        assert [each.query["limit"] for each in server.requests] == ["200", "50"]


@pytest.mark.parametrize(
    ("number", "condition"),
    [
        (None, None),
        ("n-1", "(whatsapp_number_id.eq.n-1,whatsapp_number_id.is.null)"),
        ("n),(x", '(whatsapp_number_id.eq."n),(x",whatsapp_number_id.is.null)'),
    ],
)
async def test_conversations(number: str | None, condition: str | None) -> None:
    """C-CNV-5: the workspace's conversations, of one number and of none, the last active first."""
    async with running() as (server, rest):
        assert await rest.conversations("w-1", number) == ROWS
        query = server.requests[0].query
        assert server.requests[0].path == "/rest/v1/conversations"
        assert (query["workspace_id"], query.get("or")) == ("eq.w-1", condition)
        assert query["order"] == "last_message_at.desc.nullslast,id.desc"


async def test_recent_messages() -> None:
    """C-FBK-7: incremental polling asks for the workspace's rows since a moment."""
    async with running() as (server, rest):
        assert await rest.recent_messages("w-1", SINCE, limit=3) == ROWS[:3]
        query = server.requests[0].query
        assert (query["workspace_id"], query["created_at"]) == (
            "eq.w-1",
            "gte.2026-01-01T00:00:01.234Z",
        )


async def test_a_moment_before_all() -> None:
    """A moment that ISO 8601 cannot write is taken as the epoch's beginning."""
    async with running() as (server, rest):
        await rest.recent_messages("w-1", -(10**15))
        assert server.requests[0].query["created_at"] == "gte.1970-01-01T00:00:00.000Z"


async def test_a_users_token() -> None:
    """C-CONN-5's measure: each call carries a token valid at that moment, and the key."""
    tokens = iter(["one", "two"])

    async def fresh() -> str:
        return next(tokens)

    async with running(access_token=fresh) as (server, rest):
        for _ in range(2):
            await rest.messages("c", limit=1)
        sent = [each.headers["Authorization"] for each in server.requests]
        assert sent == ["Bearer one", "Bearer two"]
        assert server.requests[0].headers["apikey"] == KEY
        with pytest.raises(HttpProblem, match=re.escape("could be had (RuntimeError)")):
            await rest.messages("c", limit=1)


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (
            401,
            {"message": "No API key found in request", "hint": "?"},
            "Supabase answered 401 for messages: No API key found in request "
            "(check the anon key, or sign in again)",
        ),
        (
            401,
            {"code": "PGRST303", "message": "JWT expired", "details": None, "hint": None},
            "Supabase answered 401 for messages: JWT expired "
            "(check the anon key, or sign in again)",
        ),
        (
            403,
            {"code": "42501", "message": "permission denied for table messages"},
            "Supabase answered 403 for messages: permission denied for table messages "
            "(give the user's role the right to read the table)",
        ),
        (
            404,
            {"code": "PGRST205", "message": "Could not find the table"},
            "Supabase answered 404 for messages: Could not find the table "
            "(check the Supabase URL, and that the table is in the exposed schema)",
        ),
        (400, {"code": "PGRST100", "message": 5}, "Supabase answered 400 for messages"),
        (503, "<html>", "Supabase answered 503 for messages"),
        (302, "", "Supabase answered 302 for messages"),
        (200, {"id": 1}, "Supabase answered no rows of messages: check its URL"),
        (200, "<html>", "Supabase answered no rows of messages: check its URL"),
        (200, "[" * 100_000, "Supabase answered no rows of messages: check its URL"),
    ],
    ids=str,
)
async def test_a_problem(status: int, body: object, sentence: str) -> None:
    """What Supabase refuses is one error, with its status and what to do."""
    async with running() as (server, rest):
        server.answer = error(status, body)
        with pytest.raises(HttpProblem) as raised:
            await rest.messages("c")
        assert (raised.value.status, str(raised.value)) == (status, sentence)


async def test_no_server() -> None:
    """A server that is not there is one error, without a status."""
    rest = SupabaseRest(SupabaseConfig(url="http://127.0.0.1:9", anon_key=KEY), Timing())
    with pytest.raises(HttpProblem) as raised:
        await rest.messages("c")
    await rest.close()
    why = "Supabase cannot be reached (Connection refused): check its URL and the network"
    assert (raised.value.status, str(raised.value)) == (None, why)


@pytest.mark.parametrize("headers_first", [False, True])
async def test_a_deadline(headers_first: bool) -> None:
    """A server that hangs, before its answer or in it, is given up at the deadline."""

    async def hang(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if headers_first:
            await response.prepare(request)
            await response.write(b"[")
        await ending.wait()
        return response

    ending = asyncio.Event()
    async with running(replace(Timing(), http_timeout_ms=100)) as (server, rest):
        server.answer = hang
        with pytest.raises(HttpProblem, match=re.escape("did not answer within 0.1 s")):
            await rest.messages("c")
        ending.set()


async def test_an_answer_without_end() -> None:
    """An answer larger than any page could be is not read to its end."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while request.transport is not None:
            await response.write(b"[" * 1024 * 1024)
        return response

    async with running() as (server, rest):
        server.answer = endless
        with pytest.raises(HttpProblem, match="the answer has more than 33554432 bytes"):
            await rest.messages("c")


async def test_closing() -> None:
    """C-CONN-7's measure: closing leaves no connection, twice does no harm, a call reopens."""
    async with running() as (_, rest):
        await rest.messages("c", limit=1)
        await rest.close()
        await rest.close()
        assert await rest.messages("c", limit=1) == ROWS[:1]
