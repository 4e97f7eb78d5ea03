"""S-ERR: whatever a client or a webhook sends, the server goes on and nobody else notices."""

import asyncio
import json
from contextlib import suppress
from typing import Any, Final

import pytest

from chatengine import events
from conformance.checks import shows
from conformance.outcomes import NotApplicable
from conformance.probes.agent import Agent
from conformance.probes.wire import TransportName
from conformance.server.chat import Chat, moment
from fakes.evolution.bodies import Content

COMMANDS: Final = (
    events.SUBSCRIBE,
    events.UNSUBSCRIBE,
    events.TYPING,
    events.SEND_MESSAGE,
    events.MARK_AS_READ,
)
DEEP: Final = '{"a":' * 5_000 + "1" + "}" * 5_000
PROTOTYPE: Final = (
    '{"__proto__":{"conversationId":"x","polluted":true},'
    '"constructor":{"prototype":{"polluted":true}}}'
)
WRONG_TYPES: Final = (
    "",
    ",null",
    ",true",
    ",5",
    ",-1.5e308",
    ",{}",
    ",[]",
    ',["a","b"]',
    ',[["a"]]',
    f",{PROTOTYPE}",
    ',{"conversationId":5,"content":6,"isTyping":7,"messageId":8,"timestamp":9}',
    ',{"conversationId":null,"content":null,"isTyping":null}',
    ',{"conversationId":["a"],"content":["b"],"isTyping":["c"]}',
    ',{"conversationId":{"a":1},"content":{"b":1},"isTyping":{"c":1}}',
)
"""What stands behind the event's name, none of it of the contract's types for any command."""

ODD_TEXTS: Final = {
    "nothing": "",
    "a NUL": "a\0b",
    "very long": "5" * 6_000,
    "a path": "../../etc/passwd",
    "a query": "' OR '1'='1'; --",
    "a prototype": "__proto__",
    "controls": "\u202e\u2028\x1b[2J",
}
"""Each of the right type."""

MOST_BYTES: Final = 32 * 1024 * 1024
"""Of one packet: enough to see what becomes of it, little enough for a small machine."""

UNANSWERED_S: Final = 5.0
"""For what need not be answered: time enough for its bytes, on a busy machine too."""

HALF_RIGHT: Final[tuple[dict[str, Any], ...]] = (
    {"isTyping": "yes", "content": 7},
    {"isTyping": 1, "content": ["x"]},
    {"isTyping": None, "content": None},
    {"isTyping": {}, "content": {"text": "x"}},
    {},
)
"""What is said of a conversation that is there, in a wrong type."""

FRAMES: Final = {
    "an unknown event": '42["no such event",1]',
    "an unknown event with an acknowledgement": '4277["no such event",1]',
    "an event with an empty name": '42["",1]',
    "the server's own event": '42["message",{"id":"forged","conversationId":"x"}]',
    "an event called error": '42["error",{"type":"forged"}]',
    "an event called connect": '42["connect",{}]',
    "an event called disconnect": '42["disconnect"]',
    "an event of a prototype": '42["__proto__",{}]',
    "an event without a name": "42[]",
    "an event whose name is an object": "42[{}]",
    "an event that is an object": "42{}",
    "no JSON": '42["typing",',
    "NaN": '42["typing",NaN]',
    "a number beyond all": '42["typing",{"conversationId":1e999}]',
    "a number of 5,000 digits": f'42["typing",{"9" * 5_000}]',
    "deep nesting": f'42["sendMessage",{DEEP}]',
    "deep lists": f'42["typing",{"[" * 50_000}{"]" * 50_000}]',
    "an acknowledgement of nothing": "43999[]",
    "further arguments": '421["subscribe:conversation","x",{"more":1},null]',
    "a second CONNECT": "40{}",
    "a CONNECT_ERROR": '44{"message":"no"}',
    "another namespace": "40/admin,{}",
    "no packet type": "49[]",
    "no frame type": "9",
    "an empty frame": "",
    "attachments that never come": '451-["typing",{"_placeholder":true,"num":0}]',
    "a billion attachments": '45999999999-["typing",{"_placeholder":true,"num":0}]',
    "half a surrogate pair": '42["typing",{"conversationId":"\\ud83d","isTyping":true}]',
}
"""What no client sends: it may be ignored, or end the connection of whoever sends it."""

HOSTILE_DATA: Final = {
    "a moment beyond all": '"messageTimestamp":1e999',
    "a moment of 5,000 digits": f'"messageTimestamp":{"9" * 5_000}',
    "a negative moment": '"messageTimestamp":-1',
    "a moment that is a text": '"messageTimestamp":"soon"',
    "a moment of null": '"messageTimestamp":null',
    "a name that is an object": '"pushName":{"a":1}',
    "a name with controls": '"pushName":"\\u0000\\u202e<b>"',
    "deep nesting": f'"deep":{DEEP}',
    "prototype-ish keys": f'"__proto__":{PROTOTYPE}',
    "endless wrapping": '"message":' + '{"ephemeralMessage":{"message":' * 300 + "1" + "}}" * 300,
    "a part that is no object": '"message":{"imageMessage":7}',
    "a url that is no text": '"message":{"imageMessage":{"url":7,"fileLength":-1}}',
    "a text that is no text": '"message":{"conversation":{"a":1}}',
    "a message that is a list": '"message":[1,2]',
    "a key that is a list": '"key":[1]',
    "a jid that is a number": '"key":{"remoteJid":5,"id":"x","fromMe":"no"}',
    "a participant that is none": '"participant":9',
}
BODIES: Final = {
    "data that is null": {"event": "messages.upsert", "data": None},
    "data that is a text": {"event": "messages.upsert", "data": "x"},
    "data that is a list of numbers": {"event": "messages.update", "data": [1, None, "x"]},
    "no data": {"event": "messages.update"},
    "an event of another kind": {"event": "qrcode.updated", "data": {"qrcode": {}}},
    "an event that is a number": {"event": 5, "data": {}},
    "an event of a prototype": {"event": "__proto__", "data": {}},
    "a state that is none": {"event": "connection.update", "data": {"state": {"a": 1}}},
    "no state": {"event": "connection.update", "data": {}},
}


@shows("S-ERR-1")
@pytest.mark.parametrize("command", COMMANDS)
async def test_wrong_types(chat: Chat, transport: TransportName, command: str) -> None:
    """Wrong types are answered with an `error` or with silence: the socket stays open."""
    conversation, its_own = chat.conversation(), chat.conversation()
    witness = await chat.agent(subscribed_to=conversation)
    wire = await chat.joined(transport)
    for arguments in WRONG_TYPES:
        await wire.send(f'42["{command}"{arguments}]')
    if command in (events.SUBSCRIBE, events.UNSUBSCRIBE):
        await wire.emit(command, {"conversationId": conversation})
    await wire.emit(events.SUBSCRIBE, its_own, ack=1)
    await wire.accepted(1)
    await hears_one_message(chat, witness, conversation)


@shows("S-ERR-1")
@pytest.mark.parametrize("command", [events.TYPING, events.SEND_MESSAGE, events.MARK_AS_READ])
async def test_wrong_types_for_others(chat: Chat, command: str) -> None:
    """Of a command in wrong types no other client, and no customer, hears anything."""
    if command == events.SEND_MESSAGE and not chat.sees_sends:
        raise NotApplicable("What this server sends would reach somebody's customers.")
    conversation = chat.conversation()
    witness = await chat.agent(subscribed_to=conversation)
    await chat.webhook.writes(conversation, "the first")
    await witness.gets(events.MESSAGE, content="the first")
    wire = await chat.joined()
    await wire.emit(events.SUBSCRIBE, conversation, ack=1)  # who is not may be heard by nobody
    await wire.accepted(1)
    for fields in HALF_RIGHT:
        await wire.emit(command, {"conversationId": conversation} | fields)
    await wire.emit(events.SUBSCRIBE, conversation, ack=2)
    await wire.accepted(2)
    await chat.fence(witness, conversation)
    for event in (events.TYPING, events.MARKED_AS_READ, events.MESSAGE_SENT):
        chat.none(witness, event)
    texts = {str(each.get("content")) for each in witness.got(events.MESSAGE)}
    chat.trace.require(
        texts == {"the first", "fence"}, expected="the customer's messages alone", seen=texts
    )


@shows("S-ERR-1")
@pytest.mark.parametrize("odd", ODD_TEXTS.values(), ids=ODD_TEXTS)
async def test_ids_and_texts_are_untrusted(chat: Chat, odd: str) -> None:
    """Whatever stands in an id, or in a text: the socket stays open, and nobody else notices."""
    conversation, its_own = chat.conversation(), chat.conversation()
    witness = await chat.agent(subscribed_to=conversation)
    wire = await chat.joined()
    for command in (events.SUBSCRIBE, events.UNSUBSCRIBE):
        await wire.emit(command, odd)
    for fields in ({"conversationId": odd}, {"conversationId": conversation, "timestamp": odd}):
        await wire.emit(events.TYPING, {"isTyping": True} | fields)
        await wire.emit(events.MARK_AS_READ, {"type": events.MARK_AS_READ} | fields)
    if chat.sees_sends:
        for place in (odd, its_own):
            send = {"conversationId": place, "content": odd or "Oi", "messageId": odd}
            await wire.emit(events.SEND_MESSAGE, send | {"timestamp": moment()})
    await wire.emit(events.SUBSCRIBE, its_own, ack=1)
    await wire.accepted(1)
    await hears_one_message(chat, witness, conversation)


@shows("S-ERR-1")
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
async def test_frames(chat: Chat, transport: TransportName, frame: str) -> None:
    """A packet that is none, or says what no client may, disturbs its sender at most."""
    conversation = chat.conversation()
    witness = await chat.agent(subscribed_to=conversation)
    wire = await chat.joined(transport)
    await wire.send(frame)
    await hears_one_message(chat, witness, conversation)


@shows("S-ERR-1")
async def test_unknown_events_leave_the_socket_open(chat: Chat, transport: TransportName) -> None:
    """An event that the contract does not know is answered with an `error` or with silence."""
    wire = await chat.joined(transport)
    await wire.emit("no such event", {"a": 1})
    await wire.emit("no such event", ack=5)
    await wire.emit(events.SUBSCRIBE, chat.conversation(), ack=6)
    await wire.accepted(6)


@shows("S-ERR-1")
async def test_fields_that_nobody_knows(chat: Chat, transport: TransportName) -> None:
    """Unknown fields are kept or ignored, never an error (section 2)."""
    conversation = chat.conversation()
    agent = await chat.agent(transport, subscribed_to=conversation)
    entered = chat.webhook.entry(conversation, Content(text="oi"))
    body = entered.body | {"unknown": {"a": [1]}, "data": entered.body["data"] | {"x": None}}
    await chat.webhook.accepted(body)
    await agent.gets(events.MESSAGE, id=entered.id)
    command = {"type": events.MARK_AS_READ, "conversationId": conversation, "timestamp": moment()}
    await agent.emit(events.MARK_AS_READ, command | {"unknown": {"a": [1]}, "x": None})
    await agent.gets(events.MARKED_AS_READ, conversationId=conversation)
    chat.none(agent, events.ERROR)


@shows("S-ERR-1")
@pytest.mark.parametrize("beyond", [1, 20], ids=["just above", "20 times"])
async def test_oversize_payloads(chat: Chat, transport: TransportName, beyond: int) -> None:
    """A packet above the limit that the handshake names disturbs its sender at most."""
    conversation = chat.conversation()
    witness = await chat.agent(subscribed_to=conversation)
    wire = await chat.joined(transport)
    limit = int(wire.handshake["maxPayload"])
    text = "x" * min(limit * beyond, MOST_BYTES)
    typing = {"conversationId": conversation, "isTyping": True, "x": text}
    with suppress(TimeoutError):
        async with asyncio.timeout(UNANSWERED_S):
            await wire.emit(events.TYPING, typing)
    await chat.fence(witness, conversation)
    chat.none(witness, events.TYPING)
    await hears_one_message(chat, witness, chat.conversation(), subscribe=True)


@shows("S-ERR-1")
@pytest.mark.parametrize("data", HOSTILE_DATA.values(), ids=HOSTILE_DATA)
async def test_hostile_webhooks(chat: Chat, data: str) -> None:
    """An odd webhook is taken or refused, and what comes behind it still arrives."""
    conversation = chat.conversation()
    witness = await chat.agent(subscribed_to=chat.conversation())
    key = f'"key":{{"remoteJid":"{conversation}","id":"{chat.webhook.key_id()}","fromMe":false}}'
    body = (
        f'{{"event":"messages.upsert","instance":"{chat.here.instance}","data":'
        f'{{{key},"message":{{"conversation":"oi"}},"messageTimestamp":1767225601,{data}}}}}'
    )
    await chat.http.call(
        "POST", events.WEBHOOK_PATH, data=body, headers={"Content-Type": "application/json"}
    )
    await hears_one_message(chat, witness, chat.conversation(), subscribe=True)


@shows("S-ERR-1")
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_odd_webhooks(chat: Chat, body: dict[str, Any]) -> None:
    """A webhook of another shape, or of another kind, disturbs nobody."""
    witness = await chat.agent()
    await chat.webhook.post(body | {"instance": chat.here.instance})
    await hears_one_message(chat, witness, chat.conversation(), subscribe=True)


@shows("S-ERR-1")
async def test_odd_paths(chat: Chat) -> None:
    """A path that leads nowhere, or out of the house, is no reason to stop."""
    witness = await chat.agent()
    paths = ("//", "/api/%00", "/api/chat/messages/%ff/context", "/%", "/..%2f..%2fetc/passwd")
    for path in paths:
        answer = await chat.http.call("GET", path, token=chat.token())
        chat.trace.require("root:" not in answer.text, expected="no such file", seen=answer)
    await hears_one_message(chat, witness, chat.conversation(), subscribe=True)


async def hears_one_message(
    chat: Chat, witness: Agent, conversation: str, *, subscribe: bool = False
) -> None:
    """Check that a customer's message reaches another agent, who heard of nothing odd.

    Nor may what was odd have spoilt what others ask for over HTTP.
    """
    if subscribe:
        await witness.subscribe(conversation)
    await chat.one(witness, await chat.webhook.writes(conversation))
    await chat.http.ask("GET", "/api/chat/conversations", 200, token=chat.token())
    odd = [
        event
        for event in witness.received
        if event.name in (events.ERROR, "no such event", "", "__proto__", "disconnect")
        or "forged" in json.dumps(event.payload)
    ]
    chat.trace.require(not odd, expected=f"nothing of it at {witness.name}", seen=odd)
