"""Closing a gap page by page, with servers that are not quite as the contract has them."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from chatengine.client.config import ChatEngineConfig, Timing
from chatengine.client.core.state import CrmState
from chatengine.client.history import ChatEngineHistory
from chatengine.client.http import ChatEngineHttp
from chatengine.client.intake import Intake
from chatengine.client.monitoring import Monitor
from chatengine.moments import from_ms, to_ms
from fakes.serving import serving
from tests.chatengine.client.socket.peers import tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

BEGAN_MS = 1_767_225_600_000
Page = list[dict[str, Any]]


def as_the_contract(messages: Page, since: str | None, limit: int) -> Page:
    """The first `limit` from `since` on, or the last ones."""
    if since is None:
        return messages[-limit:]
    return [each for each in messages if to_ms(each["createdAt"]) >= to_ms(since)][:limit]


def at_most_150(messages: Page, since: str | None, limit: int) -> Page:
    """A server that gives less than it is asked for."""
    return as_the_contract(messages, since, min(limit, 150))


def without_since(messages: Page, since: str | None, limit: int) -> Page:
    """A server that pays no heed to `since`."""
    return messages[-limit:]


class Server:
    """A history of one conversation, and the pages that were asked for."""

    def __init__(self, messages: Page, behaviour: Callable[[Page, str | None, int], Page]) -> None:
        self.messages = messages
        self.behaviour = behaviour
        self.pages = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.pages += 1
        limit = int(request.query["limit"])
        page = self.behaviour(self.messages, request.query.get("since"), limit)
        return web.json_response(page)


@asynccontextmanager
async def history(server: Server) -> AsyncIterator[tuple[ChatEngineHistory, CrmState]]:
    """A client's history of that server, and the state that it fills."""
    state = CrmState(workspace_id="w-1", user_id="agent-1", whatsapp_number_id=None)
    state.open("c")
    intake = Intake(state, Monitor(lambda _: None), time.time, lambda: None)
    app = web.Application()
    app.router.add_get("/api/chat/messages", server.answer)
    async with serving(app, "127.0.0.1", 0) as port:
        config = ChatEngineConfig(url=f"http://127.0.0.1:{port}")
        http = ChatEngineHttp(config, tokens(), Timing(http_timeout_ms=60_000))
        try:
            yield ChatEngineHistory(http, intake), state
        finally:
            await http.close()


def messages(count: int, *, every_ms: int = 10, **fields: Any) -> Page:
    return [
        {
            "id": f"m-{number:05}",
            "conversationId": "c",
            "type": "text",
            "content": str(number),
            "createdAt": from_ms(BEGAN_MS + number * every_ms),
        }
        | fields
        for number in range(count)
    ]


@pytest.mark.parametrize("behaviour", [as_the_contract, at_most_150])
@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 500, 501, 1000])
async def test_a_gap_is_fetched_to_its_end(
    behaviour: Callable[[Page, str | None, int], Page], count: int
) -> None:
    """Whatever the number of messages and the size of a page, all are shown."""
    server = Server(messages(count), behaviour)
    async with history(server) as (fetched, state):
        await fetched.conversation("c", BEGAN_MS, latest=False)
        assert len(state.messages("c")) == count


async def test_a_short_gap_is_one_request() -> None:
    """As most gaps are: what follows fewer than a hundred is not asked for."""
    server = Server(messages(99), as_the_contract)
    async with history(server) as (fetched, _):
        await fetched.conversation("c", BEGAN_MS, latest=False)
        assert server.pages == 1


@pytest.mark.parametrize(("count", "pages"), [(50, 1), (1000, 4)])
async def test_what_is_opened_first_shows_the_latest(count: int, pages: int) -> None:
    """The last messages, and then all since the gap began, if those do not reach back to it."""
    server = Server(messages(count), as_the_contract)
    async with history(server) as (fetched, state):
        since_ms = BEGAN_MS + 400 * 10
        await fetched.conversation("c", since_ms, latest=True)
        assert len(state.messages("c")) == min(count, 600)
        assert server.pages == pages


@pytest.mark.parametrize(
    "server",
    [
        Server(messages(2000), without_since),
        Server(messages(2000, every_ms=0), as_the_contract),
        Server(messages(2000, createdAt="yesterday"), without_since),
        Server(messages(2000, createdAt=None), without_since),
    ],
    ids=["no heed to since", "all of one millisecond", "no moments", "null moments"],
)
async def test_no_server_is_asked_for_ever(server: Server) -> None:
    """One that always has a full page to give is asked a few times, and what it gave is taken."""
    async with history(server) as (fetched, state):
        await fetched.conversation("c", BEGAN_MS, latest=False)
        assert server.pages <= 4
        assert len(state.messages("c")) in (0, 500)


@pytest.mark.parametrize("latest", [True, False])
async def test_pages_too_long_to_be_read_are_asked_for_in_parts(latest: bool) -> None:
    """Emoji, escaped, are twelve bytes each: fewer messages at a time, and all are shown."""
    server = Server(messages(300, content="🙂" * 10_000), as_the_contract)
    async with history(server) as (fetched, state):
        await fetched.conversation("c", BEGAN_MS, latest=latest)
        assert len(state.messages("c")) == 300
        assert server.pages > 4


async def test_a_message_too_long_to_be_read_is_counted_and_passed() -> None:
    """What was written before it since the gap began, and the latest after it, are shown."""
    told = messages(300)
    told[150] = told[150] | {"content": "x" * (33 * 2**20)}
    server = Server(told, as_the_contract)
    async with history(server) as (fetched, state):
        await fetched.conversation("c", BEGAN_MS, latest=True)
        shown = {message.id for message in state.messages("c")}
        assert {f"m-{number:05}" for number in (*range(150), *range(200, 300))} <= shown
        assert state.counters.malformed == 1
