"""S-ISO: nothing crosses from one workspace to another."""

import json
from typing import Any, Final

from chatengine import events
from conformance.checks import shows
from conformance.probes.agent import Agent, Event
from conformance.probes.wire import TransportName
from conformance.server.chat import Chat, holds
from fakes.evolution.bodies import Content

TOLD: Final = (
    events.MESSAGE,
    events.MESSAGE_STATUS,
    events.CONVERSATION,
    events.TYPING,
    events.MESSAGE_SENT,
    events.MARKED_AS_READ,
    events.CONNECTION_UPDATE,
)
"""What a server tells of a conversation, or of a number (section 2)."""


def guesses(workspace: str, conversation: str) -> list[str]:
    """What a stranger may subscribe to: the ids, and what servers call their rooms."""
    joins = [":", "-", "/", "_", " ", "."]
    named = [f"{workspace}{join}{conversation}" for join in joins]
    prefixed = [
        f"{prefix}{join}{each}"
        for prefix in ("workspace", "conversation", "ws", "room")
        for join in joins
        for each in (workspace, conversation, f"{workspace}{join}{conversation}")
    ]
    return [conversation, workspace, *named, *prefixed, "*", "", "/"]


@shows("S-ISO-1")
async def test_no_event_reaches_another_workspace(chat: Chat, transport: TransportName) -> None:
    """A socket of another workspace hears nothing of this one, whatever it subscribes to."""
    conversation, its_own = chat.conversation(), chat.conversation()
    insider = await chat.agent(transport, subscribed_to=conversation)
    typist = await chat.agent(transport, subscribed_to=conversation)
    stranger = await chat.agent(transport, number=chat.elsewhere, subscribed_to=its_own)
    for guess in guesses(chat.here.workspace_id, conversation):
        await stranger.emit(events.SUBSCRIBE, guess)
    entered = await chat.webhook.writes(conversation, chat.name("a secret"))
    await chat.webhook.acknowledges(entered, "READ")
    await typist.emit(events.TYPING, {"conversationId": conversation, "isTyping": True})
    await insider.emit(events.MARK_AS_READ, {"type": events.MARK_AS_READ} | at(conversation))
    await chat.fence(insider, conversation)
    await chat.fence(stranger, its_own)
    hears_nothing_of(chat, stranger, conversation, entered.key_id, entered.text)


@shows("S-ISO-1")
async def test_no_send_reaches_another_workspace(chat: Chat, transport: TransportName) -> None:
    """What an agent sends, and what becomes of it, stays in the workspace."""
    conversation, its_own = chat.conversation(), chat.conversation()
    sender = await chat.agent(transport, subscribed_to=conversation)
    stranger = await chat.agent(transport, number=chat.elsewhere, subscribed_to=its_own)
    await stranger.subscribe(conversation)
    await chat.webhook.writes(conversation)
    text = chat.name("a secret")
    await chat.sends(sender, conversation, text)
    await sender.gets(events.MESSAGE, content=text)
    await chat.fence(sender, conversation)
    await chat.fence(stranger, its_own)
    hears_nothing_of(chat, stranger, conversation, text)


@shows("S-ISO-1")
async def test_a_stranger_cannot_reach_in(chat: Chat, transport: TransportName) -> None:
    """What a socket of another workspace types, marks or subscribes to shows to nobody here."""
    conversation, its_own = chat.conversation(), chat.conversation()
    insider = await chat.agent(transport, subscribed_to=conversation)
    await chat.fence(insider, conversation)
    stranger = await chat.agent(
        transport, number=chat.elsewhere, subscribed_to=(conversation, its_own)
    )
    await stranger.emit(events.TYPING, {"conversationId": conversation, "isTyping": True})
    await stranger.emit(events.MARK_AS_READ, {"type": events.MARK_AS_READ} | at(conversation))
    await stranger.call(events.SUBSCRIBE, its_own)  # behind which the others have been taken
    await chat.fence(insider, conversation)
    for event in (events.TYPING, events.MARKED_AS_READ):
        chat.none(insider, event, conversationId=conversation)


@shows("S-ISO-1")
async def test_the_same_ids_in_two_workspaces(chat: Chat) -> None:
    """A customer and a message id that two workspaces share are two conversations, two messages."""
    conversation = chat.conversation()
    here = await chat.agent(subscribed_to=conversation)
    there = await chat.agent(number=chat.elsewhere, subscribed_to=conversation)
    first = await chat.webhook.writes(conversation, "to this workspace")
    await here.gets(events.MESSAGE, id=first.id, content=first.text)
    second = await chat.webhook.writes(
        conversation, "to the other", number=chat.elsewhere, key_id=first.key_id
    )
    await there.gets(events.MESSAGE, id=first.id, content=second.text)
    await chat.webhook.acknowledges(second, "READ")
    await chat.fence(there, conversation)
    await chat.fence(here, conversation)
    chat.none(here, events.MESSAGE, id=first.id, content=second.text)
    names = first.names
    chat.none(here, events.MESSAGE_STATUS, lambda it: it.get("messageId") in names, status="read")


@shows("S-ISO-1")
async def test_an_early_status_of_another_workspace(chat: Chat) -> None:
    """A status that is kept for a message of one workspace is none of another's with its id."""
    conversation = chat.conversation()
    here = await chat.agent(subscribed_to=conversation)
    theirs = chat.webhook.entry(conversation, Content(text="theirs"), number=chat.elsewhere)
    await chat.webhook.acknowledges(theirs, "READ")
    ours = await chat.webhook.writes(conversation, key_id=theirs.key_id)
    await here.gets(events.MESSAGE, id=ours.id)
    await chat.fence(here, conversation)
    told = [*here.got(events.MESSAGE, id=ours.id), *here.got(events.MESSAGE_STATUS)]
    chat.trace.require(
        all(each.get("status") == "delivered" for each in told), expected="delivered", seen=told
    )


@shows("S-ISO-2")
async def test_no_http_answer_tells_of_another_workspace(chat: Chat) -> None:
    """Neither the list, nor the messages, nor the context of another workspace is answered."""
    conversation, secret = chat.conversation(), chat.name("secret")
    entered = await chat.webhook.writes(conversation, secret)
    context = f"/api/chat/messages/{entered.id}/context"
    calls: list[tuple[str, dict[str, str]]] = [
        ("/api/chat/conversations", {}),
        ("/api/chat/messages", {"conversationId": conversation}),
        (
            "/api/chat/messages",
            {"conversationId": conversation, "since": "2020-01-01T00:00:00.000Z"},
        ),
        (context, {}),
    ]
    await chat.history_when(conversation, holds([entered.id]))
    for path, params in calls:
        told = await chat.http.ask("GET", path, 200, token=chat.token(), params=params)
        shown = secret if path != "/api/chat/conversations" else conversation
        chat.trace.require(
            shown in json.dumps(told), expected=f"{shown} in the answer to its workspace", seen=told
        )
        token = chat.token(number=chat.elsewhere)
        answer = await chat.http.call("GET", path, token=token, params=params)
        chat.trace.require(
            secret not in answer.text and entered.id not in answer.text,
            expected=f"nothing of {conversation} in the answer to another workspace",
            seen=answer,
        )


@shows("S-ISO-2")
async def test_a_workspace_named_in_the_call_opens_nothing(chat: Chat) -> None:
    """It is the token that says whose messages are answered, whatever the call asks for."""
    conversation, secret = chat.conversation(), chat.name("secret")
    entered = await chat.webhook.writes(conversation, secret)
    await chat.history_when(conversation, holds([entered.id]))
    token = chat.token(number=chat.elsewhere)
    for name in ("workspaceId", "workspace_id", "workspace"):
        params = {"conversationId": conversation, name: chat.here.workspace_id}
        for path in ("/api/chat/conversations", "/api/chat/messages"):
            answer = await chat.http.call("GET", path, token=token, params=params)
            chat.trace.require(
                secret not in answer.text and entered.id not in answer.text,
                expected="nothing of another workspace",
                seen=answer,
            )


def at(conversation: str) -> dict[str, Any]:
    """What a command says of where and when."""
    return {"conversationId": conversation, "timestamp": "2026-01-01T00:00:00.000Z"}


def hears_nothing_of(chat: Chat, stranger: Agent, conversation: str, *secrets: str) -> None:
    """Check that nothing that an agent received tells of a conversation of another workspace.

    What it received of itself is its own affair: an `error` about what it subscribed to, an event
    that the contract does not know, or one of its own workspace. They may name the conversation,
    for the agent named it first, but nothing that was secret.
    """

    def tells(event: Event) -> bool:
        text = json.dumps(event.payload)
        if any(json.dumps(secret)[1:-1] in text for secret in secrets):
            return True
        its_own = isinstance(event.payload, dict) and (
            event.payload.get("workspaceId") == stranger.workspace_id
        )
        return event.name in TOLD and not its_own and conversation in text

    heard = [event for event in stranger.received if tells(event)]
    chat.trace.require(
        not heard, expected=f"nothing of {conversation} at {stranger.name}", seen=heard
    )
