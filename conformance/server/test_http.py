"""S-HTTP: the calls of section 4, and their errors."""

import asyncio
import time
from contextlib import suppress
from typing import Any, Final

import pytest
from aiohttp import FormData

from chatengine import events
from conformance.checks import shows
from conformance.deadlines import until
from conformance.outcomes import NotApplicable
from conformance.probes.http import Answer
from conformance.probes.tokens import claims_of, signed
from conformance.server.chat import Chat, holds
from conformance.server.sends import what_stays
from conformance.server.shapes import CONVERSATION, MESSAGE, require_shape, require_values
from fakes.evolution.bodies import Content

CALLS: Final = (
    ("GET", "/api/chat/conversations"),
    ("GET", "/api/chat/messages?conversationId=x"),
    ("POST", "/api/chat/messages"),
    ("POST", "/api/chat/attachments"),
    ("GET", "/api/chat/messages/evo-1/context"),
)
USUAL_LIMIT, LARGEST_LIMIT = 100, 500
ODD_QUERIES: Final[tuple[dict[str, str], ...]] = (
    {},
    {"conversationId": "x", "limit": "many"},
    {"conversationId": "x", "limit": "-1"},
    {"conversationId": "x", "limit": "0"},
    {"conversationId": "x", "since": "yesterday"},
    {"conversationId": "x", "since": "2026-13-45T99:00:00Z"},
)
WRONG_FIELDS: Final[tuple[dict[str, Any], ...]] = (
    {"conversationId": 5},
    {"conversationId": None},
    {"conversationId": {"a": 1}},
    {"content": {"a": 1}},
    {"content": ["Oi"]},
)
ODD_FIELDS: Final[tuple[dict[str, Any], ...]] = (
    {"clientMessageId": 5},
    {"replyToMessageId": {"a": 1}},
    {"whatsappNumberId": ["n-1"]},
    {"attachments": "x"},
    {"attachments": [5]},
    {"type": 7},
)
AT_ONCE: Final = 20
"""Webhooks under way at the same time, where their order does not matter."""


@shows("S-HTTP-1")
async def test_health(chat: Chat) -> None:
    """`GET /api/health` is 200 `{"status": "ok", ...}`, without a token."""
    told = await chat.http.ask("GET", "/api/health", 200)
    require_values(chat.trace, told if isinstance(told, dict) else {}, "the health", status="ok")


@shows("S-HTTP-1")
async def test_conversations(chat: Chat) -> None:
    """`GET /api/chat/conversations` lists this workspace's, in the contract's shape."""
    mine = [await chat.webhook.writes(chat.conversation()) for _ in range(2)]
    wanted = {each.conversation for each in mine}
    found: list[dict[str, Any]] = []

    async def lists_mine() -> bool:  # a webhook may be handled after its answer
        found[:] = await conversations(chat)
        return wanted <= {str(each.get("id")) for each in found}

    with suppress(TimeoutError):
        await until(lists_mine, chat.patience, pause_s=0.05)
    by_id = {each.get("id"): each for each in found}
    for entered in mine:
        conversation = by_id.get(entered.conversation)
        require_shape(chat.trace, conversation, CONVERSATION, f"{entered.conversation}")
        last = (conversation or {}).get("lastMessage")
        if last is not None:
            require_values(chat.trace, last, "`lastMessage`", id=entered.id, content=entered.text)
    workspaces = {each.get("workspaceId") for each in found}
    chat.trace.require(
        workspaces == {chat.here.workspace_id}, expected="one workspace", seen=workspaces
    )


@shows("S-HTTP-1")
async def test_messages(chat: Chat) -> None:
    """`GET /api/chat/messages` lists a conversation's, oldest first, in the contract's shape."""
    conversation, now = chat.conversation(), int(time.time())
    entered = [
        await chat.webhook.writes(conversation, second=now - 60 + offset)
        for offset in (30, 10, 20, 40, 0)
    ]
    wanted = [each.id for each in sorted(entered, key=lambda each: each.second)]
    found = await chat.history_when(conversation, holds(wanted))
    for message in found:
        require_shape(chat.trace, message, MESSAGE, "a message")
    lists(chat, found, wanted)


@shows("S-HTTP-1")
async def test_a_message_is_listed_as_it_was_pushed(chat: Chat) -> None:
    """With its ids and its attachments: whoever missed the push has nothing else."""
    conversation = chat.conversation()
    photo = Content(kind="image", text="uma foto", url="https://x.example/p", size=20_000)
    entered = chat.webhook.entry(conversation, photo)
    agent = await chat.agent(subscribed_to=conversation)
    await chat.webhook.accepted(entered.body)
    pushed = await agent.gets(events.MESSAGE, id=entered.id)
    found = await chat.history_when(conversation, holds([entered.id]))
    lists(chat, found, [entered.id])
    require_shape(chat.trace, found[0], MESSAGE, "a message")
    chat.trace.require(what_stays(found) == what_stays([pushed]), expected=pushed, seen=found[0])
    chat.trace.require(
        bool(found[0].get("attachments")), expected="its file as an attachment", seen=found[0]
    )


@shows("S-HTTP-1")
async def test_limits(chat: Chat) -> None:
    """With `since` the first `limit` are answered, without it the last; unless given, 100."""
    conversation = chat.conversation()
    many = await enter(chat, conversation, USUAL_LIMIT + 5)
    await chat.history_when(conversation, holds(many))
    path, token = "/api/chat/messages", chat.token()

    async def ask(**params: str) -> list[dict[str, Any]]:
        asked = {"conversationId": conversation} | params
        found: list[dict[str, Any]] = await chat.http.ask(
            "GET", path, 200, token=token, params=asked
        )
        return found

    everything = await ask(limit=str(len(many)))
    lists(chat, everything, many)
    since = str(everything[0].get("createdAt"))
    lists(chat, await ask(), many[5:])
    lists(chat, await ask(limit="3"), many[-3:])
    lists(chat, await ask(limit="3", since=since), many[:3])
    lists(chat, await ask(since=since), many[:USUAL_LIMIT])


@shows("S-HTTP-1")
async def test_the_largest_limit(patient_chat: Chat) -> None:
    """No answer holds more than 500 messages, whatever is asked for."""
    chat = patient_chat
    conversation = chat.conversation()
    many = await enter(chat, conversation, LARGEST_LIMIT + 5)
    most = many[-LARGEST_LIMIT:]
    lists(chat, await chat.history_when(conversation, lambda found: ids_of(found) == most), most)
    params = {"conversationId": conversation, "limit": "100000"}
    answer = await chat.http.call("GET", "/api/chat/messages", token=chat.token(), params=params)
    count = len(answer.body) if isinstance(answer.body, list) else 0
    chat.trace.require(
        count <= LARGEST_LIMIT, expected=f"at most {LARGEST_LIMIT} messages", seen=count
    )


@shows("S-HTTP-1")
async def test_an_unknown_conversation_is_empty(chat: Chat) -> None:
    """Of a conversation that nobody has written in there are no messages."""
    lists(chat, await chat.history(chat.conversation()), [])


@shows("S-HTTP-1")
async def test_context(chat: Chat) -> None:
    """`GET /api/chat/messages/{id}/context` is 200 `{message, conversation, workspace_id}`."""
    entered = await chat.webhook.writes(chat.conversation())
    agent = await chat.agent(subscribed_to=entered.conversation)
    await chat.fence(agent, entered.conversation)
    await chat.history_when(entered.conversation, holds([entered.id]))
    path = f"/api/chat/messages/{entered.id}/context"
    told = await chat.http.ask("GET", path, 200, token=chat.token())
    chat.trace.require(isinstance(told, dict), expected="an object", seen=told)
    require_shape(chat.trace, told.get("message"), MESSAGE, "`message`")
    require_shape(chat.trace, told.get("conversation"), CONVERSATION, "`conversation`")
    require_values(chat.trace, told, "the context", workspace_id=chat.here.workspace_id)
    require_values(chat.trace, told["message"], "`message`", id=entered.id, content=entered.text)
    require_values(chat.trace, told["conversation"], "its conversation", id=entered.conversation)


@shows("S-HTTP-1")
async def test_attachments(chat: Chat) -> None:
    """`POST /api/chat/attachments` takes a file and is 201 with the attachment."""
    first = await chat.uploads("foto.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "image/png")
    second = await chat.uploads("nota fiscal – ação.pdf", b"%PDF-1.7", "application/pdf")
    chat.trace.require(
        first["id"] != second["id"], expected="an id for each file", seen=first["id"]
    )


@shows("S-HTTP-1")
async def test_browsers(chat: Chat) -> None:
    """A browser from an allowed origin may call, with a token and JSON; others may not read."""
    if not chat.settings.cors_allowed_origins:
        raise NotApplicable("CORS_ALLOWED_ORIGINS is not set: no browser is expected.")
    for origin in chat.settings.cors_allowed_origins:
        await lets_browsers_in(chat, origin)


async def lets_browsers_in(chat: Chat, origin: str) -> None:
    """Check what a page of an allowed origin may do, and that others may not."""
    known = "https://crm.example" if origin == "*" else origin
    asked = {
        "Origin": known,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    preflight = await chat.http.call("OPTIONS", "/api/chat/messages", headers=asked)
    allowed = preflight.headers.get("Access-Control-Allow-Headers", "").lower()
    chat.trace.require(
        preflight.status in (200, 204)
        and lets_in(preflight, known)
        and ({"authorization", "content-type"} <= {each.strip() for each in allowed.split(",")}),
        expected="a preflight that allows the origin, Authorization and Content-Type",
        seen=dict(preflight.headers),
    )
    for token in (chat.token(), None):  # an error is for the browser to read, too
        answer = await chat.http.call(
            "GET", "/api/chat/conversations", token=token, headers={"Origin": known}
        )
        chat.trace.require(
            lets_in(answer, known), expected=f"{known} let in", seen=dict(answer.headers)
        )
    if "*" not in chat.settings.cors_allowed_origins:
        stranger = "https://elsewhere.example"
        answer = await chat.http.call(
            "GET", "/api/chat/conversations", token=chat.token(), headers={"Origin": stranger}
        )
        chat.trace.require(
            not lets_in(answer, stranger), expected="no other origin", seen=dict(answer.headers)
        )


@shows("S-HTTP-2")
@pytest.mark.parametrize(("method", "path"), CALLS, ids=[" ".join(call) for call in CALLS])
async def test_without_a_valid_token(chat: Chat, method: str, path: str) -> None:
    """Every `/api/chat` call without a valid token is 401, with an error."""
    good = claims_of(chat.settings, chat.here.workspace_id, "agent-1")
    tokens = {
        "none": None,
        "garbage": "garbage",
        "another secret": signed(good, "a secret that no server shares with anybody"),
        "another algorithm": signed(good, chat.settings.secret, algorithm="HS512"),
        "expired": chat.token(claims={"exp": int(time.time()) - 3600}),
        "not yet valid": chat.token(claims={"nbf": int(time.time()) + 3600}),
    }
    for token in tokens.values():
        refused(chat, await chat.http.call(method, path, token=token), 401)
    basic = {"Authorization": f"Basic {chat.token()}"}
    refused(chat, await chat.http.call(method, path, headers=basic), 401)


@shows("S-HTTP-2")
@pytest.mark.parametrize(("method", "path"), CALLS, ids=[" ".join(call) for call in CALLS])
async def test_without_a_workspace(chat: Chat, method: str, path: str) -> None:
    """Every `/api/chat` call with a good token that names no workspace is 403, with an error."""
    token = chat.token(claims={"workspace_id": None})
    refused(chat, await chat.http.call(method, path, token=token), 403)


@shows("S-HTTP-2")
async def test_an_unknown_message(chat: Chat) -> None:
    """The context of a message that there is not is an error, and not the server's."""
    path = f"/api/chat/messages/{chat.name('evo')}/context"
    refused(chat, await chat.http.call("GET", path, token=chat.token()), range(400, 500))


@shows("S-HTTP-2")
@pytest.mark.parametrize("body", ["", "{", "[]", "null", "{}", '"x"'], ids=repr)
async def test_a_post_that_is_none(chat: Chat, body: str) -> None:
    """A POST without what a message needs is an error, and not the server's."""
    answer = await chat.http.call(
        "POST",
        "/api/chat/messages",
        token=chat.token(),
        data=body,
        headers={"Content-Type": "application/json"},
    )
    refused(chat, answer, range(400, 500))


@shows("S-HTTP-2")
@pytest.mark.parametrize("query", ODD_QUERIES, ids=repr)
async def test_an_odd_query(chat: Chat, query: dict[str, str]) -> None:
    """What is no moment, no number or no conversation is no fault of the server's."""
    path, token = "/api/chat/messages", chat.token()
    answer = await chat.http.call("GET", path, token=token, params=query)
    not_the_servers(chat, answer)


@shows("S-HTTP-2")
@pytest.mark.parametrize("fields", WRONG_FIELDS, ids=repr)
async def test_a_post_of_wrong_types(chat: Chat, fields: dict[str, Any]) -> None:
    """A POST whose fields have other types is an error, and not the server's."""
    refused(chat, await posted(chat, fields), range(400, 500))


@shows("S-HTTP-2")
@pytest.mark.parametrize("fields", ODD_FIELDS, ids=repr)
async def test_a_post_of_odd_types(chat: Chat, fields: dict[str, Any]) -> None:
    """What may be left out may be refused or ignored in another type; it is no server's fault."""
    not_the_servers(chat, await posted(chat, fields))


@shows("S-HTTP-2")
async def test_an_upload_that_is_none(chat: Chat) -> None:
    """What is no multipart form, or has no file, is an error, and not the server's."""
    path, token = "/api/chat/attachments", chat.token()
    form = FormData(default_to_multipart=True)
    form.add_field("note", "no file")
    hows: tuple[dict[str, Any], ...] = ({"json": {"file": "x"}}, {"data": form})
    for how in hows:
        refused(chat, await chat.http.call("POST", path, token=token, **how), range(400, 500))


async def posted(chat: Chat, fields: dict[str, Any]) -> Answer:
    """Send a text in which these fields are otherwise; raises `NotApplicable`."""
    if not chat.sees_sends:
        raise NotApplicable("What this server sends would reach somebody's customers.")
    body = {"conversationId": chat.conversation(), "type": "text", "content": "Oi"} | fields
    return await chat.http.call("POST", "/api/chat/messages", token=chat.token(), json=body)


async def conversations(chat: Chat) -> list[dict[str, Any]]:
    """The list of the workspace's conversations."""
    found = await chat.http.ask("GET", "/api/chat/conversations", 200, token=chat.token())
    chat.trace.require(
        isinstance(found, list) and all(isinstance(each, dict) for each in found),
        expected="a list of conversations",
        seen=found,
    )
    listed: list[dict[str, Any]] = found
    return listed


async def enter(chat: Chat, conversation: str, count: int) -> list[str]:
    """Let many messages enter, a second apart; returns their ids in the order of history."""
    second = int(time.time()) - count
    room = asyncio.Semaphore(AT_ONCE)

    async def write(number: int) -> str:
        async with room:
            entered = await chat.webhook.writes(conversation, "x", second=second + number)
            return entered.id

    return await asyncio.gather(*(write(number) for number in range(count)))


def lists(chat: Chat, found: list[dict[str, Any]], wanted: list[str]) -> None:
    """Check which messages were answered, in which order."""
    chat.trace.require(ids_of(found) == wanted, expected=wanted, seen=ids_of(found))


def ids_of(messages: list[dict[str, Any]]) -> list[Any]:
    """The ids of messages, in their order."""
    return [each.get("id") for each in messages]


def lets_in(answer: Answer, origin: str) -> bool:
    """Whether a browser on that origin may read an answer."""
    return answer.headers.get("Access-Control-Allow-Origin") in (origin, "*")


def not_the_servers(chat: Chat, answer: Answer) -> None:
    """Check that an answer blames no fault of the server's own."""
    chat.trace.require(answer.status < 500, expected="no 5xx", seen=answer)


def refused(chat: Chat, answer: Answer, statuses: int | range) -> None:
    """Check the status, and `{"error": text}`."""
    wanted = statuses if isinstance(statuses, range) else range(statuses, statuses + 1)
    chat.trace.require(
        answer.status in wanted
        and isinstance(answer.body, dict)
        and isinstance(answer.body.get("error"), str),
        expected=f'status {statuses} with {{"error": text}}',
        seen=answer,
    )
