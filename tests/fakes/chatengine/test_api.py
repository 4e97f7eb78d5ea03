"""S-HTTP: the calls of section 4, their errors and CORS; S-ISO-2, S-REC-2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import FormData
from msgspec.structs import replace

from chatengine import events
from fakes.chatengine.attachments import Attachments, File
from tests.fakes.chatengine.world import JID, OTHER_JID, SECOND, SETTINGS, running

if TYPE_CHECKING:
    from fakes.chatengine.attachments import Attachments, File
from tests.fakes.chatengine.world import World

MESSAGES = "/api/chat/messages"
CONVERSATIONS = "/api/chat/conversations"
UPLOAD = "/api/chat/attachments"
FIRST = "2026-01-01T00:00:01.000Z"


async def read(world: World, **params: str) -> tuple[int, Any]:
    params = {"conversationId": JID} | params
    return await world.call("GET", MESSAGES, token=world.token(), params=params)


async def test_health(world: World) -> None:
    """Health needs no token."""
    status, body = await world.call("GET", "/api/health")
    assert (status, body["status"]) == (200, "ok")


async def test_history(world: World) -> None:
    """S-REC-2: oldest first; without `since` the last `limit`, with it the first from then on."""
    for number in range(10):
        await world.arrive(f"A{number}", second=SECOND + number // 2)

    async def ids(**params: str) -> list[str]:
        status, messages = await read(world, **params)
        assert status == 200
        return [each["id"][-1] for each in messages]

    assert await ids() == list("0123456789")
    assert await ids(limit="3") == list("789")
    assert await ids(since=FIRST) == list("0123456789")
    assert await ids(since=FIRST, limit="3") == list("012")
    assert await ids(since="2026-01-01T00:00:01.001Z") == list("123456789")
    assert await ids(since="2025-12-31T21:00:04-03:00") == list("6789")
    assert await ids(since="2026-01-01T05:00:04 05:00") == list("6789")  # a + that was not escaped
    assert await ids(since="2027-01-01T00:00:00Z") == []
    assert await ids(conversationId="unknown") == []


async def test_the_limits_of_limit(world: World) -> None:
    """`limit` is 100 unless given, and 500 at most."""
    for number in range(520):
        await world.arrive(f"A{number}")
    lengths = {limit: len((await read(world, limit=limit))[1]) for limit in ("1", "500", "501")}
    assert lengths == {"1": 1, "500": 500, "501": 500}
    assert len((await read(world))[1]) == 100


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "x"},
        {"limit": "1.5"},
        {"limit": "٣"},
        {"limit": "9" * 5000},
        {"limit": ""},
        {"since": ""},
        {"since": "yesterday"},
        {"since": "2026-01-01T00:00:00"},
        {"since": "1767225601"},
        {"since": "2026-01-01 05:00"},
        {"since": "0001-01-01T00:00:00+23:00x"},
        {"conversationId": ""},
    ],
)
async def test_a_question_that_makes_no_sense(world: World, params: dict[str, str]) -> None:
    """S-HTTP-2: a `since`, `limit` or conversation that is none is 400."""
    status, body = await read(world, **params)
    assert (status, list(body)) == (400, ["error"])


async def test_conversations(world: World) -> None:
    """The workspace's conversations, the one with the latest message first."""
    await world.arrive("A1", second=SECOND + 1)
    await world.arrive("A2", second=SECOND, remote_jid=OTHER_JID)
    await world.arrive("A3", instance="support-1")
    _, found = await world.call("GET", CONVERSATIONS, token=world.token())
    assert [each["id"] for each in found] == [JID, OTHER_JID]
    _, theirs = await world.call("GET", CONVERSATIONS, token=world.token("w-2"))
    assert [(each["id"], each["workspaceId"]) for each in theirs] == [(JID, "w-2")]


async def test_opening_a_conversation_makes_none(world: World) -> None:
    """A conversation is listed from its first message on, not from a subscription or typing on."""
    agent = await world.agent(subscribed_to=JID)
    await agent.client.call(events.TYPING, {"conversationId": JID, "isTyping": True})
    assert await world.call("GET", CONVERSATIONS, token=world.token()) == (200, [])


async def test_context(world: World) -> None:
    """A message with its conversation and workspace; 404 for an unknown one."""
    await world.arrive("A1")
    path = f"{MESSAGES}/evo-A1/context"
    status, context = await world.call("GET", path, token=world.token())
    assert status == 200
    assert context["message"] == (await world.messages())[0]
    assert context["conversation"]["id"] == JID
    assert context["workspace_id"] == "w-1"
    for token, message_id in ((world.token(), "evo-A2"), (world.token("w-2"), "evo-A1")):
        status, body = await world.call("GET", f"{MESSAGES}/{message_id}/context", token=token)
        assert (status, list(body)) == (404, ["error"])


async def test_no_answer_crosses_workspaces(world: World) -> None:
    """S-ISO-2: another workspace's token reads nothing of this one."""
    await world.arrive("A1")
    assert await world.messages(workspace_id="w-2") == []
    assert await world.call("GET", CONVERSATIONS, token=world.token("w-2")) == (200, [])


async def test_posting(world: World) -> None:
    """S-SND-1: a POST answers 201 with the message, and the subscribers get the same."""
    agent = await world.agent(subscribed_to=JID)
    body = {"conversationId": JID, "type": "text", "content": "Oi", "clientMessageId": "c-1"}
    status, message = await world.call("POST", MESSAGES, token=world.token(), json=body)
    assert (status, message["id"], message["status"]) == (201, "evo-OUT1", "sent")
    assert message["metadata"]["clientMessageId"] == "c-1"
    assert await agent.one(events.MESSAGE) == message
    assert agent.all(events.MESSAGE_SENT) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"a":' * 5000])
async def test_a_body_that_is_none(world: World, body: bytes) -> None:
    """S-HTTP-2: a body that is no JSON object of the right shape is 400."""
    status, answer = await world.call("POST", MESSAGES, token=world.token(), data=body)
    assert (status, list(answer)) == (400, ["error"])


async def test_an_oversize_body(world: World) -> None:
    """S-HTTP-2: a body beyond MAX_PAYLOAD is 413."""
    status, answer = await world.call("POST", MESSAGES, token=world.token(), data=b"x" * 1_000_001)
    assert (status, list(answer)) == (413, ["error"])


async def test_an_attachment_comes_back(world: World) -> None:
    """An uploaded file is served under its URL, without a token, so that anything can show it."""
    content = bytes(range(256)) * 400
    form = FormData(quote_fields=False)  # as browsers write names
    form.add_field("note", "before the file")
    form.add_field("file", content, filename="dir/olá 1.png", content_type="image/png")
    status, attachment = await world.call("POST", UPLOAD, token=world.token(), data=form)
    assert status == 201
    assert (attachment["type"], attachment["messageId"]) == ("image", "")
    assert attachment["metadata"] == {
        "filename": "olá 1.png",
        "size": len(content),
        "mimeType": "image/png",
    }
    assert attachment["url"].startswith(world.url)
    async with world.session.get(attachment["url"]) as response:
        assert response.status == 200
        assert response.content_type == "image/png"
        assert await response.read() == content
    async with world.session.get(f"{world.url}/api/files/file-0/x") as response:
        assert response.status == 404


def test_the_oldest_files_go_first() -> None:
    """Files beyond the bound of all together go, the oldest first."""
    attachments = Attachments(most_bytes=10)
    kept = [attachments.keep(File(f"{n}", "image/png", b"x" * 4), "http://x") for n in range(4)]
    assert [attachments.get(each.id) is not None for each in kept] == [False, False, True, True]


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "nonsense", "a/b\tc", "x/y;z"])
async def test_an_attachment_never_runs(world: World, kind: str) -> None:
    """What a browser might run is served as something to download."""
    form = FormData()
    form.add_field("file", b"<script>", filename="a.html", content_type=kind)
    _, attachment = await world.call("POST", UPLOAD, token=world.token(), data=form)
    async with world.session.get(attachment["url"]) as response:
        assert response.content_type == "application/octet-stream"
        assert response.headers["Content-Disposition"] == "attachment"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_an_oversize_attachment() -> None:
    """S-HTTP-2: a file beyond the limit is 413, one of exactly the limit is taken."""
    async with running(replace(SETTINGS, max_attachment=1_000_000, max_payload=1000)) as world:
        for size, expected in ((1_000_000, 201), (1_000_001, 413)):
            form = FormData()
            form.add_field("file", b"x" * size, filename="x")
            status, _ = await world.call("POST", UPLOAD, token=world.token(), data=form)
            assert status == expected


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"never begun"),
        ("multipart/form-data; boundary=x", b"--x\r\nno header\r\n\r\ntext\r\n--x--\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\n1\r\n--x--\r\n',
        ),
    ],
)
async def test_an_upload_that_is_none(world: World, kind: str, body: bytes) -> None:
    """S-HTTP-2: a body without a file in a form is 400."""
    headers = {"Content-Type": kind}
    status, answer = await world.call(
        "POST", UPLOAD, token=world.token(), data=body, headers=headers
    )
    assert (status, list(answer)) == (400, ["error"])


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/api/chat/nothing", 404),
        ("GET", "/nothing", 404),
        ("DELETE", MESSAGES, 405),
        ("POST", "/api/health", 405),
    ],
)
async def test_what_is_not_there(world: World, method: str, path: str, expected: int) -> None:
    """S-HTTP-2: an unknown path is 404, another method 405, both with a JSON error."""
    status, body = await world.call(method, path, token=world.token())
    assert (status, list(body)) == (expected, ["error"])


async def preflight(world: World, origin: str) -> tuple[int, dict[str, str]]:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    async with world.session.options(world.url + MESSAGES, headers=headers) as response:
        return response.status, {
            name: value
            for name, value in response.headers.items()
            if name.startswith("Access-Control")
        }


async def test_cors_for_an_allowed_origin(world: World) -> None:
    """A browser on an allowed origin may call, with both headers, and read errors too."""
    origin = "https://crm.example"
    status, headers = await preflight(world, origin)
    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == origin
    assert {"GET", "POST"} <= set(headers["Access-Control-Allow-Methods"].split(", "))
    allowed = headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type"} <= set(allowed)
    for path in ("/api/health", CONVERSATIONS, "/api/nothing"):
        async with world.session.get(world.url + path, headers={"Origin": origin}) as response:
            assert response.headers["Access-Control-Allow-Origin"] == origin
            assert response.headers["Vary"] == "Origin"


async def test_cors_for_any_other(world: World) -> None:
    """An origin that is not allowed, and a request without one, get no CORS headers."""
    _, headers = await preflight(world, "https://evil.example")
    assert headers == {}
    for sent in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {}):
        async with world.session.get(world.url + "/api/health", headers=sent) as response:
            assert "Access-Control-Allow-Origin" not in response.headers


async def test_cors_for_all() -> None:
    """With `*` every origin may call."""
    async with running(replace(SETTINGS, cors_allowed_origins=("*",))) as world:
        _, headers = await preflight(world, "https://any.example")
        assert headers["Access-Control-Allow-Origin"] == "https://any.example"
