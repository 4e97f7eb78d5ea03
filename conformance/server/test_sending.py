"""S-SND-1 to S-SND-4: what an agent sends, and what becomes of it (sections 2, 4 and 5)."""

import asyncio
from functools import partial
from typing import Any, Final

import pytest

from chatengine import events
from conformance.checks import shows
from conformance.deadlines import until
from conformance.outcomes import NotApplicable
from conformance.probes.agent import Agent
from conformance.probes.wire import TransportName
from conformance.server.chat import Chat, moment
from conformance.server.sends import (
    SLOW,
    bare,
    is_ours,
    known,
    listed,
    of_text,
    once,
    what_stays,
)
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
TEXTS: Final = {
    "with space around": "  as it was\n\twritten  ",
    "in any script": 'Olá 👋🏽 "aspas" <b>&amp;</b> \\ مرحبا',
    "long": "lorem ipsum " * 340,
}
"""Each ends in a name, by which it is found."""


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
    pushed = what_stays(sender.got(events.MESSAGE, content=text))
    kept = what_stays(await listed(chat, conversation, text))
    chat.trace.require(kept == pushed, expected=pushed, seen=kept)


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
async def test_a_reply(chat: Chat) -> None:
    """What answers a message says so to all who get it, as `replyToMessageId` (section 2)."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    entered = await chat.webhook.writes(conversation)
    await agent.gets(events.MESSAGE, id=entered.id)
    by_socket, by_post = chat.name("by socket"), chat.name("by POST")
    await chat.sends(agent, conversation, by_socket, replyToMessageId=entered.id)
    answer = await chat.posts(conversation, by_post, replyToMessageId=entered.id)
    chat.trace.require(answer.status == 201, expected="status 201", seen=answer)
    told = [await agent.gets(events.MESSAGE, content=text) for text in (by_socket, by_post)]
    kept = [
        each for text in (by_socket, by_post) for each in await listed(chat, conversation, text)
    ]
    chat.trace.require(len(kept) == 2, expected="both of them in the history", seen=kept)
    for message in (*told, answer.body, *kept):
        require_shape(chat.trace, message, MESSAGE, "the reply")
        require_values(chat.trace, message, "the reply", replyToMessageId=entered.id)


@shows("S-SND-1")
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_the_text_is_sent_as_it_was_written(chat: Chat, text: str) -> None:
    """No more and no less reaches the provider, in a group too, and without a client id."""
    group, text = chat.group(), f"{text}{chat.name('')}"
    await known(chat, group, participant=chat.conversation())
    agent = await chat.agent(subscribed_to=group)
    await chat.sends(agent, group, text, messageId=None)
    (send,) = await chat.provider.sent(text)
    chat.trace.require(send.remote_jid == group, expected=f"a send to {group}", seen=send)
    await agent.gets(events.MESSAGE, content=text)


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
        await chat.sends(agent, str(told.get("id")), text)
        (send,) = await chat.provider.sent(text)
        chat.trace.require(
            (send.instance, send.remote_jid) == (number.instance, customer),
            expected=f"a send to {customer} by {number.instance}",
            seen=send,
        )


@shows("S-SND-1")
async def test_a_post_names_its_number(chat: Chat) -> None:
    """Whom nobody has heard of is written to by the number that the POST names (section 4)."""
    for number in chat.numbers_here:
        if number.whatsapp_number_id is None:
            raise NotApplicable("INSTANCES gives the numbers no `whatsappNumberId`.")
        customer, text = chat.conversation(), chat.name("Bom dia")
        answer = await chat.posts(customer, text, whatsappNumberId=number.whatsapp_number_id)
        if 400 <= answer.status < 500:
            raise NotApplicable("The server writes to nobody who has not written.")
        chat.trace.require(answer.status == 201, expected="status 201", seen=answer)
        (send,) = await chat.provider.sent(text)
        chat.trace.require(
            send.instance == number.instance, expected=f"a send by {number.instance}", seen=send
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
    other = await chat.agent(transport, subscribed_to=conversation)
    await chat.provider.plan(conversation, Plan(failure=failure))
    client_id = await chat.sends(sender, conversation, text)
    error = await sender.gets(events.ERROR, type=events.SEND_MESSAGE)
    require_shape(chat.trace, error, ERROR, "an `error`")
    told = {"conversationId": conversation, "clientMessageId": client_id}
    named = {name: told[name] for name in told if error.get(name) is not None}
    require_values(chat.trace, error, "an `error`", **named)
    await ends_as_failed(chat, sender, conversation, text)
    for agent in (sender, other):
        await chat.fence(agent, conversation)
    chat.none(sender, events.MESSAGE_SENT, conversationId=conversation)
    chat.none(other, events.ERROR)


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
    """The provider's echo of what was sent changes nothing: neither who sent it, nor its ids."""
    conversation, text = await known(chat), chat.name("Oi")
    sender = await chat.agent(transport, subscribed_to=conversation)
    await chat.sends(sender, conversation, text)
    await sender.gets(events.MESSAGE, content=text)
    (send,) = await chat.provider.sent(text)
    before = await listed(chat, conversation, text)
    await echoes(chat, send)
    await chat.fence(sender, conversation)
    came_once(chat, sender, text)
    await once(chat, sender, conversation, text)
    after = await of_text(chat, conversation, text)
    chat.trace.require(what_stays(after) == what_stays(before), expected=before, seen=after)


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
    ids = {each.get("id") for each in sender.got(events.MESSAGE, content=text)}
    chat.trace.require(len(ids) == 1, expected="one message", seen=ids)
    settled = {"content": text, "status": "delivered"}
    await chat.history_when(
        conversation, lambda found: any(settled.items() <= each.items() for each in found)
    )
    found = await of_text(chat, conversation, text)
    chat.trace.require(
        [each.get("status") for each in found] == ["delivered"],
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


def came_once(chat: Chat, agent: Agent, text: str) -> None:
    """Check that an agent got one copy."""
    copies = agent.got(events.MESSAGE, content=text)
    chat.trace.require(len(copies) == 1, expected="one `message`", seen=copies)


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
        await until(look, chat.patience)
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
