"""S-TYP: who sees that somebody types."""

import pytest
import pytest_asyncio

from chatengine import events
from conformance.checks import shows
from conformance.probes.agent import Agent
from conformance.probes.wire import TransportName
from conformance.server.chat import Chat
from conformance.server.shapes import TYPING, require_shape


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def typing(chat: Chat) -> None:
    """Nothing here is asked of a server that does not claim typing."""
    await chat.needs("typing")


@shows("S-TYP-1")
@pytest.mark.parametrize("is_typing", [True, False])
async def test_typing_reaches_the_others(
    chat: Chat, transport: TransportName, is_typing: bool
) -> None:
    """Typing reaches the other subscribers, with the name of who types, and not its sender."""
    conversation = chat.conversation()
    typist = await chat.agent(transport, subscribed_to=conversation)
    others = [await chat.agent(transport, subscribed_to=conversation) for _ in range(2)]
    told = {"conversationId": conversation, "isTyping": is_typing, "userId": "somebody-else"}
    await typist.emit(events.TYPING, told)  # who types is whoever the token names
    for other in others:
        told = await other.gets(
            events.TYPING,
            conversationId=conversation,
            userId=typist.user_id,
            isTyping=is_typing,
        )
        require_shape(chat.trace, told, TYPING, "a `typing`")
    await types(others[0], conversation, is_typing)  # the fence, over the same path
    await typist.gets(events.TYPING, conversationId=conversation, userId=others[0].user_id)
    chat.none(typist, events.TYPING, userId=typist.user_id)


@shows("S-TYP-2")
async def test_typing_stays_in_its_conversation(chat: Chat, transport: TransportName) -> None:
    """Typing does not reach those who are subscribed to other conversations, or to none."""
    conversation, another = chat.conversation(), chat.conversation()
    typist = await chat.agent(transport, subscribed_to=(conversation, another))
    witness = await chat.agent(transport, subscribed_to=conversation)
    elsewhere = await chat.agent(transport, subscribed_to=another)
    nowhere = await chat.agent(transport)
    await types(typist, conversation)
    await witness.gets(events.TYPING, conversationId=conversation)
    await types(typist, another)
    await elsewhere.gets(events.TYPING, conversationId=another)
    await chat.webhook.writes(another)
    await nowhere.gets(events.CONVERSATION, id=another)
    for agent in (elsewhere, nowhere):
        chat.none(agent, events.TYPING, conversationId=conversation)
    chat.none(nowhere, events.TYPING, conversationId=another)


@shows("S-TYP-2")
async def test_typing_ends_with_the_subscription(chat: Chat) -> None:
    """Who left a conversation does not see who types in it."""
    conversation, another = chat.conversation(), chat.conversation()
    typist = await chat.agent(subscribed_to=(conversation, another))
    agent = await chat.agent(subscribed_to=(conversation, another))
    witness = await chat.agent(subscribed_to=conversation)
    await agent.unsubscribe(conversation)
    await types(typist, conversation)
    await witness.gets(events.TYPING, conversationId=conversation)
    await types(typist, another)
    await agent.gets(events.TYPING, conversationId=another)
    chat.none(agent, events.TYPING, conversationId=conversation)


async def types(agent: Agent, conversation: str, is_typing: bool = True) -> None:
    """Let an agent begin, or end, to type."""
    await agent.emit(events.TYPING, {"conversationId": conversation, "isTyping": is_typing})
