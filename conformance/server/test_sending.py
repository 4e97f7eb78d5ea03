"""S-SND: what an agent sends, and what becomes of it (sections 2, 4 and 5)."""

import asyncio
from functools import partial
from typing import Any, Final

import pytest

from chatengine import events
from conformance.checks import shows
from conformance.deadlines import until
from conformance.probes.agent import Agent
from conformance.probes.wire import TransportName
from conformance.server.chat import Chat, moment
from conformance.server.shapes import (
    ERROR,
    MARKED_AS_READ,
    MESSAGE,
    MESSAGE_SENT,
    require_shape,
    require_values,
)
from fakes.evolution.bodies import Content
from fakes.evolution.plans import Failure, Plan
from fakes.evolution.provider import Send

FAILURES: Final = {
    "500": Failure(kind="status", status=500),
    "400": Failure(kind="status", status=400),
    "a reset": Failure(kind="reset"),
}
SLOW: Final = Plan(answer_after_s=0.5)
"""Time enough for a webhook to overtake the answer; if it does not, the check still holds."""


@shows("S-SND-1")
async def test_a_text_is_sent(chat: Chat, transport: TransportName) -> None:
    """`sendMessage` reaches the provider once, and all subscribers as the message it became."""
    conversation, text = await known(chat), chat.name("Olá, João!")
    sender = await chat.agent(transport, subscribed_to=conversation)
    other = await chat.agent(transport, subscribed_to=conversation)
    client_id = await chat.sends(sender, conversation, text)
    for agent in (sender, other):
        message = await agent.gets(events.MESSAGE, content=text)
        is_ours(chat, message, (await chat.provider.sent(text))[0], client_id)
    await chat.fence(sender, conversation)
    came_once(chat, sender, text)
    await once(chat, sender, conversation, text)


@shows("S-SND-1")
async def test_a_text_is_sent_over_http(chat: Chat) -> None:
    """`POST` reaches the provider once, is answered the message, and subscribers get it."""
    conversation, text = await known(chat), chat.name("Olá, João!")
    agent = await chat.agent(subscribed_to=conversation)
    client_id = chat.name("c")
    answer = await chat.posts(conversation, text, clientMessageId=client_id)
    chat.trace.require(answer.status == 201, expected="status 201", seen=answer)
    for message in (answer.body, await agent.gets(events.MESSAGE, content=text)):
        is_ours(chat, message, (await chat.provider.sent(text))[0], client_id)
    await chat.fence(agent, conversation)
    await once(chat, agent, conversation, text)


@shows("S-SND-1")
async def test_sends_of_one_conversation(chat: Chat) -> None:
    """Several sends become as many messages, each with the client id of its own."""
    conversation = await known(chat)
    sender = await chat.agent(subscribed_to=conversation)
    texts = [chat.name(f"text {number}") for number in range(10)]
    ids = [await chat.sends(sender, conversation, text) for text in texts]
    for text, client_id in zip(texts, ids, strict=True):
        message = await sender.gets(events.MESSAGE, content=text)
        is_ours(chat, message, (await chat.provider.sent(text))[0], client_id)


@shows("S-SND-1")
async def test_a_customer_is_answered_by_the_number_they_wrote_to(chat: Chat) -> None:
    """Within a workspace a conversation is one customer on one of its numbers."""
    for number in chat.numbers:
        if number.workspace_id != chat.here.workspace_id:
            continue
        text = chat.name("answer")
        agent = await chat.agent()
        customer = chat.conversation()
        await chat.webhook.writes(customer, number=number)
        told = await agent.gets(events.CONVERSATION, partial(is_about, customer))
        await chat.sends(agent, told["id"], text)
        (send,) = await chat.provider.sent(text)
        chat.trace.require(
            (send.instance, send.remote_jid) == (number.instance, customer),
            expected=f"a send to {customer} by {number.instance}",
            seen=send,
        )


@shows("S-SND-1")
async def test_media_is_sent_as_media(chat: Chat) -> None:
    """An uploaded file that is sent over HTTP reaches the provider as media."""
    conversation, caption = await known(chat), chat.name("a nota")
    attachment = await chat.uploads("nota.pdf", b"%PDF-1.7", "application/pdf")
    answer = await chat.posts(conversation, caption, type="file", attachments=[attachment])
    chat.trace.require(answer.status == 201, expected="status 201", seen=answer)
    require_values(chat.trace, answer.body, "the message", type="file", content=caption)
    (send,) = await chat.provider.sent(caption)
    chat.trace.require(send.kind == "document", expected="a document", seen=send)


@shows("S-SND-2")
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_a_failing_provider(chat: Chat, transport: TransportName, failure: Failure) -> None:
    """The message ends as `failed`, and the sender, whose socket stays open, gets an `error`."""
    conversation, text = await known(chat), chat.name("Oi")
    sender = await chat.agent(transport, subscribed_to=conversation)
    await chat.provider.plan(conversation, Plan(failure=failure))
    client_id = await chat.sends(sender, conversation, text)
    error = await sender.gets(events.ERROR, type=events.SEND_MESSAGE)
    require_shape(chat.trace, error, ERROR, "an `error`")
    told = {"conversationId": conversation, "clientMessageId": client_id}
    named = {name: told[name] for name in told if error.get(name) is not None}
    require_values(chat.trace, error, "an `error`", **named)
    await ends_as_failed(chat, sender, conversation, text)
    await chat.fence(sender, conversation)
    chat.none(sender, events.MESSAGE_SENT, conversationId=conversation)


@shows("S-SND-2")
async def test_a_failing_provider_over_http(chat: Chat) -> None:
    """If the provider fails, a POST is answered 502, and the message ends as `failed`."""
    conversation, text = await known(chat), chat.name("Oi")
    agent = await chat.agent(subscribed_to=conversation)
    await chat.provider.plan(conversation, Plan(failure=FAILURES["500"]))
    answer = await chat.posts(conversation, text, clientMessageId=chat.name("c"))
    chat.trace.require(
        answer.status == 502 and isinstance(answer.body, dict) and "error" in answer.body,
        expected="status 502 with an error",
        seen=answer,
    )
    await ends_as_failed(chat, agent, conversation, text)


@shows("S-SND-3")
async def test_the_echo(chat: Chat, transport: TransportName) -> None:
    """The provider's echo of what was sent changes nothing."""
    conversation, text = await known(chat), chat.name("Oi")
    sender = await chat.agent(transport, subscribed_to=conversation)
    await chat.sends(sender, conversation, text)
    await sender.gets(events.MESSAGE, content=text)
    (send,) = await chat.provider.sent(text)
    await echoes(chat, send)
    await chat.fence(sender, conversation)
    came_once(chat, sender, text)
    await once(chat, sender, conversation, text)


@shows("S-SND-3")
async def test_an_echo_that_overtakes_the_answer(chat: Chat) -> None:
    """An echo, and an acknowledgement, that come before the answer make no second message."""
    conversation, text = await known(chat), chat.name("Oi")
    sender = await chat.agent(subscribed_to=conversation)
    await chat.provider.plan(conversation, SLOW)
    client_id = await chat.sends(sender, conversation, text)
    (send,) = await chat.provider.sent(text)
    # Whether a server answers the webhook at once or when the send is settled is its own affair.
    echo = asyncio.create_task(echoes(chat, send, "DELIVERY_ACK"))
    mine = await sender.gets(
        events.MESSAGE, lambda it: client_id in str(it.get("metadata")), content=text
    )
    is_ours(chat, mine, send, client_id, status=None)
    await echo
    await chat.fence(sender, conversation)
    ids = {each["id"] for each in sender.got(events.MESSAGE, content=text)}
    chat.trace.require(len(ids) == 1, expected="one message", seen=ids)
    found = await of_text(chat, conversation, text)
    chat.trace.require(
        [each["status"] for each in found] == ["delivered"],
        expected="one message in the history, delivered",
        seen=found,
    )


@shows("S-SND-4")
async def test_only_the_sender_is_told_that_it_was_sent(
    chat: Chat, transport: TransportName
) -> None:
    """`messageSent` goes to the sender, and to nobody else."""
    conversation, text = await known(chat), chat.name("Oi")
    sender = await chat.agent(transport, subscribed_to=conversation)
    other = await chat.agent(transport, subscribed_to=conversation)
    client_id = await chat.sends(sender, conversation, text)
    told = await sender.gets(events.MESSAGE_SENT, conversationId=conversation)
    require_shape(chat.trace, told, MESSAGE_SENT, "a `messageSent`")
    (send,) = await chat.provider.sent(text)
    chat.trace.require(
        told["messageId"] in (f"evo-{send.key_id}", send.key_id)
        and told.get("clientMessageId") in (None, client_id),
        expected=f"the ids evo-{send.key_id} and {client_id}",
        seen=told,
    )
    await other.gets(events.MESSAGE, content=text)
    await chat.fence(other, conversation)
    chat.none(other, events.MESSAGE_SENT)


@shows("S-SND-4")
async def test_only_the_reader_is_told_that_it_is_read(
    chat: Chat, transport: TransportName
) -> None:
    """`markedAsRead` goes to the sender of `markAsRead`, and to nobody else."""
    conversation = await known(chat)
    reader = await chat.agent(transport, subscribed_to=conversation)
    other = await chat.agent(transport, subscribed_to=conversation)
    command = {"type": events.MARK_AS_READ, "conversationId": conversation, "timestamp": moment()}
    await reader.emit(events.MARK_AS_READ, command)
    told = await reader.gets(events.MARKED_AS_READ, conversationId=conversation)
    require_shape(chat.trace, told, MARKED_AS_READ, "a `markedAsRead`")
    await chat.fence(other, conversation)
    chat.none(other, events.MARKED_AS_READ)


@shows("S-SND-5")
async def test_a_repeated_client_id(chat: Chat, transport: TransportName) -> None:
    """The same client id again, at once or later, by socket or by POST, is sent once."""
    conversation, text = await known(chat), chat.name("Oi")
    sender = await chat.agent(transport, subscribed_to=conversation)
    client_id = chat.name("c")
    for _ in range(3):
        await chat.sends(sender, conversation, text, client_id=client_id)
    await sender.gets(events.MESSAGE, content=text)
    await chat.sends(sender, conversation, text, client_id=client_id)
    await chat.posts(conversation, text, clientMessageId=client_id, user=sender.user_id)
    await behind(chat, sender, conversation)
    await once(chat, sender, conversation, text)


@shows("S-SND-5")
async def test_a_repeated_client_id_over_http(chat: Chat) -> None:
    """A POST that is repeated, at once or later, is sent once: one message, in every answer."""
    conversation, text, client_id = await known(chat), chat.name("Oi"), chat.name("c")
    agent = await chat.agent(subscribed_to=conversation)
    await chat.provider.plan(conversation, SLOW)
    posts = [chat.posts(conversation, text, clientMessageId=client_id) for _ in range(3)]
    answers = [
        *await asyncio.gather(*posts),
        await chat.posts(conversation, text, clientMessageId=client_id),
    ]
    ids = {str(each.body["id"]) for each in answers if each.status < 300}
    chat.trace.require(len(ids) == 1, expected="one message in every answer", seen=answers)
    await chat.fence(agent, conversation)
    await once(chat, agent, conversation, text)


@shows("S-SND-5")
async def test_other_sends_are_other_sends(chat: Chat) -> None:
    """The same client id of another agent, or in another conversation, is another send."""
    conversation, another, text = await known(chat), await known(chat), chat.name("Oi")
    client_id = chat.name("c")
    one, two = await chat.agent(), await chat.agent()
    await chat.sends(one, conversation, text, client_id=client_id)
    await chat.sends(two, conversation, text, client_id=client_id)
    await chat.sends(one, another, text, client_id=client_id)
    await chat.provider.sent(text, 3)


@shows("S-SND-5")
async def test_a_failed_send_may_be_repeated(chat: Chat) -> None:
    """The same client id is the same send, unless that one failed: then it is sent."""
    conversation, text, client_id = await known(chat), chat.name("Oi"), chat.name("c")
    sender = await chat.agent(subscribed_to=conversation)
    await chat.provider.plan(conversation, Plan(failure=FAILURES["500"]), sends=1)
    await chat.sends(sender, conversation, text, client_id=client_id)
    await sender.gets(events.ERROR, type=events.SEND_MESSAGE)
    await chat.sends(sender, conversation, text, client_id=client_id)
    await sender.gets(events.MESSAGE, content=text, status="sent")
    sends = await chat.provider.sends(text)
    outcomes = [send.outcome for send in sends]
    chat.trace.require(outcomes == ["status 500", "answered"], expected="two tries", seen=sends)


async def known(chat: Chat) -> str:
    """A customer who has written, so that it is clear by which number to answer."""
    conversation = chat.conversation()
    await chat.webhook.writes(conversation)
    return conversation


def is_ours(
    chat: Chat, message: dict[str, Any], send: Send, client_id: str, status: str | None = "sent"
) -> None:
    """Check our own message: what the provider took, under both ids (section 5)."""
    require_shape(chat.trace, message, MESSAGE, "our message")
    wanted = {"id": f"evo-{send.key_id}", "content": send.text, "type": "text"}
    require_values(
        chat.trace, message, "our message", **wanted, **({"status": status} if status else {})
    )
    require_values(
        chat.trace,
        message.get("metadata") or {},
        "its metadata",
        clientMessageId=client_id,
        providerMessageId=send.key_id,
    )
    chat.trace.require(
        bare(message.get("senderId")) != bare(send.remote_jid),
        expected="a sender that is not the customer",
        seen=message.get("senderId"),
    )
    chat.trace.require(
        (send.instance, send.remote_jid) == (chat.here.instance, message["conversationId"]),
        expected=f"a send to {message['conversationId']} by {chat.here.instance}",
        seen=send,
    )


async def once(chat: Chat, agent: Agent, conversation: str, text: str) -> None:
    """Check that a text was sent once, and is one message in the history and to the subscribers."""
    ids = {each.get("id") for each in agent.got(events.MESSAGE, content=text)}
    counted = {
        "sends": len(await chat.provider.sends(text)),
        "messages to the subscribers": len(ids),
        "messages in the history": len(await of_text(chat, conversation, text)),
    }
    chat.trace.require(set(counted.values()) == {1}, expected="one of each", seen=counted)


def came_once(chat: Chat, agent: Agent, text: str) -> None:
    """Check that an agent got one copy."""
    copies = agent.got(events.MESSAGE, content=text)
    chat.trace.require(len(copies) == 1, expected="one `message`", seen=copies)


async def behind(chat: Chat, sender: Agent, conversation: str) -> None:
    """Wait until what was sent before has been handled: a send behind it has arrived."""
    text = chat.name("fence")
    await chat.sends(sender, conversation, text)
    await sender.gets(events.MESSAGE, content=text)


async def of_text(chat: Chat, conversation: str, text: str) -> list[dict[str, Any]]:
    """The messages of that text in the history."""
    return [each for each in await chat.history(conversation) if each.get("content") == text]


async def ends_as_failed(chat: Chat, agent: Agent, conversation: str, text: str) -> None:
    """Wait until the message shows as failed: in the history, or to the subscribers."""

    async def look() -> bool:
        found = [
            *await of_text(chat, conversation, text),
            *agent.got(events.MESSAGE, content=text),
        ]
        ids = {each.get("id") for each in found}
        told = agent.got(events.MESSAGE_STATUS, lambda it: it.get("messageId") in ids)
        return any(each.get("status") == "failed" for each in [*found, *told])

    try:
        await until(look, chat.deadline)
    except TimeoutError:
        seen = await of_text(chat, conversation, text)
        raise chat.trace.broken(expected="the message as `failed`", seen=seen) from None


async def echoes(chat: Chat, send: Send, acknowledgement: str | None = None) -> None:
    """Let the provider tell of what we sent, as if it had been written on the phone."""
    echo = chat.webhook.entry(
        send.remote_jid,
        Content(text=send.text),
        key_id=send.key_id,
        second=send.second,
        from_me=True,
    )
    await chat.webhook.accepted(echo.body)
    if acknowledgement is not None:
        await chat.webhook.acknowledges(echo, acknowledgement)


def is_about(customer: str, told: dict[str, Any]) -> bool:
    """Whether a conversation is that customer's, whatever its id."""
    return bare(customer) in str(told)


def bare(jid: Any) -> str:
    """The number of a JID."""
    return str(jid).partition("@")[0]
