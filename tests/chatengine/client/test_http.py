"""ChatEngine over HTTP: what it answers, and every way in which it does not."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from chatengine.client.config import ChatEngineConfig, Timing, TokenConfig
from chatengine.client.http import LARGEST_PAGE, ChatEngineHttp
from chatengine.client.problems import HttpProblem
from chatengine.client.tokens import AskedTokens, MintedTokens
from chatengine.moments import to_ms
from fakes.serving import serving
from tests.chatengine.client.socket.peers import nothing_left, raw_server, tokens
from tests.fakes.chatengine.world import JID, SECOND, SECRET, World, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from chatengine.client.tokens import TokenSource

USUAL = Timing()
HASTY = Timing(http_timeout_ms=200, send_timeout_ms=200)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as world:
        yield world


@asynccontextmanager
async def client(
    url: str, token_source: TokenSource | None = None, timing: Timing = USUAL
) -> AsyncIterator[ChatEngineHttp]:
    http = ChatEngineHttp(ChatEngineConfig(url=url), token_source or tokens(), timing)
    try:
        yield http
    finally:
        await http.close()


@asynccontextmanager
async def answering(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    """A server that answers every call so; yields its URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with serving(app, "127.0.0.1", 0, handler_cancellation=True) as port:
        yield f"http://127.0.0.1:{port}"


async def problem(call: Awaitable[object]) -> HttpProblem:
    with pytest.raises(HttpProblem) as caught:
        await call
    return caught.value


def ids(messages: list[Any]) -> list[str]:
    return [message["id"] for message in messages]


async def test_history_and_backfill(world: World) -> None:
    """Section 4: the last messages, or the first since a moment, oldest first."""
    for number in range(5):
        await world.arrive(f"A{number}", second=SECOND + number)
    async with client(world.url) as http:
        assert ids(await http.messages(JID)) == [f"evo-A{number}" for number in range(5)]
        assert ids(await http.messages(JID, limit=2)) == ["evo-A3", "evo-A4"]
        since_ms = (SECOND + 1) * 1000
        assert ids(await http.messages(JID, since_ms, 2)) == ["evo-A1", "evo-A2"]
        assert await http.messages(JID, limit=10_000) == await http.messages(JID)
        assert len(await http.messages(JID, -5)) == 5
        (conversation,) = await http.conversations()
        assert isinstance(conversation, dict)
        assert conversation["id"] == JID
    assert LARGEST_PAGE == 500


async def test_an_id_is_sent_as_it_is() -> None:
    """Whatever an id holds, it is one value of the query."""
    asked: list[dict[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(dict(request.query))
        return web.json_response([])

    strange = "a&limit=1#%41+é 💬@s.whatsapp.net"
    async with answering(handler) as url, client(url) as http:
        await http.messages(strange, to_ms("2026-01-01T00:00:00Z"), 7)
    assert asked == [{"conversationId": strange, "limit": "7", "since": "2026-01-01T00:00:00.000Z"}]


async def test_a_send_without_a_socket(world: World) -> None:
    """C-SND-3: the provider gets it once, and the server's message carries the client's id."""
    async with client(world.url) as http:
        sent = await http.send(JID, "Olá", "c-1")
        again = await http.send(JID, "Olá", "c-1")
    assert isinstance(sent, dict)
    assert (sent["content"], sent["status"]) == ("Olá", "sent")
    assert sent["metadata"]["clientMessageId"] == "c-1"
    assert sent == again
    assert len(world.provider.calls) == 1


async def test_what_a_send_says() -> None:
    """Section 4: the body of the POST, with what is known and nothing else."""
    bodies: list[Any] = []

    async def handler(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.json_response({}, status=201)

    async with answering(handler) as url, client(url) as http:
        await http.send(JID, "Olá", "c-1", "m-1")
        numbered = ChatEngineHttp(ChatEngineConfig(url=url), tokens(), Timing(), "n-1")
        await numbered.send(JID, "Olá", "c-2")
        await numbered.close()
    usual = {"conversationId": JID, "type": "text", "content": "Olá"}
    assert bodies == [
        usual | {"clientMessageId": "c-1", "replyToMessageId": "m-1"},
        usual | {"clientMessageId": "c-2", "whatsappNumberId": "n-1"},
    ]


async def test_a_refused_token(world: World) -> None:
    """401: the sentence says what to do, and the source is told, so that it asks anew."""
    given = [tokens("another secret"), tokens()]

    async def ask() -> str:
        return await given.pop(0).token()

    async with client(world.url, AskedTokens(ask)) as http:
        why = await problem(http.conversations())
        assert (why.status, str(why)) == (
            401,
            "ChatEngine answered 401 to /api/chat/conversations: token with a wrong signature "
            "(check the token's secret and this machine's clock, or sign in again)",
        )
        assert await http.conversations() == []


async def test_another_workspace_is_forbidden(world: World) -> None:
    """403 says so as well."""
    config = TokenConfig(secret=SECRET, claims={"workspace_id": None})
    homeless = MintedTokens(config, workspace_id="w-1", user_id="agent-1")
    async with client(world.url, homeless) as http:
        why = await problem(http.conversations())
    assert why.status == 403
    assert str(why).endswith("(check that the token is of this workspace)")


async def test_a_provider_that_fails(world: World) -> None:
    """C-SND-4: 502 is a send that failed."""

    async def refuse(_: str, __: object) -> web.Response:
        return web.Response(status=500)

    world.provider.answer = refuse
    async with client(world.url) as http:
        assert (await problem(http.send(JID, "Olá", "c-1"))).status == 502


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (200, b"<html>", "ChatEngine answered no JSON to /api/chat/conversations: check its URL"),
        (200, b"\xff", "ChatEngine answered no JSON to /api/chat/conversations: check its URL"),
        (200, b"", "ChatEngine answered no JSON to /api/chat/conversations: check its URL"),
        (200, b"[" * 100_000, None),
        (200, b"{}", "ChatEngine answered no list: check its URL"),
        (200, b"null", "ChatEngine answered no list: check its URL"),
        (204, b"", "ChatEngine answered no JSON to /api/chat/conversations: check its URL"),
        (302, b"", "ChatEngine answered 302 to /api/chat/conversations"),
        (404, b"<html>", "ChatEngine answered 404 to /api/chat/conversations (check the URL)"),
        (
            500,
            b'{"error":"x\\u001b[31m"}',
            "ChatEngine answered 500 to /api/chat/conversations: x [31m",
        ),
        (500, b'{"error":{}}', "ChatEngine answered 500 to /api/chat/conversations"),
        (503, b"[]", "ChatEngine answered 503 to /api/chat/conversations"),
    ],
)
async def test_answers_that_are_none(status: int, body: bytes, sentence: str | None) -> None:
    """Every other status, and whatever is no list, is an `HttpProblem` of one sentence."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers={"Location": "/elsewhere"})

    async with answering(handler) as url, client(url) as http:
        why = await problem(http.conversations())
    assert why.status in (status, None)
    assert sentence is None or str(why) == sentence


async def test_a_sent_message_is_an_object() -> None:
    """A POST that answers anything else has not sent as far as we know."""

    async def handler(_: web.Request) -> web.Response:
        return web.json_response([], status=201)

    async with answering(handler) as url, client(url) as http:
        assert str(await problem(http.send(JID, "x", "c"))) == (
            "ChatEngine answered no message: check its URL"
        )


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_huge_answer_is_not_read(encoding: str) -> None:
    """More than 32 MiB, packed or not, is left where it is."""
    sent = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        if encoding == "gzip":
            response.enable_compression(web.ContentCoding.gzip)
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" " * 1_000_000)
            sent += 1
        return response

    async with answering(handler) as url, client(url) as http:
        why = await problem(http.conversations())
    assert str(why) == ("ChatEngine cannot be read: the answer has more than 33554432 bytes")
    assert sent < 100


async def test_a_call_has_a_deadline() -> None:
    """A server that never answers, or never ends, is given up; so is a token that never comes."""

    async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"[")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    late = "ChatEngine did not answer within 0.2 s"
    for handler in (silent, dribble):
        async with nothing_left(), raw_server(handler) as url, client(url, timing=HASTY) as http:
            assert str(await problem(http.messages(JID))) == late
            assert str(await problem(http.send(JID, "x", "c"))) == late
    async with client("http://127.0.0.1:9", AskedTokens(never), HASTY) as http:
        assert str(await problem(http.conversations())) == late


async def test_a_server_that_is_not_there() -> None:
    """Nobody listens, the connection is cut, or what answers is no HTTP."""

    async def cut(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x00\x01\x02\r\n\r\n")

    for handler in (cut, garbage):
        async with raw_server(handler) as url, client(url) as http:
            why = await problem(http.conversations())
            assert why.status is None
            assert str(why).startswith("ChatEngine cannot be reached (")
    async with client(url) as http:
        assert str(await problem(http.conversations())).startswith("ChatEngine cannot be reached (")


async def test_no_token_no_call(world: World) -> None:
    """Where there is no token the sentence says so, and nobody is called."""

    async def fail() -> str:
        raise RuntimeError("secret")

    async with client(world.url, AskedTokens(fail)) as http:
        why = await problem(http.conversations())
    assert (why.status, str(why)) == (
        None,
        "no token: the function that gives it raised RuntimeError",
    )


async def test_what_cannot_be_written(world: World) -> None:
    """Half a surrogate pair is no text; it is told, and nothing is sent."""
    async with client(world.url) as http:
        why = await problem(http.send(JID, "\ud83d", "c"))
    assert str(why) == "what was to be sent is not Unicode text"
    assert world.provider.calls == []


async def test_half_a_surrogate_pair_in_an_answer() -> None:
    """What JavaScript cuts in two is read, as the socket reads it."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b'[{"id":"\\ud83d"}]')

    async with answering(handler) as url, client(url) as http:
        assert await http.conversations() == [{"id": "�"}]


async def test_closing_leaves_nothing(world: World) -> None:
    """C-CONN-7: no socket is left; a later call opens one, and a close without one is none."""
    await world.call("GET", "/api/health")
    async with nothing_left():
        http = ChatEngineHttp(ChatEngineConfig(url=world.url), tokens(), Timing())
        await http.close()
        for _ in range(2):
            await http.conversations()
            await http.close()


async def test_the_token_does_not_follow_a_redirect() -> None:
    """Another place must not get it."""
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.path)
        raise web.HTTPFound("/elsewhere")

    async with answering(handler) as url, client(url) as http:
        await problem(http.conversations())
    assert seen == ["/api/chat/conversations"]


def test_nothing_happens_before_the_first_call() -> None:
    """It can be made outside of an event loop."""
    ChatEngineHttp(ChatEngineConfig(url="http://127.0.0.1:9"), tokens(), Timing())
