"""S-ERR-1: whatever a client or a webhook sends, nobody else notices, and nothing crashes."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import WSMsgType

from chatengine import events
from tests.fakes.chatengine.world import JID

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse

    from tests.fakes.chatengine.world import World

COMMANDS = [
    events.SUBSCRIBE,
    events.UNSUBSCRIBE,
    events.TYPING,
    events.SEND_MESSAGE,
    events.MARK_AS_READ,
]
DEEP = '{"a":' * 20_000 + "1" + "}" * 20_000
PROTOTYPE = '{"__proto__": {"conversationId": "x"}, "constructor": {"prototype": {}}}'
WRONG = {
    "nothing": "",
    "null": ",null",
    "true": ",true",
    "a number": ",5",
    "a float": ",1.5e308",
    "an empty text": ',""',
    "an empty object": ",{}",
    "a list": ',["a","b"]',
    "an empty list": ",[]",
    "a very long text": ',"' + "x" * 100_000 + '"',
    "prototype-ish keys": f",{PROTOTYPE}",
    "numbers for texts": ',{"conversationId":5,"content":6,"isTyping":7,"messageId":8}',
    "nulls": ',{"conversationId":null,"content":null,"isTyping":null}',
    "lists for texts": ',{"conversationId":["a"],"content":["b"],"isTyping":["c"]}',
    "a long id": ',{"conversationId":"' + "x" * 5000 + '","content":"x","isTyping":true}',
}
RAW = {
    "an unknown event": '42["no such event",1]',
    "an unknown event with an acknowledgement": '4277["no such event",1]',
    "an event called connect": '42["connect",{}]',
    "an event called disconnect": '42["disconnect"]',
    "an event called *": '42["*",1]',
    "an event with an empty name": '42["",1]',
    "the server's own event": '42["message",{"id":"forged"}]',
    "an event without a name": "42[]",
    "an event whose name is a number": "42[5]",
    "an event whose name is an object": "42[{}]",
    "an event that is an object": "42{}",
    "no JSON": '42["typing",',
    "NaN": '42["typing",NaN]',
    "Infinity": '42["typing",{"conversationId":Infinity}]',
    "a number beyond all": '42["typing",{"conversationId":1e999}]',
    "a number of 5,000 digits": '42["typing",' + "9" * 5000 + "]",
    "deep nesting": f'42["sendMessage",{DEEP}]',
    "deep lists": '42["sendMessage",' + "[" * 100_000 + "]" * 100_000 + "]",
    "an acknowledgement of nothing": "431[]",
    "a second CONNECT": '40{"token":"x"}',
    "an unknown namespace": "40/admin,{}",
    "no packet type": "49[]",
    "no frame type": "9",
    "an empty frame": "",
    "attachments that never come": '451-["typing",{"_placeholder":true,"num":0}]',
    "a billion attachments": '45999999999-["typing",{"_placeholder":true,"num":0}]',
    "more than MAX_PAYLOAD": '42["typing","' + "x" * 1_000_001 + '"]',
    "10 MB": '42["typing","' + "x" * 10_000_000 + '"]',
    "a half surrogate": '42["typing",{"conversationId":"\\ud83d","isTyping":true}]',
}


async def answer_to(ws: ClientWebSocketResponse, event: str) -> Any:
    """The payload of the next event of that name."""
    while True:
        frame = await ws.receive_str()
        if frame.startswith("42"):
            name, payload = json.loads(frame[2:])
            if name == event:
                return payload


async def untouched(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Check that messages still flow, and that no exception got as far as the log."""
    witness = await world.agent("w-1", "witness", subscribed_to=JID)
    await world.arrive("AFTER")
    assert (await witness.one(events.MESSAGE))["id"] == "evo-AFTER"
    assert [record.msg for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert "request failed" not in [record.msg for record in caplog.records]


@pytest.mark.parametrize("command", COMMANDS)
async def test_wrong_types(world: World, caplog: pytest.LogCaptureFixture, command: str) -> None:
    """Each wrong payload of each command is answered with an `error`, and an error to the ack."""
    witness = await world.agent(user="witness", subscribed_to=JID)
    async with world.raw_socket() as ws:
        for payload in WRONG.values():
            await ws.send_str(f'42["{command}"{payload}]')
            assert (await answer_to(ws, events.ERROR))["type"] == command
            await ws.send_str(f'421["{command}"{payload}]')
            while not (frame := await ws.receive_str()).startswith("431"):
                pass
            (acknowledgement,) = json.loads(frame[3:])
            assert acknowledgement["ok"] is False
            assert acknowledgement["error"]["code"] == "invalid"
            assert acknowledgement["error"]["message"]
    await witness.settled()
    assert witness.received == []
    assert world.provider.calls == []
    await untouched(world, caplog)


@pytest.mark.parametrize("frame", RAW.values(), ids=RAW)
async def test_raw_frames(world: World, caplog: pytest.LogCaptureFixture, frame: str) -> None:
    """A frame that is none, or says what no client may, disturbs at most its sender."""
    witness = await world.agent(user="witness", subscribed_to=JID)
    async with world.raw_socket() as ws:
        await ws.send_str(frame)
        await world.arrive("DURING")
        assert (await witness.one(events.MESSAGE))["id"] == "evo-DURING"
        await ws.close()
    assert {name for name, _ in witness.received} == {events.MESSAGE, events.CONVERSATION}
    await untouched(world, caplog)


@pytest.mark.parametrize("event", ["connect", "disconnect"])
async def test_reserved_names_change_nothing(world: World, event: str) -> None:
    """A client cannot call the server's own handlers: it is closed, or stays what it was."""
    async with world.raw_socket() as ws:
        forged = {"token": world.token("w-2"), "workspaceId": "w-2"}
        await ws.send_str(f"42{json.dumps([event, {}, forged])}")
        await ws.send_str(f"42{json.dumps([events.SUBSCRIBE, JID])}")
        await world.arrive("A1", instance="support-1")
        await world.arrive("A2")
        while (frame := await ws.receive()).type is WSMsgType.TEXT:
            assert "evo-A1" not in frame.data
            if "evo-A2" in frame.data:
                break


async def test_extra_arguments_and_fields(world: World) -> None:
    """Unknown fields and further arguments are ignored, never an error."""
    agent = await world.agent(subscribed_to=JID)
    command = {"type": "x", "conversationId": JID, "content": "Oi", "__proto__": {"a": [1]}}
    answer = await agent.client.call(events.SEND_MESSAGE, (command, 1, None, [2]))
    assert answer == {"ok": True}
    assert (await agent.one(events.MESSAGE))["content"] == "Oi"


async def test_odd_ids_are_ids(world: World) -> None:
    """Ids are opaque: also these may be subscribed to, and reach nobody else."""
    odd = ["__proto__", "constructor", "*", "/", "../..", "\x00", " ", "null", "💬", "w-1"]
    witness = await world.agent(user="witness", subscribed_to=JID)
    agent = await world.agent()
    for conversation_id in odd:
        await agent.subscribe(conversation_id)
        await world.arrive(f"A-{conversation_id}", remote_jid=conversation_id)
    messages = await agent.get(events.MESSAGE, len(odd))
    assert [each["conversationId"] for each in messages] == odd
    await witness.settled()
    assert witness.all(events.MESSAGE) == []


async def test_half_surrogates(world: World) -> None:
    """Half a surrogate pair, which JavaScript may cut, is shown as U+FFFD and breaks nothing."""
    agent = await world.agent(subscribed_to=JID)
    body = upsert('"message": {"conversation": "oi \\ud83d"}')
    status, _ = await world.call("POST", events.WEBHOOK_PATH, data=body)
    assert status == 200
    assert (await agent.one(events.MESSAGE))["content"] == "oi \ufffd"
    async with world.raw_socket() as ws:
        command = {"conversationId": JID, "content": "\udc00"}
        await ws.send_str(f"42{json.dumps([events.SEND_MESSAGE, command])}")
        assert (await answer_to(ws, events.MESSAGE_SENT))["messageId"] == "evo-OUT1"
    assert (await agent.get(events.MESSAGE, 2))[1]["content"] == "\ufffd"


def upsert(data: str) -> bytes:
    """A text that enters, with `data` as it is among its fields: the last of a name counts."""
    key = f'"key": {{"remoteJid": "{JID}", "id": "A1"}}'
    fields = f'{key}, "message": {{"conversation": "oi"}}, {data}'
    return f'{{"event": "messages.upsert", "instance": "sales-1", "data": {{{fields}}}}}'.encode()


WRAPPED = '{"ephemeralMessage": {"message": ' * 300 + "1" + "}}" * 300

HOSTILE_DATA = {
    "a moment beyond all": '"messageTimestamp": 1e999',
    "a moment of 5,000 digits": '"messageTimestamp": ' + "9" * 5000,
    "a moment in the year 10,000": '"messageTimestamp": 253402300800',
    "a negative moment": '"messageTimestamp": -1',
    "a moment that is an object": '"messageTimestamp": {"low": -5}',
    "a moment that is a text": '"messageTimestamp": "soon"',
    "a moment of NaN": '"messageTimestamp": NaN',
    "a name that is an object": '"pushName": {"a": 1}',
    "a name with controls": '"pushName": "\\u0000\\u202e<b>"',
    "deep nesting": f'"deep": {DEEP}',
    "prototype-ish keys": f'"x": {PROTOTYPE}, "__proto__": {PROTOTYPE}',
    "endless wrapping": '"message": '
    + '{"ephemeralMessage": {"message": ' * 300
    + "1"
    + "}}" * 300,
    "a part that is no object": '"message": {"imageMessage": 7}',
    "a url that is no text": '"message": {"imageMessage": {"url": 7, "fileLength": -1}}',
    "context that is none": '"message": {"conversation": "x", "contextInfo": [1]}',
    "a participant that is none": '"participant": 9',
}


@pytest.mark.parametrize("data", HOSTILE_DATA.values(), ids=HOSTILE_DATA)
async def test_hostile_webhooks(world: World, caplog: pytest.LogCaptureFixture, data: str) -> None:
    """An odd webhook is taken or refused, and what comes behind it still arrives."""
    status, _ = await world.call("POST", events.WEBHOOK_PATH, data=upsert(data))
    assert status in (200, 400)
    await untouched(world, caplog)


async def test_who_leaves_meanwhile(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A close that comes right behind a CONNECT or a command makes no fault of the server."""
    auth = json.dumps({"token": world.token(), "workspaceId": "w-1"})
    url = f"{world.url}{events.SOCKET_PATH}/?EIO=4&transport=websocket"
    for number in range(100):
        async with world.session.ws_connect(url) as ws:
            await ws.receive_str()
            await ws.send_str(f"40{auth}")
            if number % 2:
                await ws.receive_str()
                await ws.send_str(f'42["{events.SUBSCRIBE}","{JID}"]')
    await untouched(world, caplog)


async def test_odd_hosts_and_paths(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A Host header or a path that is none is no 500."""
    token = world.token()
    for host in ("a b", "[", "", "x:99999", "\xff"):
        status, _ = await world.call(
            "POST", "/api/chat/attachments", token=token, data=b"x", headers={"Host": host}
        )
        assert status == 400
    for path in ("//", "/api/%00", "/api/files/%2e%2e/x", "/api/chat/messages/%ff/context", "/%"):
        status, _ = await world.call("GET", path, token=token)
        assert status in (400, 404)
    await untouched(world, caplog)
