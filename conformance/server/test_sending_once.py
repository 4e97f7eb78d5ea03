"""S-SND-5: the same client id of the same agent in the same conversation is the same send."""

import asyncio
from typing import Final

from chatengine import events
from conformance.checks import shows
from conformance.probes.wire import TransportName
from conformance.server.chat import Chat
from conformance.server.sends import SLOW, behind, known, once
from fakes.evolution.plans import Failure, Plan

FAILS_ONCE: Final = Plan(failure=Failure(kind="status", status=500))


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
    bodies = [each.body for each in answers if each.status < 300]
    ids = {str(each.get("id")) if isinstance(each, dict) else None for each in bodies}
    one = len(ids) == 1 and ids.isdisjoint({None, "None"})
    chat.trace.require(one, expected="one message in every answer", seen=answers)
    await chat.fence(agent, conversation)
    await once(chat, agent, conversation, text)


@shows("S-SND-5")
async def test_other_sends_are_other_sends(chat: Chat) -> None:
    """The same client id of another agent, in another conversation or another workspace, is
    another send; without one each is.
    """
    conversation, another, text = await known(chat), await known(chat), chat.name("Oi")
    client_id = chat.name("c")
    one, two = await chat.agent(), await chat.agent()
    await chat.sends(one, conversation, text, client_id=client_id)
    await chat.sends(two, conversation, text, client_id=client_id)
    await chat.sends(one, another, text, client_id=client_id)
    await chat.provider.sent(text, 3)
    await known(chat, conversation, number=chat.elsewhere)
    namesake = await chat.agent(number=chat.elsewhere, user=one.user_id)
    await chat.sends(namesake, conversation, text, client_id=client_id)
    await chat.provider.sent(text, 4)
    nameless = chat.name("nameless")
    for _ in range(2):
        await chat.posts(conversation, nameless, user=one.user_id)
    await chat.provider.sent(nameless, 2)


@shows("S-SND-5")
async def test_sent_again_after_a_reconnect(chat: Chat, transport: TransportName) -> None:
    """Who does not know whether it was sent, and sends it again on a new socket, sends it once."""
    conversation, text, client_id = await known(chat), chat.name("Oi"), chat.name("c")
    before = await chat.agent(transport, subscribed_to=conversation)
    await chat.sends(before, conversation, text, client_id=client_id)
    await chat.provider.sent(text)
    await before.leave()
    again = await chat.agent(transport, subscribed_to=conversation, user=before.user_id)
    await chat.sends(again, conversation, text, client_id=client_id)
    await behind(chat, again, conversation)
    sends = await chat.provider.sends(text)
    chat.trace.require(len(sends) == 1, expected="one send", seen=sends)


@shows("S-SND-5")
async def test_a_failed_send_may_be_repeated(chat: Chat) -> None:
    """The same client id is the same send, unless that one failed: then it is sent."""
    conversation, text, client_id = await known(chat), chat.name("Oi"), chat.name("c")
    sender = await chat.agent(subscribed_to=conversation)
    await chat.provider.plan(conversation, FAILS_ONCE, sends=1)
    await chat.sends(sender, conversation, text, client_id=client_id)
    await sender.gets(events.ERROR, type=events.SEND_MESSAGE)
    await chat.sends(sender, conversation, text, client_id=client_id)
    await sender.gets(events.MESSAGE, content=text, status="sent")
    sends = await chat.provider.sends(text)
    outcomes = [send.outcome for send in sends]
    chat.trace.require(outcomes == ["status 500", "answered"], expected="two tries", seen=sends)


@shows("S-SND-5")
async def test_a_failed_post_may_be_repeated(chat: Chat) -> None:
    """Over HTTP as well."""
    conversation, text, client_id = await known(chat), chat.name("Oi"), chat.name("c")
    await chat.provider.plan(conversation, FAILS_ONCE, sends=1)
    answers = [await chat.posts(conversation, text, clientMessageId=client_id) for _ in range(2)]
    chat.trace.require(
        [each.status for each in answers] == [502, 201], expected="502, then 201", seen=answers
    )
