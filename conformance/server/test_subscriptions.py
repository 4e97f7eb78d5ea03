"""S-SUB: who gets the messages of a conversation."""

from typing import Final

from chatengine import events
from conformance.checks import shows
from conformance.deadlines import until
from conformance.probes.wire import TransportName
from conformance.server.chat import Chat
from fakes.evolution.bodies import Content

MANY: Final = 25
"""Conversations that an agent has open on a busy day."""


@shows("S-SUB-1")
async def test_messages_reach_those_subscribed(chat: Chat, transport: TransportName) -> None:
    """Messages reach each of those subscribed, also of a conversation that nobody knew before."""
    conversation = chat.conversation()
    agents = [await chat.agent(transport) for _ in range(2)]
    for agent in agents:
        await agent.subscribe(conversation)
    entered = await chat.webhook.writes(conversation)
    for agent in agents:
        await agent.gets(events.MESSAGE, id=entered.id, conversationId=conversation)


@shows("S-SUB-1")
async def test_several_conversations(chat: Chat, transport: TransportName) -> None:
    """A socket that is subscribed to several conversations gets the messages of each."""
    conversations = [chat.conversation() for _ in range(MANY)]
    agent = await chat.agent(transport)
    for conversation in conversations:
        await agent.subscribe(conversation)
    for conversation in conversations:
        entered = await chat.webhook.writes(conversation)
        await agent.gets(events.MESSAGE, id=entered.id, conversationId=conversation)


@shows("S-SUB-1")
async def test_subscribing_without_an_acknowledgement(chat: Chat, transport: TransportName) -> None:
    """A subscription counts although its acknowledgement was not asked for."""
    conversation = chat.conversation()
    agent = await chat.agent(transport)
    await agent.emit(events.SUBSCRIBE, conversation)

    async def arrives() -> bool:  # nothing tells when the server has taken it, so: again and again
        await chat.webhook.writes(conversation)
        return bool(agent.got(events.MESSAGE, conversationId=conversation))

    try:
        await until(arrives, chat.patience, pause_s=0.05)
    except TimeoutError:
        raise chat.trace.broken(expected="its messages", seen="none of them") from None


@shows("S-SUB-1")
async def test_conversations_of_any_kind(chat: Chat) -> None:
    """Ids are opaque: a group's, and one without a phone number, are subscribed to like others."""
    group, linked = chat.group(), chat.conversation().replace("s.whatsapp.net", "lid")
    agent = await chat.agent()
    for conversation in (group, linked):
        await agent.subscribe(conversation)
        entered = await chat.webhook.writes(conversation)
        await agent.gets(events.MESSAGE, id=entered.id, conversationId=conversation)


@shows("S-SUB-2")
async def test_not_those_who_are_not(chat: Chat, transport: TransportName) -> None:
    """Neither messages nor statuses reach who is subscribed to another conversation, or to none:
    whoever wrote them, and whatever they hold.
    """
    await chat.needs("message_scope")
    conversation, another = chat.conversation(), chat.conversation()
    witness = await chat.agent(transport, subscribed_to=conversation)
    elsewhere = await chat.agent(transport, subscribed_to=another)
    nowhere = await chat.agent(transport)
    entered = await chat.webhook.writes(conversation)
    ours = await chat.webhook.writes(conversation, from_me=True)
    photo = chat.webhook.entry(conversation, Content(kind="image", url="https://x.example/p"))
    await chat.webhook.accepted(photo.body)
    for each in (entered, ours, photo):
        await witness.gets(events.MESSAGE, id=each.id)
    if chat.sees_sends:
        text = chat.name("sent")
        await chat.sends(witness, conversation, text)
        await witness.gets(events.MESSAGE, content=text)
    await chat.webhook.acknowledges(entered, "READ")
    await chat.fence(elsewhere, another)
    await nowhere.gets(events.CONVERSATION, id=another)  # told behind what it must not hear
    for agent in (elsewhere, nowhere):
        chat.none(agent, events.MESSAGE, conversationId=conversation)
        chat.none(agent, events.MESSAGE_STATUS, lambda it: it.get("messageId") in entered.names)


@shows("S-SUB-2")
async def test_ids_that_look_alike(chat: Chat) -> None:
    """Ids are opaque: whoever is subscribed to one that looks like it is subscribed to another."""
    await chat.needs("message_scope")
    conversation, its_own = chat.conversation(), chat.conversation()
    number = conversation.partition("@")[0]
    alike = (f"{number}@lid", f"{number}@g.us", conversation[1:], f"{conversation}x")
    elsewhere = await chat.agent(subscribed_to=(its_own, *alike))
    witness = await chat.agent(subscribed_to=conversation)
    entered = await chat.webhook.writes(conversation)
    await witness.gets(events.MESSAGE, id=entered.id)
    await chat.fence(elsewhere, its_own)
    chat.none(elsewhere, events.MESSAGE, id=entered.id)


@shows("S-SUB-3")
async def test_unsubscribing_ends_it(chat: Chat, transport: TransportName) -> None:
    """After an acknowledged unsubscribe nothing of the conversation comes; of others it does."""
    await chat.needs("message_scope")
    conversation, another = chat.conversation(), chat.conversation()
    agent = await chat.agent(transport, subscribed_to=(conversation, another))
    witness = await chat.agent(transport, subscribed_to=conversation)
    before = await chat.webhook.writes(conversation)
    await agent.gets(events.MESSAGE, id=before.id)
    await agent.unsubscribe(conversation)
    after = await chat.webhook.writes(conversation)
    await witness.gets(events.MESSAGE, id=after.id)
    await chat.webhook.acknowledges(before, "READ")
    await chat.fence(agent, another)
    chat.none(agent, events.MESSAGE, id=after.id)
    names = before.names
    chat.none(agent, events.MESSAGE_STATUS, lambda it: it.get("messageId") in names, status="read")


@shows("S-SUB-3")
async def test_unsubscribing_ends_nobody_elses(chat: Chat) -> None:
    """Neither another socket's subscription nor another conversation's ends with it, though it be
    the same user's.
    """
    conversation, another, user = chat.conversation(), chat.conversation(), chat.name("agent")
    agent = await chat.agent(subscribed_to=(conversation, another), user=user)
    second_tab = await chat.agent(subscribed_to=conversation, user=user)
    await agent.unsubscribe(conversation)
    for each, place in ((second_tab, conversation), (agent, another)):
        entered = await chat.webhook.writes(place)
        await each.gets(events.MESSAGE, id=entered.id)


@shows("S-SUB-3")
async def test_subscribing_again_after_an_unsubscribe(chat: Chat) -> None:
    """Who unsubscribed may subscribe again, as often as they like."""
    conversation = chat.conversation()
    agent = await chat.agent()
    for _ in range(3):
        await agent.subscribe(conversation)
        await agent.unsubscribe(conversation)
    await agent.subscribe(conversation)
    await chat.one(agent, await chat.webhook.writes(conversation))


@shows("S-SUB-4")
async def test_a_subscription_is_idempotent(chat: Chat, transport: TransportName) -> None:
    """Subscribed three times, a socket gets one copy."""
    conversation = chat.conversation()
    agent = await chat.agent(transport, subscribed_to=conversation)
    for _ in range(2):
        await agent.subscribe(conversation)
    await chat.one(agent, await chat.webhook.writes(conversation))


@shows("S-SUB-4")
async def test_one_unsubscribe_ends_three_subscriptions(chat: Chat) -> None:
    """Subscribed three times is subscribed once: one unsubscribe ends it."""
    await chat.needs("message_scope")
    conversation, another = chat.conversation(), chat.conversation()
    agent = await chat.agent(subscribed_to=[another, *[conversation] * 3])
    witness = await chat.agent(subscribed_to=conversation)
    await agent.unsubscribe(conversation)
    entered = await chat.webhook.writes(conversation)
    await witness.gets(events.MESSAGE, id=entered.id)
    await chat.fence(agent, another)
    chat.none(agent, events.MESSAGE, id=entered.id)
