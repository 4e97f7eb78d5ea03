"""C-MSG: every message once, in its place, in the CRM's shape."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from chatengine import events
from chatengine.client import Source
from chatengine.moments import from_ms
from tests.chatengine.client.e2e.world import JID, OTHER_JID, World, bodies, message
from tests.waiting import until


async def test_c_msg_1_a_pushed_message_shows(world: World) -> None:
    """What a customer writes shows in its conversation within the time that is promised."""
    async with world.client() as client:
        began = time.monotonic()
        await world.write("Olá! 👋")
        await until(lambda: "Olá! 👋" in bodies(client))
        assert time.monotonic() - began < 4  # promised are 100 ms; a loaded machine is slower


async def test_c_msg_2_in_no_other_conversation_and_in_no_other_workspace(world: World) -> None:
    """Of two open conversations the right one shows it; an agent of another workspace neither."""
    async with world.client() as client, world.client(workspace_id="w-2", opened=None) as other:
        client.open(OTHER_JID)
        other.open(JID)
        await world.served(client, OTHER_JID)
        await world.write("for one alone")
        await until(lambda: "for one alone" in bodies(client))
        await world.write("the other workspace's", instance="support-1")
        await until(lambda: bodies(other) == ["the other workspace's"])
        assert "for one alone" not in bodies(client, OTHER_JID)
        assert "the other workspace's" not in bodies(client)


async def test_c_msg_2_what_names_another_workspace_is_left_out(world: World) -> None:
    """A server that leaks a message of another workspace finds a client that does not show it."""
    async with world.client() as client:
        await world.push(events.MESSAGE, payload("leaked", workspaceId="w-2"))
        await world.served(client)
        assert "leaked" not in bodies(client)
        assert client.counters.foreign == 1


async def test_c_msg_3_one_message_per_id(world: World) -> None:
    """The same message pushed three times shows once, and the copies are counted."""
    async with world.client() as client:
        duplicates, told = client.counters.duplicates, payload("thrice")
        for _ in range(3):
            await world.push(events.MESSAGE, told)
        await world.served(client)
        assert bodies(client).count("thrice") == 1
        assert client.counters.duplicates >= duplicates + 2


async def test_c_msg_4_one_message_per_provider_id_whichever_way(world: World) -> None:
    """By socket, by Realtime, by both kinds of REST and by an own send: it shows once."""
    async with world.client() as client:
        await world.write("by every way", key_id="K1")
        client.send(JID, "and an own one", client_message_id="c-1")
        await until(lambda: message(client, "and an own one").external_id)
        world.take_chatengine_down()
        await until(lambda: client.connection.source is Source.SUPABASE)
        key = await world.write("while away")
        await until(lambda: "while away" in bodies(client))
        await world.acknowledge(key, "read")
        await until(lambda: message(client, "while away").status.crm == "read")
        world.network.heal()
        await until(lambda: client.connection.source is Source.WEBSOCKET)
        await world.served(client)
        assert bodies(client).count("by every way") == 1
        assert bodies(client).count("and an own one") == 1
        assert bodies(client).count("while away") == 1
        assert len({each.external_id for each in client.messages(JID)}) == len(bodies(client))


async def test_c_msg_5_ordered_by_writing_not_by_arrival(world: World) -> None:
    """Messages that come in another order show by createdAt, ties by id, newest first."""
    async with world.client(opened=OTHER_JID) as client:
        client.open(JID)
        await world.served(client)
        now = int(time.time()) + 5
        for text, at, number in [("c", 3, "1"), ("a", 1, "1"), ("b2", 2, "9"), ("b1", 2, "5")]:
            moment = from_ms((now + at) * 1000)
            told = payload(text, id=f"m-{number}-{at}", createdAt=moment)
            await world.push(events.MESSAGE, told)
        await until(lambda: bodies(client)[:4] == ["c", "b2", "b1", "a"])


async def test_c_msg_6_mapped_to_the_crms_shape(world: World) -> None:
    """File becomes document, pending sending, the first attachment the media; who sent is known."""
    attachments = [
        {"id": "a-1", "messageId": "m-1", "type": "file", "url": "https://files.example/1.pdf"},
        {"id": "a-2", "messageId": "m-1", "type": "file", "url": "https://files.example/2.pdf"},
    ]
    told = payload(
        "the contract",
        id="evo-P1",
        type="file",
        status="pending",
        senderId="agent-9",
        attachments=attachments,
        replyToMessageId="evo-P0",
        metadata={"providerMessageId": "P1", "clientMessageId": "theirs"},
    )
    async with world.client() as client:
        await world.push(events.MESSAGE, told)
        await until(lambda: "the contract" in bodies(client))
        shown = client.snapshot()["messages"][JID]
        (found,) = (each for each in shown if each["body"] == "the contract")
        assert found == {
            "id": "evo-P1",
            "externalId": "P1",
            "clientMessageId": "theirs",
            "body": "the contract",
            "type": "document",
            "status": "sending",
            "isOutgoing": True,
            "mediaUrl": "https://files.example/1.pdf",
            "replyToId": "evo-P0",
            "createdAt": told["createdAt"],
            "errorMessage": None,
        }
        assert message(client, "the contract").sent_by_user_id == "agent-9"


MALFORMED: dict[str, object] = {
    "no id": {"id": None},
    "an empty id": {"id": ""},
    "no conversation": {"conversationId": None},
    "no createdAt": {"createdAt": None},
    "not a moment": {"createdAt": "yesterday"},
    "a text of the wrong type": {"content": 7},
    "an unknown type": {"type": "hologram"},
}


@pytest.mark.parametrize("change", MALFORMED.values(), ids=MALFORMED)
async def test_c_msg_7_a_malformed_payload_is_dropped_and_counted(
    world: World, change: dict[str, object]
) -> None:
    """What cannot be a message is not shown, but counted; what follows is handled."""
    async with world.client() as client:
        await world.push(events.MESSAGE, payload("broken") | change)
        await world.served(client)
        assert client.counters.malformed == 1
        assert "broken" not in bodies(client)


@pytest.mark.parametrize("junk", [None, [], "text", 7, {"": {}}, [[[[]]]]])
async def test_c_msg_7_junk_in_any_event_harms_nothing(world: World, junk: object) -> None:
    """Whatever comes as whatever event, the client goes on."""
    told = (events.MESSAGE, events.MESSAGE_STATUS, events.CONVERSATION, events.TYPING)
    more = (events.MESSAGE_SENT, events.ERROR, events.CONNECTION_UPDATE, "no-such-event")
    async with world.client() as client:
        for event in told + more:
            await world.push(event, junk)
        await world.served(client)
        assert client.counters.malformed >= len(told)


async def test_c_msg_7_a_huge_message_is_still_one_message(world: World) -> None:
    """The longest text that WhatsApp takes arrives whole, and the next one too."""
    async with world.client() as client:
        await world.write("x" * 65_536)
        await until(lambda: "x" * 65_536 in bodies(client))
        await asyncio.sleep(0)
        await world.served(client)


def payload(text: str, **fields: Any) -> dict[str, Any]:
    """A Message of the contract, from the customer, as of now."""
    return {
        "id": f"m-{text}",
        "workspaceId": "w-1",
        "conversationId": JID,
        "senderId": JID,
        "type": "text",
        "content": text,
        "status": "delivered",
        "createdAt": from_ms(int(time.time() * 1000)),
    } | fields
