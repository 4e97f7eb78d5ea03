"""S-MSG, S-STA, S-WHK: what enters through the webhook (contract, section 5)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

from chatengine import events
from chatengine.webhooks import text_message
from tests.fakes.chatengine.world import JID, OTHER_JID, SECOND
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fakes.chatengine.world import World

RECORDED = Path(__file__).parents[2] / "data" / "evolution-webhooks.jsonl"
GROUP = "120363000000000001@g.us"


def upsert(message: object, key_id: str = "A1", **data: object) -> dict[str, Any]:
    """A `messages.upsert` whose `message` is the test's own."""
    key = {"remoteJid": JID, "fromMe": False, "id": key_id}
    usual = {"key": key, "pushName": "Maria", "message": message, "messageTimestamp": SECOND}
    return {"event": "messages.upsert", "instance": "sales-1", "data": usual | data}


def update(data: object) -> dict[str, Any]:
    return {"event": "messages.update", "instance": "sales-1", "data": data}


async def test_a_message_of_the_right_shape(world: World) -> None:
    """S-MSG-1, S-MSG-2: one webhook is one `message` and one `conversation` event."""
    agent = await world.agent(subscribed_to=JID)
    await world.arrive("A1", push_name="Maria")
    assert await agent.one(events.MESSAGE) == {
        "id": "evo-A1",
        "workspaceId": "w-1",
        "conversationId": JID,
        "senderId": JID,
        "type": "text",
        "content": "Olá!",
        "status": "delivered",
        "metadata": {"providerMessageId": "A1"},
        "createdAt": "2026-01-01T00:00:01.000Z",
    }
    assert await agent.one(events.CONVERSATION) == {
        "id": JID,
        "workspaceId": "w-1",
        "contactId": JID,
        "whatsappNumberId": "n-1",
        "channel": "whatsapp",
        "participants": [{"id": JID, "name": "Maria"}],
        "lastMessage": {
            "id": "evo-A1",
            "content": "Olá!",
            "senderId": JID,
            "createdAt": "2026-01-01T00:00:01.000Z",
            "type": "text",
        },
        "updatedAt": "2026-01-01T00:00:01.000Z",
    }


async def test_written_on_the_phone(world: World) -> None:
    """A message `fromMe` with an unknown id is ours, and starts as `sent`."""
    agent = await world.agent(subscribed_to=JID)
    await world.arrive("A1", from_me=True, push_name="Loja")
    message = await agent.one(events.MESSAGE)
    assert (message["senderId"], message["status"]) == ("me", "sent")
    conversation = await agent.one(events.CONVERSATION)
    assert conversation["participants"] == [{"id": JID, "name": JID.split("@")[0]}]


async def test_many_at_once_keep_their_order(world: World) -> None:
    """S-MSG-3: however many webhooks are under way, every subscriber sees one order, history's."""
    agents = [await world.agent(user=f"agent-{n}", subscribed_to=JID) for n in range(3)]
    await asyncio.gather(*(world.arrive(f"A{number}") for number in range(200)))
    seen = [[each["id"] for each in await agent.get(events.MESSAGE, 200)] for agent in agents]
    assert seen[0] == seen[1] == seen[2]
    assert [each["id"] for each in await world.messages()] == seen[0]
    assert sorted(seen[0]) == sorted(f"evo-A{number}" for number in range(200))


async def test_a_second_has_an_order(world: World) -> None:
    """Of one second, the order of entry goes in the milliseconds; written earlier sorts earlier."""
    agent = await world.agent(subscribed_to=JID)
    for key_id, second in (("A1", SECOND), ("A2", SECOND), ("A0", SECOND - 1), ("A3", SECOND)):
        await world.arrive(key_id, second=second)
    arrived = await agent.get(events.MESSAGE, 4)
    assert [each["id"] for each in arrived] == ["evo-A1", "evo-A2", "evo-A0", "evo-A3"]
    history = await world.messages()
    assert [(each["id"], each["createdAt"]) for each in history] == [
        ("evo-A0", "2026-01-01T00:00:00.000Z"),
        ("evo-A1", "2026-01-01T00:00:01.000Z"),
        ("evo-A2", "2026-01-01T00:00:01.001Z"),
        ("evo-A3", "2026-01-01T00:00:01.002Z"),
    ]
    late = (await agent.get(events.CONVERSATION, 4))[2]
    assert late["lastMessage"]["id"] == "evo-A2"


async def test_a_repeated_webhook_changes_nothing(world: World) -> None:
    """S-MSG-4: delivered twice, also with another text, it is 200 and does nothing."""
    agent = await world.agent(subscribed_to=JID)
    await world.arrive("A1", "first")
    await world.arrive("A1", "first")
    await world.arrive("A1", "changed")
    assert (await agent.one(events.MESSAGE))["content"] == "first"
    await agent.one(events.CONVERSATION)
    assert len(await world.messages()) == 1


MEDIA: dict[str, tuple[dict[str, Any], tuple[str, str, str, dict[str, Any]]]] = {
    "imageMessage": (
        {"url": "https://m.example/i", "mimetype": "image/jpeg", "caption": "veja"},
        ("image", "veja", "veja", {"mimeType": "image/jpeg"}),
    ),
    "videoMessage": (
        {"url": "https://m.example/v", "mimetype": "video/mp4", "fileLength": "2204113"},
        ("video", "", "[video]", {"mimeType": "video/mp4", "size": 2204113}),
    ),
    "audioMessage": (
        {"url": "https://m.example/a", "mimetype": "audio/ogg; codecs=opus", "fileLength": 9},
        ("audio", "", "[audio]", {"mimeType": "audio/ogg; codecs=opus", "size": 9}),
    ),
    "documentMessage": (
        {"url": "https://m.example/d", "mimetype": "application/pdf", "fileName": "nota.pdf"},
        ("file", "", "[document]", {"mimeType": "application/pdf", "filename": "nota.pdf"}),
    ),
}
WRAPPERS = [
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "documentWithCaptionMessage",
]


@pytest.mark.parametrize("wrapper", [None, *WRAPPERS])
@pytest.mark.parametrize("kind", MEDIA)
async def test_each_media_kind_is_mapped(world: World, kind: str, wrapper: str | None) -> None:
    """S-MSG-5: type, caption, attachment and preview, wrapped or not."""
    part, (message_type, content, shown, metadata) = MEDIA[kind]
    body: dict[str, Any] = {kind: part}
    agent = await world.agent(subscribed_to=JID)
    assert await world.webhook(upsert({wrapper: {"message": body}} if wrapper else body)) == 200
    message = await agent.one(events.MESSAGE)
    assert (message["type"], message["content"]) == (message_type, content)
    (attachment,) = message["attachments"]
    assert attachment["id"]
    assert attachment["messageId"] == "evo-A1"
    assert (attachment["type"], attachment["url"]) == (message_type, part["url"])
    assert attachment["metadata"] == metadata
    assert (await agent.one(events.CONVERSATION))["lastMessage"]["content"] == shown


async def test_wrapped_text_and_reply(world: World) -> None:
    """Text inside a wrapper counts, and what it quotes is named by that message's id."""
    agent = await world.agent(subscribed_to=JID)
    extended = {"text": "Obrigada", "contextInfo": {"stanzaId": "A0"}}
    await world.webhook(
        upsert({"ephemeralMessage": {"message": {"extendedTextMessage": extended}}})
    )
    message = await agent.one(events.MESSAGE)
    assert (message["content"], message["replyToMessageId"]) == ("Obrigada", "evo-A0")


async def test_in_a_group_the_participant_sends(world: World) -> None:
    """In a group the conversation is the group's, the sender the participant."""
    agent = await world.agent(subscribed_to=GROUP)
    for key_id, participant, name in (("A1", JID, "Ana"), ("A2", OTHER_JID, "Bia")):
        key = {"remoteJid": GROUP, "fromMe": False, "id": key_id, "participant": participant}
        await world.webhook(upsert({"conversation": "Oi"}, key=key, pushName=name))
    messages = await agent.get(events.MESSAGE, 2)
    assert [each["senderId"] for each in messages] == [JID, OTHER_JID]
    conversation = (await agent.get(events.CONVERSATION, 2))[1]
    assert conversation["participants"] == [
        {"id": JID, "name": "Ana"},
        {"id": OTHER_JID, "name": "Bia"},
    ]
    assert "contactId" not in conversation


@pytest.mark.parametrize(
    "message",
    [
        {"conversation": ""},
        {"extendedTextMessage": {"text": ""}},
        {"stickerMessage": {"url": "x"}},
        {"locationMessage": {}},
        {"reactionMessage": {"text": "x"}},
        {"protocolMessage": {"type": 0}},
        {"ephemeralMessage": {"message": {"stickerMessage": {}}}},
        {},
        None,
        "text",
        7,
    ],
)
async def test_other_kinds_make_no_message(world: World, message: object) -> None:
    """A kind the contract does not know, and an empty text, are 200 and make no message."""
    agent = await world.agent(subscribed_to=JID)
    assert await world.webhook(upsert(message)) == 200
    assert await world.webhook({"event": "presence.update", "instance": "sales-1"}) == 200
    await agent.settled()
    assert agent.received == []
    assert await world.messages() == []


@pytest.mark.parametrize(
    "data",
    [
        {"keyId": "A1", "remoteJid": JID, "fromMe": True, "status": "READ"},
        {"key": {"id": "A1", "remoteJid": JID}, "update": {"status": 4}},
        [{"key": {"id": "A1"}, "update": {"status": "PLAYED"}}],
        [{"keyId": "ZZ", "status": "READ"}, {"keyId": "A1", "status": 5}],
    ],
)
async def test_every_shape_of_an_update(world: World, data: object) -> None:
    """S-STA-1: `messages.update` becomes one `messageStatus`, in whichever shape it comes."""
    agent = await world.agent(subscribed_to=JID)
    await world.arrive("A1")
    assert await world.webhook(update(data)) == 200
    assert await agent.one(events.MESSAGE_STATUS) == {"messageId": "evo-A1", "status": "read"}
    (message,) = await world.messages()
    assert message["status"] == "read"
    assert message["updatedAt"] > message["createdAt"]


async def test_a_status_never_goes_back(world: World) -> None:
    """S-STA-2: a lower, the same and an unknown status are ignored, and say nothing."""
    agent = await world.agent(subscribed_to=JID)
    await world.arrive("A1", from_me=True)
    for status in ("PENDING", "SERVER_ACK", "ERROR", "SENT", "DELIVERY_ACK", "ERROR", "DELIVERED",
                   "READ", "DELIVERY_ACK", "ERROR", "PLAYED", "NONSENSE", ""):  # fmt: skip
        await world.acknowledge("A1", status)
    await agent.settled()
    seen = [each["status"] for each in agent.all(events.MESSAGE_STATUS)]
    assert seen == ["failed", "delivered", "read"]


async def test_an_early_status_waits_for_its_message(world: World) -> None:
    """S-STA-3: statuses that come first are kept, the highest of them, and applied."""
    agent = await world.agent(subscribed_to=JID)
    await world.acknowledge("A1", "READ")
    await world.acknowledge("A1", "DELIVERY_ACK")
    await world.arrive("A1", from_me=True)
    assert (await agent.one(events.MESSAGE))["status"] == "read"
    assert await agent.one(events.MESSAGE_STATUS) == {"messageId": "evo-A1", "status": "read"}
    assert [each["status"] for each in await world.messages()] == ["read"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 400),
        ("text", 400),
        (None, 400),
        ({}, 400),
        ({"event": ""}, 400),
        ({"event": 5, "instance": "sales-1"}, 400),
        ({"instance": "sales-1", "data": {}}, 400),
        (upsert({"conversation": "x"}, key={"remoteJid": JID}), 400),
        (upsert({"conversation": "x"}, key={"id": "A1"}), 400),
        (upsert({"conversation": "x"}, key={"remoteJid": JID, "id": 7}), 400),
        (upsert({"conversation": "x"}, key=None), 400),
        ({"event": "messages.upsert", "instance": "sales-1"}, 400),
        ({"event": "messages.upsert", "instance": "sales-1", "data": "x"}, 400),
        (update({"status": "READ"}), 400),
        (update([{"keyId": "A1", "status": "READ"}, {"status": "READ"}]), 400),
        (update({"keyId": "", "status": "READ"}), 400),
        (upsert({"conversation": "x"}, key={"remoteJid": "5" * 513, "id": "A1"}), 400),
        (text_message(instance="nobody", remote_jid=JID, key_id="A1", text="x", second=1), 403),
        ({"event": "messages.upsert", "data": upsert({"conversation": "x"})["data"]}, 403),
        ({"event": "presence.update", "instance": ["sales-1"]}, 403),
    ],
)
async def test_what_is_no_webhook(world: World, body: object, status: int) -> None:
    """S-WHK-1: no object, event or key id is 400, an unknown instance 403; nothing enters."""
    agent = await world.agent(subscribed_to=JID)
    await world.arrive("A0")
    answer, error = await world.call("POST", events.WEBHOOK_PATH, json=body)
    assert answer == status
    assert list(error) == ["error"]
    await agent.settled()
    assert [each["id"] for each in agent.all(events.MESSAGE)] == ["evo-A0"]
    assert agent.all(events.MESSAGE_STATUS) == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"NaN", b"{'a': 1}", b"[" * 100_000])
async def test_bad_json(world: World, body: bytes) -> None:
    """S-WHK-1: what is no JSON is 400."""
    status, error = await world.call("POST", events.WEBHOOK_PATH, data=body)
    assert (status, list(error)) == (400, ["error"])


async def test_a_body_that_is_not_compressed_as_it_says(world: World) -> None:
    """S-WHK-1: what cannot be read at all is 400 too, and no 500."""
    headers = {"Content-Encoding": "gzip"}
    for path in (events.WEBHOOK_PATH, "/api/chat/messages", "/api/chat/attachments"):
        status, error = await world.call(
            "POST", path, token=world.token(), data=b"{}", headers=headers
        )
        assert (status, list(error)) == (400, ["error"])


def long_list(items: int) -> dict[str, Any]:
    """A webhook of so many messages, in ten conversations."""
    return {
        "event": "messages.upsert",
        "instance": "sales-1",
        "data": [
            {
                "key": {"remoteJid": f"551199{number % 10}@s.whatsapp.net", "id": f"L{number}"},
                "message": {"conversation": "x"},
                "messageTimestamp": SECOND,
            }
            for number in range(items)
        ],
    }


async def test_an_abandoned_webhook_is_entered_whole(world: World) -> None:
    """A provider that gives up waiting has still said what it said."""
    body = json.dumps(long_list(5000)).encode()
    url = URL(world.url)
    _, writer = await asyncio.open_connection(url.host, url.port)
    head = f"POST {events.WEBHOOK_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    store = world.engine.store
    await until(lambda: store.message("w-1", "evo-L0"))
    writer.transport.abort()
    assert store.message("w-1", "evo-L4999") is None
    await until(lambda: store.message("w-1", "evo-L4999"))


async def test_a_long_webhook_is_not_overtaken(world: World) -> None:
    """S-MSG-3: what comes while a long list is being entered enters behind it."""
    arriving = asyncio.create_task(world.webhook(long_list(5000)))
    await until(lambda: world.engine.store.message("w-1", "evo-L0"))
    assert world.engine.store.message("w-1", "evo-L4999") is None
    await world.arrive("AFTER", remote_jid="5511999@s.whatsapp.net")
    assert await arriving == 200
    ids = [each["id"] for each in await world.messages("5511999@s.whatsapp.net")]
    assert ids[-2:] == ["evo-L4999", "evo-AFTER"]


async def test_the_probe(world: World) -> None:
    """S-WHK-2: GET on the webhook is 200; other methods are 405."""
    status, _ = await world.call("GET", events.WEBHOOK_PATH)
    assert status == 200
    status, error = await world.call("PUT", events.WEBHOOK_PATH)
    assert (status, list(error)) == (405, ["error"])


async def test_an_oversize_webhook(world: World) -> None:
    """S-ERR-1: a body beyond MAX_PAYLOAD is 413."""
    body = upsert({"conversation": "x" * 1_000_001})
    status, error = await world.call("POST", events.WEBHOOK_PATH, json=body)
    assert (status, list(error)) == (413, ["error"])


async def test_events_in_capitals(world: World) -> None:
    """Evolution names events in capitals too, as its settings do."""
    agent = await world.agent(subscribed_to=JID)
    assert await world.webhook(upsert({"conversation": "Oi"}) | {"event": "MESSAGES_UPSERT"}) == 200
    await agent.one(events.MESSAGE)


async def test_the_recorded_webhooks(world: World) -> None:
    """The whole recording ends in the state that its README promises."""
    agent = await world.agent()
    stranger = await world.agent("w-2", subscribed_to=JID)
    answers = []
    for line in RECORDED.read_text().splitlines():
        answers.append(await world.webhook(json.loads(line)["body"]))
    assert answers == [200] * 35 + [403]

    ends = {
        (each["id"], status["id"][-2:]): status["status"]
        for each in (await world.call("GET", "/api/chat/conversations", token=world.token()))[1]
        for status in await world.messages(each["id"])
    }
    maria, joao = "5511990000001@s.whatsapp.net", "5521990000002@s.whatsapp.net"
    orders = "5531990000003@s.whatsapp.net"
    assert ends == {
        **{(maria, n): "delivered" for n in ("01", "02", "04", "17", "18", "19", "20", "21")},
        (maria, "03"): "read",
        **{(joao, n): "delivered" for n in ("05", "06", "07", "08", "09")},
        (GROUP, "13"): "delivered",
        ("100000000000001@lid", "14"): "delivered",
        (orders, "15"): "read",
        (orders, "16"): "failed",
    }
    order = [each["id"][-2:] for each in await world.messages(maria)]
    assert order == ["01", "02", "03", "04", "17", "18", "19", "20", "21"]
    assert [each["state"] for each in await agent.get(events.CONNECTION_UPDATE, 3)] == [
        "close",
        "connecting",
        "open",
    ]
    assert (await stranger.one(events.MESSAGE))["content"] == "outra loja"
