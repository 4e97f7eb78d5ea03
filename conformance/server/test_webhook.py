"""S-WHK: the webhook's own answers (section 5)."""

import json
from typing import Any, Final

import pytest

from chatengine import events
from conformance.checks import shows
from conformance.probes.http import Answer
from conformance.server.chat import Chat
from fakes.evolution.bodies import Content

NOT_JSON: Final = ("", "{", "{'event': 'x'}", "event=messages.upsert", '{"event": NaN}', "\xff")
NO_EVENT: Final[tuple[Any, ...]] = ({}, {"event": ""}, {"event": None}, [], None, "x", 5)


@shows("S-WHK-1")
@pytest.mark.parametrize("body", NOT_JSON, ids=repr)
async def test_bad_json(chat: Chat, body: str) -> None:
    """What is no JSON is 400."""
    answer = await posted(chat, body)
    chat.trace.require(answer.status == 400, expected="status 400", seen=answer)


@shows("S-WHK-1")
@pytest.mark.parametrize("body", NO_EVENT, ids=repr)
async def test_no_event(chat: Chat, body: Any) -> None:
    """A body without an event is 400."""
    if isinstance(body, dict):
        body = body | {"instance": chat.here.instance, "data": {}}
    answer = await posted(chat, json.dumps(body))
    chat.trace.require(answer.status == 400, expected="status 400", seen=answer)


@shows("S-WHK-1")
@pytest.mark.parametrize("key", [{}, {"id": None}, {"id": ""}], ids=repr)
async def test_a_message_without_a_key_id(chat: Chat, key: dict[str, Any]) -> None:
    """A message without a key id is 400, and none comes of it."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    entered = chat.webhook.entry(conversation, Content(text="nameless"))
    del entered.body["data"]["key"]["id"]
    entered.body["data"]["key"] |= key
    answer = await chat.webhook.post(entered.body)
    chat.trace.require(answer.status == 400, expected="status 400", seen=answer)
    await chat.fence(agent, conversation)
    chat.none(agent, events.MESSAGE, content="nameless")


@shows("S-WHK-1")
async def test_an_acknowledgement_without_a_key_id(chat: Chat) -> None:
    """An acknowledgement of nothing is 400."""
    entered = await chat.webhook.writes(chat.conversation())
    body = chat.webhook.acknowledgement(entered, "READ")
    del body["data"]["keyId"]
    answer = await chat.webhook.post(body)
    chat.trace.require(answer.status == 400, expected="status 400", seen=answer)


@shows("S-WHK-1")
async def test_an_unknown_instance(chat: Chat) -> None:
    """An instance that names no workspace is 403, whatever it tells, and nothing comes of it."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    nobodys = {"instance": chat.name("nobodys")}
    entered = await chat.webhook.writes(conversation)
    unknown = chat.webhook.entry(conversation, Content(text="from nowhere"))
    bodies = (
        unknown.body,
        chat.webhook.acknowledgement(entered, "READ"),
        {"event": "connection.update", "data": {"state": "close"}},
    )
    for body in bodies:
        answer = await chat.webhook.post(body | nobodys)
        chat.trace.require(answer.status == 403, expected="status 403", seen=answer)
    await chat.fence(agent, conversation)
    chat.none(agent, events.MESSAGE, content="from nowhere")
    chat.none(agent, events.MESSAGE_STATUS, status="read")


@shows("S-WHK-2")
async def test_get(chat: Chat) -> None:
    """Evolution probes the webhook with GET: 200."""
    await chat.http.ask("GET", events.WEBHOOK_PATH, 200)


async def posted(chat: Chat, body: str) -> Answer:
    """Post a body that calls itself JSON, whatever it is."""
    headers = {"Content-Type": "application/json"}
    data = body.encode("latin-1")
    return await chat.http.call("POST", events.WEBHOOK_PATH, data=data, headers=headers)
