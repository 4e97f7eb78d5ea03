"""S-SUB: who gets the messages of a conversation."""

from conformance.checks import shows
from conformance.probes.wire import TransportName
from conformance.server.chat import Chat


@shows("S-SUB-1")
async def test_messages_reach_those_subscribed(chat: Chat, transport: TransportName) -> None:
    """Messages reach those subscribed: each of them, also to a conversation nobody knew before."""
    conversation = chat.conversation()
    agents = [await chat.agent(transport, subscribed_to=conversation) for _ in range(2)]
    entered = await chat.webhook.writes(conversation)
    for agent in agents:
        message = await chat.one(agent, entered)
        chat.trace.require(
            message["conversationId"] == conversation and message["content"] == entered.text,
            expected=f"{entered.text!r} in {conversation}",
            seen=message,
        )
