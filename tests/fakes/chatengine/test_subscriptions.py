"""S-SUB, S-ISO, S-TYP, S-CON, S-REC: what reaches whom."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chatengine import events
from tests.fakes.chatengine.world import JID, OTHER_JID, SECOND, SETTINGS, running

if TYPE_CHECKING:
    from tests.fakes.chatengine.world import World


async def test_messages_reach_those_subscribed_and_no_others(world: World) -> None:
    """S-SUB-1, S-SUB-2: only the conversation's subscribers get its messages and statuses."""
    there = await world.agent(subscribed_to=JID)
    elsewhere = await world.agent(user="agent-2", subscribed_to=OTHER_JID)
    nowhere = await world.agent(user="agent-3")
    await world.arrive("A1")
    await world.acknowledge("A1", "READ")
    assert (await there.one(events.MESSAGE))["id"] == "evo-A1"
    assert await there.one(events.MESSAGE_STATUS) == {"messageId": "evo-A1", "status": "read"}
    for agent in (elsewhere, nowhere):
        await agent.settled()
        assert [name for name, _ in agent.received] == [events.CONVERSATION]


async def test_message_scope_workspace() -> None:
    """S-SUB-2: with MESSAGE_SCOPE=workspace a message reaches the whole workspace, and no other."""
    async with running(replace(SETTINGS, message_scope="workspace")) as world:
        nowhere = await world.agent()
        stranger = await world.agent("w-2", subscribed_to=JID)
        await world.arrive("A1")
        assert (await nowhere.one(events.MESSAGE))["id"] == "evo-A1"
        await stranger.settled()
        assert stranger.received == []


async def test_unsubscribing_ends_it(world: World) -> None:
    """S-SUB-3: after the acknowledged unsubscribe nothing of the conversation comes any more."""
    agent = await world.agent(subscribed_to=JID)
    witness = await world.agent(user="agent-2", subscribed_to=JID)
    await world.arrive("A1")
    await agent.get(events.MESSAGE)
    assert await agent.client.call(events.UNSUBSCRIBE, JID) == {"ok": True}
    await world.arrive("A2")
    await witness.get(events.MESSAGE, 2)
    assert [each["id"] for each in [await agent.one(events.MESSAGE)]] == ["evo-A1"]


async def test_a_subscription_is_idempotent(world: World) -> None:
    """S-SUB-4: subscribed thrice, one copy; one unsubscribe ends it, a second is no error."""
    agent = await world.agent()
    for _ in range(3):
        await agent.subscribe()
    await world.arrive("A1")
    await agent.one(events.MESSAGE)
    for _ in range(2):
        assert await agent.client.call(events.UNSUBSCRIBE, JID) == {"ok": True}
    await world.arrive("A2")
    assert (await agent.one(events.MESSAGE))["id"] == "evo-A1"


async def test_a_socket_has_ten_thousand_conversations_open(world: World) -> None:
    """One more is refused until another is closed; one that is open is so still."""
    async with world.raw_socket() as ws:

        async def ask(event: str, *conversations: str) -> Any:
            for each in conversations:
                await ws.send_str(f"421{json.dumps([event, each])}")
            answers: list[Any] = []
            while len(answers) < len(conversations):
                frame = await ws.receive_str()
                if frame.startswith("431"):
                    answers += json.loads(frame[3:])
            return answers

        opened = [f"c-{number}" for number in range(10_000)]
        for start in range(0, len(opened), 1000):
            assert {each["ok"] for each in await ask(events.SUBSCRIBE, *opened[start:][:1000])} == {
                True
            }
        (refused,) = await ask(events.SUBSCRIBE, "one more")
        assert refused["error"] == {
            "code": "limit",
            "message": "more than 10000 conversations are open",
        }
        assert await ask(events.SUBSCRIBE, "c-0") == [{"ok": True}]
        assert await ask(events.UNSUBSCRIBE, "c-0") == [{"ok": True}]
        assert await ask(events.SUBSCRIBE, "one more") == [{"ok": True}]


async def test_an_id_has_512_characters_at_most(world: World) -> None:
    """What may enter may be subscribed to, and the refusal of any other says why."""
    agent = await world.agent()
    longest = "5" * 512
    await agent.subscribe(longest)
    await world.arrive("A1", remote_jid=longest)
    assert (await agent.one(events.MESSAGE))["conversationId"] == longest
    answer = await agent.client.call(events.SUBSCRIBE, longest + "5")
    assert answer["error"] == {
        "code": "invalid",
        "message": "conversationId is not a text of 1 to 512 characters",
    }


async def test_an_unknown_conversation_may_be_subscribed_to(world: World) -> None:
    """Ids are opaque: subscribed before its first message, a conversation delivers that one too."""
    agent = await world.agent(subscribed_to="anything at all: 1/2?")
    await world.arrive("A1", remote_jid="anything at all: 1/2?")
    assert (await agent.one(events.MESSAGE))["conversationId"] == "anything at all: 1/2?"


async def test_subscribing_without_an_acknowledgement(world: World) -> None:
    """An acknowledgement is answered only where one is asked for; the subscription counts."""
    agent = await world.agent()
    await agent.client.emit(events.SUBSCRIBE, JID)
    await agent.subscribe(OTHER_JID)  # handled behind the first, as events are taken in order
    await world.arrive("A1")
    assert (await agent.one(events.MESSAGE))["id"] == "evo-A1"


@pytest.mark.parametrize(
    "conversation_id",
    [JID, f"w-1 {JID}", f"conversation 3 w-1 {JID}", f"3 w-1 {JID}", "workspace w-1", "w-1"],
)
async def test_nothing_crosses_workspaces(world: World, conversation_id: str) -> None:
    """S-ISO-1: a socket of another workspace gets nothing, whatever it subscribes to."""
    own = await world.agent(subscribed_to=JID)
    stranger = await world.agent("w-2", subscribed_to=conversation_id)
    await world.arrive("A1")
    await world.acknowledge("A1", "READ")
    await own.client.emit(events.TYPING, {"conversationId": JID, "isTyping": True})
    await own.client.call(
        events.SEND_MESSAGE, {"type": "sendMessage", "conversationId": JID, "content": "Oi"}
    )
    await world.webhook(
        {"event": "connection.update", "instance": "sales-1", "data": {"state": "open"}}
    )
    await own.get(events.CONNECTION_UPDATE)
    await stranger.settled()
    assert stranger.received == []


async def test_a_stranger_cannot_reach_in(world: World) -> None:
    """S-ISO-1: typing, sending and marking by another workspace touch nothing of this one."""
    own = await world.agent(subscribed_to=JID)
    await world.arrive("A1")
    await own.get(events.MESSAGE)
    stranger = await world.agent("w-2", subscribed_to=JID)
    own.received.clear()
    await stranger.client.emit(events.TYPING, {"conversationId": JID, "isTyping": True})
    await stranger.client.call(
        events.SEND_MESSAGE, {"type": "sendMessage", "conversationId": JID, "content": "Oi"}
    )
    await stranger.client.call(events.MARK_AS_READ, {"type": "markAsRead", "conversationId": JID})
    await own.settled()
    assert own.received == []
    assert [each["id"] for each in await world.messages()] == ["evo-A1"]
    assert [call for call, _ in world.provider.calls] == ["/message/sendText/support-1"]


async def test_the_same_ids_in_two_workspaces(world: World) -> None:
    """S-ISO-1: one JID and one message id in two workspaces are two conversations, two messages."""
    own = await world.agent(subscribed_to=JID)
    other = await world.agent("w-2", subscribed_to=JID)
    await world.arrive("A1", "to sales")
    await world.arrive("A1", "to support", instance="support-1")
    assert (await own.one(events.MESSAGE))["content"] == "to sales"
    assert (await other.one(events.MESSAGE))["content"] == "to support"
    await world.acknowledge("A1", "READ", instance="support-1")
    await other.get(events.MESSAGE_STATUS)
    await own.settled()
    assert own.all(events.MESSAGE_STATUS) == []
    assert [each["status"] for each in await world.messages()] == ["delivered"]
    assert [each["status"] for each in await world.messages(workspace_id="w-2")] == ["read"]


async def test_one_customer_on_two_numbers(world: World) -> None:
    """Section 2: on a second number of the workspace the same JID is another conversation."""
    agent = await world.agent(subscribed_to=JID)
    await world.arrive("A1", instance="sales-1")
    await world.arrive("A2", instance="sales-2")
    first, second = await agent.get(events.CONVERSATION, 2)
    assert (first["id"], first["whatsappNumberId"]) == (JID, "n-1")
    assert second["id"] != JID
    assert second["whatsappNumberId"] == "n-3"
    assert (await agent.one(events.MESSAGE))["id"] == "evo-A1"
    await agent.subscribe(second["id"])
    await world.arrive("A3", instance="sales-2")
    assert (await agent.get(events.MESSAGE, 2))[1]["conversationId"] == second["id"]
    assert [each["id"] for each in await world.messages(second["id"])] == ["evo-A2", "evo-A3"]


async def test_typing_reaches_the_others(world: World) -> None:
    """S-TYP-1, S-TYP-2: the other subscribers see it, its sender and other conversations do not."""
    sender = await world.agent(subscribed_to=JID)
    other = await world.agent(user="agent-2", subscribed_to=JID)
    elsewhere = await world.agent(user="agent-3", subscribed_to=OTHER_JID)
    for state in (True, False):
        await sender.client.emit(events.TYPING, {"conversationId": JID, "isTyping": state})
    expected = [
        {"conversationId": JID, "userId": "agent-1", "isTyping": state} for state in (True, False)
    ]
    assert await other.get(events.TYPING, 2) == expected
    for agent in (sender, elsewhere):
        await agent.settled()
        assert agent.received == []


@pytest.mark.parametrize("state", ["open", "close", "connecting"])
async def test_the_state_of_a_number(world: World, state: str) -> None:
    """S-CON-1: `connection.update` goes to every socket of the workspace, and to no other."""
    agents = [await world.agent(), await world.agent(user="agent-2", subscribed_to=JID)]
    stranger = await world.agent("w-2")
    body: dict[str, Any] = {
        "event": "connection.update",
        "instance": "sales-1",
        "data": {"instance": "sales-1", "state": state, "statusReason": 200},
    }
    assert await world.webhook(body) == 200
    for agent in agents:
        update = await agent.one(events.CONNECTION_UPDATE)
        assert update.pop("timestamp").endswith("Z")
        assert update == {"instance": "sales-1", "workspaceId": "w-1", "state": state}
    await stranger.settled()
    assert stranger.received == []


async def test_a_reconnected_socket_starts_clean(world: World) -> None:
    """S-REC-1, S-REC-2: no subscription survives; it subscribes anew and reads what it missed."""
    agent = await world.agent(subscribed_to=JID)
    await world.arrive("A1", second=SECOND)
    (first,) = await agent.get(events.MESSAGE)
    await agent.client.disconnect()
    await world.arrive("A2", second=SECOND + 1)
    again = await world.agent()
    await world.arrive("A3", second=SECOND + 2)
    await again.settled()
    assert again.all(events.MESSAGE) == []
    await again.subscribe()
    await world.arrive("A4", second=SECOND + 3)
    assert (await again.one(events.MESSAGE))["id"] == "evo-A4"
    status, missed = await world.call(
        "GET",
        "/api/chat/messages",
        token=world.token(),
        params={"conversationId": JID, "since": first["createdAt"]},
    )
    assert status == 200
    assert [each["id"] for each in missed] == ["evo-A1", "evo-A2", "evo-A3", "evo-A4"]


async def test_polling_serves_as_well(world: World) -> None:
    """The same events come over the polling transport."""
    agent = await world.agent(subscribed_to=JID, transports=("polling",))
    for number in range(5):
        await world.arrive(f"A{number}")
    messages = await agent.get(events.MESSAGE, 5)
    assert [each["id"] for each in messages] == [f"evo-A{number}" for number in range(5)]
