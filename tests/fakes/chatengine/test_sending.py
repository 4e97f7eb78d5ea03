"""S-SND: what agents send (contract, section 5, "Out")."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import FormData, web
from msgspec.structs import replace

from chatengine import events
from chatengine.webhooks import text_message
from fakes.chatengine.settings import ProviderSettings
from tests.fakes.chatengine.world import JID, OTHER_JID, SETTINGS, running
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fakes.chatengine.world import Crm, World

SEND = "/message/sendText/sales-1"


def command(content: str = "Oi", client_id: str | None = "c-1", **more: object) -> dict[str, Any]:
    named = {} if client_id is None else {"messageId": client_id}
    usual = {"type": "sendMessage", "conversationId": JID, "content": content}
    return usual | named | {"timestamp": "2026-01-01T00:00:00.000Z"} | more


async def send(agent: Crm, *arguments: Any, **more: Any) -> Any:
    return await agent.client.call(events.SEND_MESSAGE, command(*arguments, **more))


async def post(
    world: World, user: str = "agent-1", token: str | None = None, **body: object
) -> tuple[int, Any]:
    usual = {"conversationId": JID, "type": "text", "content": "Oi"}
    token = token or world.token(user=user)
    return await world.call("POST", "/api/chat/messages", token=token, json=usual | body)


async def test_a_message_reaches_the_provider_once(world: World) -> None:
    """S-SND-1: it goes out once; the copy carries both ids; `messageSent` follows."""
    sender = await world.agent(subscribed_to=JID)
    other = await world.agent(user="agent-2", subscribed_to=JID)
    assert await send(sender, "Olá!") == {"ok": True}
    message = await sender.one(events.MESSAGE)
    assert (message["id"], message["status"], message["senderId"]) == (
        "evo-OUT1",
        "sent",
        "agent-1",
    )
    assert message["metadata"] == {"providerMessageId": "OUT1", "clientMessageId": "c-1"}
    assert await other.one(events.MESSAGE) == message
    assert await sender.one(events.MESSAGE_SENT) == {
        "conversationId": JID,
        "messageId": "evo-OUT1",
        "clientMessageId": "c-1",
        "timestamp": message["createdAt"],
    }
    assert world.provider.calls == [(SEND, {"number": JID.split("@")[0], "text": "Olá!"})]
    assert world.provider.headers[0]["apikey"] == "provider-key"
    conversation = await other.one(events.CONVERSATION)
    assert conversation["lastMessage"]["id"] == "evo-OUT1"


async def test_what_is_for_the_sender_alone(world: World) -> None:
    """S-SND-4: `messageSent`, `markedAsRead` and `error` reach only the socket that caused them."""
    sender = await world.agent(subscribed_to=JID)
    same_user = await world.agent(subscribed_to=JID)
    other = await world.agent(user="agent-2", subscribed_to=JID)
    await send(sender)
    await sender.client.emit(events.MARK_AS_READ, {"type": "markAsRead", "conversationId": JID})
    await sender.client.emit(events.MARK_AS_READ, 5)
    marked = await sender.one(events.MARKED_AS_READ)
    assert marked["conversationId"] == JID
    assert marked["timestamp"].endswith("Z")
    assert (await sender.one(events.ERROR))["type"] == "markAsRead"
    for agent in (same_user, other):
        await agent.settled()
        assert {name for name, _ in agent.received} == {events.MESSAGE, events.CONVERSATION}


async def test_marking_as_read_counts(world: World) -> None:
    """`markAsRead` makes the customer's messages seen; no message's status changes."""
    agent = await world.agent(subscribed_to=JID)
    await world.arrive("A1")
    await world.arrive("A2")
    path = "/conversations?workspaceId=w-1"
    assert [each["unread"] for each in await world.control.call("GET", path)] == [2]
    await agent.client.call(events.MARK_AS_READ, {"type": "markAsRead", "conversationId": JID})
    assert [each["unread"] for each in await world.control.call("GET", path)] == [0]
    assert [each["status"] for each in await world.messages()] == ["delivered"] * 2


async def refuse(*_: object) -> web.Response:
    return web.json_response({"error": "no"}, status=500)


async def no_key(*_: object) -> web.Response:
    return web.json_response({"status": "PENDING"}, status=201)


async def no_json(*_: object) -> web.Response:
    return web.Response(text="<html>", status=201)


async def elsewhere(path: str, _: object) -> web.Response:
    if path.endswith("/elsewhere"):
        return web.json_response({"key": {"id": "OUT1"}}, status=201)
    return web.Response(status=307, headers={"Location": "/message/sendText/elsewhere"})


@pytest.mark.parametrize("answer", [refuse, no_key, no_json, elsewhere])
async def test_a_failing_provider(world: World, answer: Any) -> None:
    """S-SND-2: the message ends as `failed`; the sender gets an `error`; a POST answers 502."""
    world.provider.answer = answer
    sender = await world.agent(subscribed_to=JID)
    acknowledgement = await send(sender)
    assert acknowledgement["ok"] is False
    error = await sender.one(events.ERROR)
    assert error.pop("message") == acknowledgement["error"]["message"]
    assert error == {"type": "sendMessage", "conversationId": JID, "clientMessageId": "c-1"}
    assert (await sender.one(events.MESSAGE))["status"] == "failed"
    assert sender.all(events.MESSAGE_SENT) == []
    status, body = await post(world, clientMessageId="c-2")
    assert (status, list(body)) == (502, ["error"])
    ends = [(each["metadata"], each["status"]) for each in await world.messages()]
    assert ends == [({"clientMessageId": "c-1"}, "failed"), ({"clientMessageId": "c-2"}, "failed")]


async def test_a_provider_that_never_answers() -> None:
    """S-SND-2: neither a send that hangs nor those in line behind it wait beyond the timeout."""
    async with running(replace(SETTINGS, provider=ProviderSettings(timeout_s=0.4))) as world:
        hanging = asyncio.Event()

        async def hang(*_: object) -> web.Response:
            await hanging.wait()
            return web.Response()

        world.provider.answer = hang
        sender = await world.agent(subscribed_to=JID)
        async with asyncio.timeout(4):
            answers = await asyncio.gather(*(send(sender, "Oi", f"c-{n}") for n in range(5)))
        hanging.set()
        assert [each["ok"] for each in answers] == [False] * 5
        assert [each["status"] for each in await world.messages()] == ["failed"] * 5
        assert len(world.provider.calls) == 1


async def test_no_provider_at_all(world: World) -> None:
    """S-SND-2: a provider that cannot be reached fails the send like one that refuses."""

    async def cut(*_: object) -> web.Response:
        raise ConnectionResetError

    world.provider.answer = cut
    status, body = await post(world)
    assert (status, list(body)) == (502, ["error"])


async def test_the_echo_makes_no_second_message(world: World) -> None:
    """S-SND-3: the provider's own webhook of what we sent changes nothing."""
    sender = await world.agent(subscribed_to=JID)
    await send(sender)
    await world.arrive("OUT1", "Oi", from_me=True)
    await sender.one(events.MESSAGE)
    assert len(await world.messages()) == 1


async def test_an_echo_before_the_answer(world: World) -> None:
    """S-SND-3: also an echo and a status that overtake the provider's answer make no second one."""

    async def call_back_first(_: str, body: dict[str, Any]) -> web.Response:
        await world.arrive("OUT9", "Oi", from_me=True)
        await world.acknowledge("OUT9", "DELIVERY_ACK")
        return world.provider.receipt("OUT9", body)

    world.provider.answer = call_back_first
    sender = await world.agent(subscribed_to=JID)
    await send(sender)
    message = await sender.one(events.MESSAGE)
    assert message["metadata"] == {"providerMessageId": "OUT9", "clientMessageId": "c-1"}
    assert message["status"] == "delivered"
    assert len(await world.messages()) == 1


async def test_a_message_of_the_phone_during_a_send(world: World) -> None:
    """What was written on the phone while a send is under way is no echo, and is not lost."""

    async def write_on_the_phone(_: str, body: dict[str, Any]) -> web.Response:
        await world.arrive("PHONE", "from the phone", from_me=True)
        return world.provider.receipt("OUT9", body)

    world.provider.answer = write_on_the_phone
    sender = await world.agent(subscribed_to=JID)
    await send(sender)
    messages = await sender.get(events.MESSAGE, 2)
    assert [each["id"] for each in messages] == ["evo-OUT9", "evo-PHONE"]


async def test_a_repeated_client_id_is_sent_once(world: World) -> None:
    """S-SND-5: the same id of the same agent in the same conversation, by whichever way, is one."""
    sender = await world.agent(subscribed_to=JID)
    again = await world.agent(subscribed_to=JID)
    answers = await asyncio.gather(send(sender), send(sender), send(again))
    assert list(answers) == [{"ok": True}] * 3
    status, message = await post(world, clientMessageId="c-1")
    assert (status, message["id"]) == (201, "evo-OUT1")
    await sender.one(events.MESSAGE)
    assert [each["messageId"] for each in sender.all(events.MESSAGE_SENT)] == ["evo-OUT1"] * 2
    assert len(world.provider.calls) == 1


async def test_a_repeated_send_tells_how_it_is_now(world: World) -> None:
    """Asked for again later, the same send answers the message as it is by then."""
    assert (await post(world, clientMessageId="c-1"))[1]["status"] == "sent"
    await world.acknowledge("OUT1", "READ")
    assert (await post(world, clientMessageId="c-1"))[1]["status"] == "read"


async def test_a_line_has_an_end() -> None:
    """Beyond a thousand sends that wait in one conversation, a further one is refused at once."""
    async with running(replace(SETTINGS, provider=ProviderSettings(timeout_s=60))) as world:
        hanging = asyncio.Event()

        async def hang(*_: object) -> web.Response:
            await hanging.wait()
            return web.Response()

        world.provider.answer = hang
        sender = await world.agent()
        for number in range(1000):
            await sender.client.emit(events.SEND_MESSAGE, command("Oi", f"c-{number}"))
        answer = await send(sender, "Oi", "one too many")
        hanging.set()
    assert answer["error"] == {
        "code": "refused",
        "message": "too many messages of this conversation are waiting",
    }


async def test_other_sends_are_other_sends(world: World) -> None:
    """S-SND-5: another agent, another conversation, another workspace, or no id: sent each time."""
    sender = await world.agent()
    other = await world.agent(user="agent-2")
    stranger = await world.agent("w-2")
    for agent in (sender, other, stranger):
        await send(agent)
    await send(sender, conversationId=OTHER_JID)
    for _ in range(2):
        await send(sender, client_id=None)
    assert len(world.provider.calls) == 6


async def test_agents_without_a_name_are_not_one(world: World) -> None:
    """S-SND-5: where no token names a user, a client id is that of one socket, or of one token."""
    unnamed = [await world.agent(user="") for _ in range(2)]
    for agent in (*unnamed, *unnamed):
        assert await send(agent) == {"ok": True}
    assert len(world.provider.calls) == 2
    tokens = [world.token(user="", serial=number) for number in range(2)]
    for token in (*tokens, *tokens):
        assert (await post(world, token=token, clientMessageId="c-1"))[0] == 201
    assert len(world.provider.calls) == 4


async def test_numbered_agents_are_several(world: World) -> None:
    """S-AUTH-8: users 42 and 43 are two, and their messages are shown as theirs."""
    for number in (42, 43):
        token = world.token(sub=number)
        assert (await post(world, token=token, clientMessageId="c-1"))[1]["senderId"] == str(number)
    assert len(world.provider.calls) == 2


async def test_a_workspace_that_sends_too_much_at_once() -> None:
    """Beyond 64 MiB under way a send is refused at once; other workspaces still send."""
    large = "x" * 900_000
    async with running(replace(SETTINGS, provider=ProviderSettings(timeout_s=60))) as world:
        hanging = asyncio.Event()

        async def hang(path: str, body: dict[str, Any]) -> web.Response:
            await hanging.wait()
            return await world.provider.take(path, body)

        world.provider.answer = hang
        sends = [
            asyncio.create_task(post(world, content=large, conversationId=f"{number}@g.us"))
            for number in range(74)
        ]
        await until(lambda: len(world.provider.calls) == len(sends))
        refused = await post(world, content=large)
        other = world.token("w-2")
        sends.append(asyncio.create_task(post(world, token=other, content=large)))
        await until(lambda: len(world.provider.calls) == len(sends))
        hanging.set()
        assert {status for status, _ in await asyncio.gather(*sends)} == {201}
        assert (await post(world, content=large))[0] == 201
    assert refused == (400, {"error": "too many messages of this workspace are waiting"})


async def test_a_failed_send_may_be_tried_again(world: World) -> None:
    """The same client id is the same send, unless that one failed: then it is tried anew."""
    world.provider.answer = refuse
    sender = await world.agent(subscribed_to=JID)
    assert [(await send(sender))["ok"] for _ in range(2)] == [False, False]
    world.provider.answer = world.provider.take
    assert await send(sender) == {"ok": True}
    assert await send(sender) == {"ok": True}
    assert len(world.provider.calls) == 3
    assert [each["status"] for each in await world.messages()] == ["failed", "sent"]


async def test_sends_keep_their_order(world: World) -> None:
    """One conversation's sends reach the provider in order, each after the answer to the last."""
    under_way = 0

    async def slowly(_: str, body: dict[str, Any]) -> web.Response:
        nonlocal under_way
        under_way += 1
        assert under_way == 1
        await asyncio.sleep(0)
        under_way -= 1
        return world.provider.receipt(f"OUT-{body['text']}", body)

    world.provider.answer = slowly
    sender = await world.agent(subscribed_to=JID)
    for number in range(20):
        await sender.client.emit(events.SEND_MESSAGE, command(str(number), f"c-{number}"))
    messages = await sender.get(events.MESSAGE, 20)
    assert [each["content"] for each in messages] == [str(number) for number in range(20)]
    assert [body["text"] for _, body in world.provider.calls] == [str(n) for n in range(20)]


async def test_other_conversations_do_not_wait(world: World) -> None:
    """A conversation whose provider is slow holds up no other one."""
    slow = asyncio.Event()

    async def slow_for_one(path: str, body: dict[str, Any]) -> web.Response:
        if body["number"] in JID:
            await slow.wait()
        return await world.provider.take(path, body)

    world.provider.answer = slow_for_one
    sender = await world.agent()
    waiting = asyncio.create_task(send(sender))
    await until(lambda: len(world.provider.calls) == 1)
    assert await send(sender, conversationId=OTHER_JID) == {"ok": True}
    assert not waiting.done()
    slow.set()
    assert await waiting == {"ok": True}


async def test_a_sender_that_leaves(world: World) -> None:
    """A send goes on when its sender is gone, and reaches those who are there."""
    slow = asyncio.Event()

    async def slowly(path: str, body: dict[str, Any]) -> web.Response:
        await slow.wait()
        return await world.provider.take(path, body)

    world.provider.answer = slowly
    sender = await world.agent()
    other = await world.agent(user="agent-2", subscribed_to=JID)
    await sender.client.emit(events.SEND_MESSAGE, command())
    await until(lambda: world.provider.calls)
    await sender.client.disconnect()
    slow.set()
    assert (await other.one(events.MESSAGE))["status"] == "sent"


async def test_a_post_that_is_given_up(world: World) -> None:
    """A client that no longer waits for the answer to its POST does not undo the send."""
    slow = asyncio.Event()

    async def slowly(path: str, body: dict[str, Any]) -> web.Response:
        await slow.wait()
        return await world.provider.take(path, body)

    world.provider.answer = slowly
    other = await world.agent(user="agent-2", subscribed_to=JID)
    posting = asyncio.create_task(post(world, clientMessageId="c-1"))
    await until(lambda: world.provider.calls)
    posting.cancel()
    # Its connection is gone when another one has come and been answered.
    await world.messages()
    slow.set()
    assert (await other.one(events.MESSAGE))["status"] == "sent"
    assert (await post(world, clientMessageId="c-1"))[0] == 201
    assert len(world.provider.calls) == 1


async def test_customers_do_not_wait_for_sends(world: World) -> None:
    """A customer's message enters at once, also while a send of its conversation is under way."""
    slow = asyncio.Event()

    async def slowly(path: str, body: dict[str, Any]) -> web.Response:
        await slow.wait()
        return await world.provider.take(path, body)

    world.provider.answer = slowly
    sender = await world.agent(subscribed_to=JID)
    sending = asyncio.create_task(send(sender))
    await until(lambda: world.provider.calls)
    await world.arrive("A1")
    assert (await sender.one(events.MESSAGE))["id"] == "evo-A1"
    slow.set()
    await sending


async def test_the_number_of_the_conversation_sends(world: World) -> None:
    """A reply goes out by the number that the customer wrote to; a POST may choose another."""
    await world.webhook(
        text_message(instance="sales-2", remote_jid=JID, key_id="A1", text="Oi", second=1)
    )
    sender = await world.agent()
    await send(sender)
    assert world.provider.calls[-1][0] == "/message/sendText/sales-2"
    status, message = await post(world, whatsappNumberId="n-1")
    assert status == 201
    assert world.provider.calls[-1][0] == SEND
    assert message["conversationId"] != JID  # the same customer on another number


async def test_a_reply_quotes(world: World) -> None:
    """`replyToMessageId` reaches the provider as its own id of that message."""
    await world.arrive("A1")
    sender = await world.agent(subscribed_to=JID)
    await send(sender, replyToMessageId="evo-A1")
    assert world.provider.calls[0][1]["quoted"] == {"key": {"id": "A1"}}
    assert (await sender.one(events.MESSAGE))["replyToMessageId"] == "evo-A1"


async def test_media_is_sent_as_media(world: World) -> None:
    """An uploaded file goes out by `sendMedia`, with its URL, name, type and caption."""
    form = FormData()
    form.add_field("file", b"%PDF-1.7", filename="nota.pdf", content_type="application/pdf")
    token = world.token()
    _, attachment = await world.call("POST", "/api/chat/attachments", token=token, data=form)
    status, message = await post(
        world, type="file", content="a nota", attachments=[attachment], conversationId="1@g.us"
    )
    assert status == 201
    ((path, body),) = world.provider.calls
    assert path == "/message/sendMedia/sales-1"
    assert body == {
        "number": "1@g.us",
        "mediatype": "document",
        "media": attachment["url"],
        "caption": "a nota",
        "mimetype": "application/pdf",
        "fileName": "nota.pdf",
    }
    assert message["attachments"] == [attachment | {"messageId": message["id"]}]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"content": ""}, "there is nothing to send: content is empty"),
        ({"clientMessageId": "x" * 513}, "the client's id is longer than 512 characters"),
        ({"content": 5}, "Expected `str`, got `int` - at `$.content`"),
        ({"type": "poem"}, "Invalid enum value 'poem' - at `$.type`"),
        ({"type": "image"}, "a message of type image has one attachment"),
        ({"attachments": [{"url": "https://x"}]}, "a message of type text has no attachment"),
        (
            {"type": "image", "attachments": [{"url": "file:///etc/passwd"}]},
            "the attachment's url is not an http(s) URL",
        ),
        ({"conversationId": "0b7c-unknown"}, "the conversation is unknown"),
        ({"whatsappNumberId": "n-2"}, "the workspace has no such WhatsApp number"),
    ],
)
async def test_a_post_that_cannot_be_sent(world: World, body: dict[str, Any], says: str) -> None:
    """S-HTTP-2: what cannot be sent is 400 with the reason; the provider is not asked."""
    assert await post(world, **body) == (400, {"error": says})
    assert world.provider.calls == []
    assert await world.messages() == []
