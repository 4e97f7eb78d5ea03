"""S-MSG: what the provider's webhook tells becomes messages and conversations (section 5)."""

import asyncio
import time
from typing import Any, Final

import pytest

from chatengine import events
from chatengine.moments import MomentError, to_ms
from conformance.checks import shows
from conformance.probes.agent import Agent
from conformance.probes.webhook import Entered
from conformance.probes.wire import TransportName
from conformance.server.chat import Chat
from conformance.server.shapes import CONVERSATION, MESSAGE, require_shape, require_values
from fakes.evolution.bodies import Content, Kind

TEXT: Final = 'Olá 👋🏽, "preço" <b>&amp;</b>?\n\tR$ 1.234,56 \\ مرحبا'
"""What a text may hold: it arrives as it was written."""

WRAPPERS: Final = (
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "documentWithCaptionMessage",
)
NO_MESSAGE: Final[dict[str, dict[str, Any]]] = {
    "a sticker": {"stickerMessage": {"url": "https://mmg.example.com/s.enc"}},
    "a location": {"locationMessage": {"degreesLatitude": -23.5, "degreesLongitude": -46.6}},
    "a reaction": {"reactionMessage": {"text": "👍", "key": {"id": "3EB0"}}},
    "an empty text": {"conversation": ""},
    "an empty extended text": {"extendedTextMessage": {"text": ""}},
    "nothing": {},
}
TYPES: Final[dict[Kind, str]] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "document": "file",
}
MANY: Final = 30
"""Messages in a row: enough for an order that comes by chance to show."""


@shows("S-MSG-1")
async def test_a_text_becomes_a_message(chat: Chat, transport: TransportName) -> None:
    """A webhook becomes one `message` of the right shape, as the customer wrote it."""
    conversation = chat.conversation()
    agent = await chat.agent(transport, subscribed_to=conversation)
    for text in ("  as it was\n\twritten  ", "lorem ipsum " * 340):
        entered = await chat.webhook.writes(conversation, text)
        await agent.gets(events.MESSAGE, id=entered.id, content=text)
    entered = await chat.webhook.writes(conversation, TEXT)
    message = await chat.one(agent, entered)
    require_shape(chat.trace, message, MESSAGE, "a `message`")
    require_values(
        chat.trace,
        message,
        "a `message`",
        workspaceId=chat.here.workspace_id,
        conversationId=conversation,
        type="text",
        content=TEXT,
        status="delivered",
    )
    is_from(chat, message, conversation)


@shows("S-MSG-1")
async def test_the_moment_is_the_customers(chat: Chat) -> None:
    """`createdAt` is the moment that WhatsApp names, in its second, not the moment of arrival."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    for ago_s in (0, 90, 3 * 24 * 3600):
        second = int(time.time()) - ago_s
        entered = await chat.webhook.writes(conversation, second=second)
        message = await agent.gets(events.MESSAGE, id=entered.id)
        chat.trace.require(
            ms_of(message) // 1000 == second,
            expected=f"createdAt in the second {second}",
            seen=message.get("createdAt"),
        )


@shows("S-MSG-1")
async def test_an_extended_text(chat: Chat) -> None:
    """A text with a preview or a quotation is a text like others."""
    message = await becomes(chat, {"extendedTextMessage": {"text": TEXT}})
    require_values(chat.trace, message, "a `message`", type="text", content=TEXT)


@shows("S-MSG-1")
@pytest.mark.parametrize("wrapper", WRAPPERS)
async def test_what_is_wrapped_counts(chat: Chat, wrapper: str) -> None:
    """What is inside a wrapper of WhatsApp's is the message."""
    message = await becomes(chat, {wrapper: {"message": {"conversation": TEXT}}})
    require_values(chat.trace, message, "a `message`", type="text", content=TEXT)


@shows("S-MSG-1")
async def test_what_is_wrapped_twice_counts(chat: Chat) -> None:
    """WhatsApp wraps what is shown once in what vanishes."""
    inner = {"viewOnceMessageV2": {"message": {"conversation": TEXT}}}
    message = await becomes(chat, {"ephemeralMessage": {"message": inner}})
    require_values(chat.trace, message, "a `message`", type="text", content=TEXT)


@shows("S-MSG-1")
async def test_a_group(chat: Chat) -> None:
    """In a group the participant is the sender, and the group is the conversation."""
    group, person = chat.group(), chat.conversation()
    agent = await chat.agent(subscribed_to=group)
    entered = await chat.webhook.writes(group, participant=person)
    message = await agent.gets(events.MESSAGE, id=entered.id, conversationId=group)
    is_from(chat, message, person)


@shows("S-MSG-1")
async def test_written_on_the_phone(chat: Chat) -> None:
    """What was written on the phone itself is ours, and starts as `sent`."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    entered = await chat.webhook.writes(conversation, from_me=True)
    message = await agent.gets(events.MESSAGE, id=entered.id)
    require_values(chat.trace, message, "our `message`", status="sent", content=entered.text)
    chat.trace.require(
        bare(message.get("senderId")) != bare(conversation),
        expected="a sender that is not the customer",
        seen=message.get("senderId"),
    )


@shows("S-MSG-1")
@pytest.mark.parametrize("message", NO_MESSAGE.values(), ids=NO_MESSAGE)
async def test_other_kinds_make_no_message(chat: Chat, message: dict[str, Any]) -> None:
    """Any other kind, and an empty text, are answered 200 and make no message."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    entered = chat.webhook.entry(conversation, Content(), message=message)
    await chat.webhook.accepted(entered.body)
    await chat.fence(agent, conversation)
    chat.none(agent, events.MESSAGE, id=entered.id)
    ids = [each.get("id") for each in await chat.history(conversation)]
    chat.trace.require(entered.id not in ids, expected="no such message in history", seen=ids)


@shows("S-MSG-1")
async def test_every_number_of_the_workspace(chat: Chat) -> None:
    """Each instance that is configured has its messages in its workspace."""
    for number in chat.numbers:
        conversation = chat.conversation()
        agent = await chat.agent(number=number, subscribed_to=conversation)
        entered = await chat.webhook.writes(conversation, number=number)
        await agent.gets(events.MESSAGE, id=entered.id, workspaceId=number.workspace_id)


@shows("S-MSG-2")
async def test_the_workspace_hears_of_the_conversation(
    chat: Chat, transport: TransportName
) -> None:
    """A webhook becomes a `conversation` event to every socket of the workspace."""
    conversation = chat.conversation()
    subscribed = await chat.agent(transport, subscribed_to=conversation)
    nowhere = await chat.agent(transport)
    entered = await chat.webhook.writes(conversation)
    for agent in (subscribed, nowhere):
        told = await tells(agent, entered)
        require_shape(chat.trace, told, CONVERSATION, "a `conversation`")
        require_values(chat.trace, told, "a `conversation`", workspaceId=chat.here.workspace_id)
        shows_last(chat, told, entered, entered.text)


@shows("S-MSG-2")
async def test_the_conversation_follows_its_messages(chat: Chat) -> None:
    """Each further message is told to the workspace, and is then the last one."""
    conversation = chat.conversation()
    agent = await chat.agent()
    second = int(time.time())
    for later_s in range(3):
        entered = await chat.webhook.writes(conversation, second=second - 10 + later_s)
        told = await tells(agent, entered)
        shows_last(chat, told, entered, entered.text)


@shows("S-MSG-2")
async def test_it_hears_of_every_kind(chat: Chat) -> None:
    """Of a group, and of what was written on the phone itself, the workspace hears as well."""
    agent = await chat.agent()
    for entered in (
        await chat.webhook.writes(chat.group(), participant=chat.conversation()),
        await chat.webhook.writes(chat.conversation(), from_me=True),
    ):
        shows_last(chat, await tells(agent, entered), entered, entered.text)


@shows("S-MSG-3")
async def test_in_the_order_in_which_they_entered(chat: Chat, transport: TransportName) -> None:
    """Of each conversation, messages of one second come in the order of their entry."""
    conversations = [chat.conversation() for _ in range(3)]
    agent = await chat.agent(transport, subscribed_to=conversations)
    second, entered = int(time.time()), []
    for _ in range(MANY):
        conversation = chat.rng.choice(conversations)
        entered.append(await chat.webhook.writes(conversation, second=second))
    for conversation in conversations:
        wanted = [each.id for each in entered if each.conversation == conversation]
        if wanted:
            await agent.gets(events.MESSAGE, id=wanted[-1])
        got = agent.got(events.MESSAGE, conversationId=conversation)
        ids = [each.get("id") for each in got]
        chat.trace.require(ids == wanted, expected=wanted, seen=ids)
        moments = [ms_of(each) for each in got]
        chat.trace.require(
            moments == sorted(set(moments)),
            expected="the order of entry in the milliseconds of createdAt",
            seen=[each.get("createdAt") for each in got],
        )


@shows("S-MSG-4")
async def test_a_repeated_webhook_changes_nothing(chat: Chat, transport: TransportName) -> None:
    """A webhook that is delivered again is answered 200, and there is one message."""
    conversation = chat.conversation()
    agent = await chat.agent(transport, subscribed_to=conversation)
    entered = await chat.webhook.writes(conversation)
    await chat.webhook.accepted(entered.body)
    await chat.one(agent, entered)
    ids = [each.get("id") for each in await chat.history(conversation)]
    chat.trace.require(ids.count(entered.id) == 1, expected=f"{entered.id} once", seen=ids)


@shows("S-MSG-4")
async def test_webhooks_that_come_at_once(chat: Chat) -> None:
    """The same webhook several times at once is one message, too."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    entered = chat.webhook.entry(conversation, Content(text="at once"))
    await asyncio.gather(*(chat.webhook.accepted(entered.body) for _ in range(8)))
    await chat.one(agent, entered)
    ids = [each.get("id") for each in await chat.history(conversation)]
    chat.trace.require(ids.count(entered.id) == 1, expected=f"{entered.id} once", seen=ids)


@shows("S-MSG-4")
async def test_a_late_repetition_changes_nothing(chat: Chat) -> None:
    """Neither the status of the message nor the order of history is touched by a repetition."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    first = await chat.webhook.writes(conversation)
    second = await chat.webhook.writes(conversation)
    await chat.webhook.acknowledges(first, "READ")
    before = await chat.history_when(
        conversation, lambda found: [each.get("status") for each in found] == ["read", "delivered"]
    )
    for _ in range(MANY):  # more than a short memory holds
        await chat.webhook.writes(chat.conversation())
    await chat.webhook.accepted(first.body)
    await chat.one(agent, first)
    after = [
        each for each in await chat.history(conversation) if each.get("id") in (first.id, second.id)
    ]
    names = ("id", "status", "content", "createdAt")
    known, now = ([[each.get(name) for name in names] for each in it] for it in (before, after))
    chat.trace.require(now == known, expected=known, seen=now)


@shows("S-MSG-5")
@pytest.mark.parametrize("kind", TYPES)
async def test_media(chat: Chat, kind: Kind) -> None:
    """Each media kind is mapped: its type, its caption as content, its file as attachment."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    caption = "" if kind == "audio" else TEXT
    entered = chat.webhook.entry(conversation, file(kind, caption))
    await chat.webhook.accepted(entered.body)
    message = await chat.one(agent, entered)
    require_shape(chat.trace, message, MESSAGE, "a `message`")
    require_values(
        chat.trace,
        message,
        "a `message`",
        type=TYPES[kind],
        **({"content": caption} if caption else {}),
    )
    named = [each.get("messageId") for each in message.get("attachments") or ()]
    chat.trace.require(
        named == [entered.id], expected=f"its file as an attachment of {entered.id}", seen=message
    )


@shows("S-MSG-5")
async def test_a_wrapped_document(chat: Chat) -> None:
    """A document with a caption comes wrapped, and is a file with that text."""
    part = {
        "documentMessage": {"fileName": "nota.pdf", "caption": TEXT, "url": "https://x.example/d"}
    }
    message = await becomes(chat, {"documentWithCaptionMessage": {"message": part}})
    require_values(chat.trace, message, "a `message`", type="file", content=TEXT)


@shows("S-MSG-5")
@pytest.mark.parametrize("wrapper", WRAPPERS[:-1])
async def test_wrapped_media(chat: Chat, wrapper: str) -> None:
    """A photograph that vanishes, or is shown once, is one as well."""
    photo = {
        "imageMessage": {"caption": TEXT, "url": "https://x.example/p", "mimetype": "image/jpeg"}
    }
    message = await becomes(chat, {wrapper: {"message": photo}})
    require_values(chat.trace, message, "a `message`", type="image", content=TEXT)


@shows("S-MSG-2", "S-MSG-5")
@pytest.mark.parametrize("kind", TYPES)
async def test_the_preview_of_media(chat: Chat, kind: Kind) -> None:
    """Of a file without a word the last message says what kind it is; else it has the word."""
    conversation = chat.conversation()
    agent = await chat.agent()
    entered = chat.webhook.entry(conversation, file(kind))
    await chat.webhook.accepted(entered.body)
    told = await tells(agent, entered)
    shows_last(chat, told, entered, f"[{kind}]")
    if kind != "audio":
        entered = chat.webhook.entry(conversation, file(kind, "with a word"))
        await chat.webhook.accepted(entered.body)
        shows_last(chat, await tells(agent, entered), entered, "with a word")


async def becomes(chat: Chat, message: dict[str, Any]) -> dict[str, Any]:
    """Let a message in WhatsApp's words enter; returns what it becomes, once."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    entered = chat.webhook.entry(conversation, Content(), message=message)
    await chat.webhook.accepted(entered.body)
    return await chat.one(agent, entered)


def file(kind: Kind, caption: str = "") -> Content:
    """A file of that kind."""
    url = "https://mmg.example.com/v/t62/file.enc"
    return Content(kind=kind, text=caption, url=url, size=20_000)


def is_from(chat: Chat, message: dict[str, Any], customer: str) -> None:
    """Check the sender: the customer's JID, or the bare number."""
    chat.trace.require(
        message.get("senderId") in (customer, bare(customer)),
        expected=f"{customer} as the sender, or the bare number",
        seen=message.get("senderId"),
    )


def bare(jid: Any) -> str:
    """The number of a JID."""
    return str(jid).partition("@")[0]


async def tells(agent: Agent, entered: Entered) -> dict[str, Any]:
    """Wait for the `conversation` event of a message.

    It need not carry `lastMessage`, and where it does others may have come before.
    """

    def is_about(told: dict[str, Any]) -> bool:
        last = told.get("lastMessage")
        return last is None or (isinstance(last, dict) and last.get("id") == entered.id)

    told: dict[str, Any] = await agent.gets(events.CONVERSATION, is_about, id=entered.conversation)
    return told


def shows_last(chat: Chat, told: dict[str, Any], entered: Entered, content: str) -> None:
    """Check `lastMessage`, which a conversation need not carry; but what it says has to be so."""
    last = told.get("lastMessage")
    if last is not None:
        require_values(chat.trace, last, "`lastMessage`", id=entered.id, content=content)


def ms_of(message: dict[str, Any]) -> int:
    """`createdAt` in milliseconds; of what is no moment, -1."""
    try:
        return to_ms(message.get("createdAt"))
    except MomentError:
        return -1
