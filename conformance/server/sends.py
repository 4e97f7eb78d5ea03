"""What checks of sending ask: that a text was sent once, and what became of it."""

from typing import Any, Final

from chatengine import events
from conformance.probes.agent import Agent
from conformance.server.chat import Chat, holds
from conformance.server.shapes import (
    MESSAGE,
    require_shape,
    require_values,
)
from fakes.evolution.plans import Plan
from fakes.evolution.provider import Send

SLOW: Final = Plan(answer_after_s=0.5)
"""Time enough for a webhook to overtake the answer; if it does not, the check still holds."""


async def known(chat: Chat, conversation: str | None = None, **how: Any) -> str:
    """Where somebody has written, so that it is clear by which number to answer; `how` as of
    `Webhook.entry`. The server knows: it may handle the webhook after its answer.
    """
    conversation = conversation or chat.conversation()
    entered = await chat.webhook.writes(conversation, **how)
    await chat.history_when(conversation, holds([entered.id]), number=how.get("number"))
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
        "messages in the history": len(await listed(chat, conversation, text)),
    }
    chat.trace.require(set(counted.values()) == {1}, expected="one of each", seen=counted)


async def behind(chat: Chat, sender: Agent, conversation: str) -> None:
    """Wait until what was sent before has been handled: a send behind it has arrived."""
    text = chat.name("fence")
    await chat.sends(sender, conversation, text)
    await sender.gets(events.MESSAGE, content=text)


async def listed(chat: Chat, conversation: str, text: str) -> list[dict[str, Any]]:
    """The messages of that text in the history, as soon as there is one, or in the end."""
    await chat.history_when(
        conversation, lambda found: any(each.get("content") == text for each in found)
    )
    return await of_text(chat, conversation, text)


def what_stays(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of messages what the contract names, but for the moment at which they were touched."""
    names = ("id", "senderId", "content", "type", "status", "createdAt", "replyToMessageId")
    return [
        {name: each.get(name) for name in names}
        | {name: _metadata(each).get(name) for name in ("providerMessageId", "clientMessageId")}
        for each in found
    ]


def _metadata(message: dict[str, Any]) -> dict[str, Any]:
    told = message.get("metadata")
    return told if isinstance(told, dict) else {}


async def of_text(chat: Chat, conversation: str, text: str) -> list[dict[str, Any]]:
    """The messages of that text in the history."""
    return [each for each in await chat.history(conversation) if each.get("content") == text]


def bare(jid: Any) -> str:
    """The number of a JID."""
    return str(jid).partition("@")[0]
