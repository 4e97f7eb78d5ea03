"""S-STA: what WhatsApp acknowledges becomes the status of messages (section 5)."""

from itertools import permutations
from typing import Any, Final

import pytest

from chatengine import events
from chatengine.status import Status
from conformance.checks import shows
from conformance.probes.agent import Agent
from conformance.probes.webhook import Entered
from conformance.probes.wire import TransportName
from conformance.server.chat import Chat
from conformance.server.sends import known
from conformance.server.shapes import MESSAGE_STATUS, require_shape
from fakes.evolution.bodies import Content

RAISED: Final[dict[str | int, str]] = {
    "DELIVERY_ACK": "delivered",
    "DELIVERED": "delivered",
    "READ": "read",
    "PLAYED": "read",
    "ERROR": "failed",
    0: "failed",
    3: "delivered",
    4: "read",
    5: "read",
}
"""What raises a message that is `sent`, by name or number, and to what."""

EARLY: Final[dict[str | int, str]] = {
    "ERROR": "failed",
    "DELIVERY_ACK": "delivered",
    3: "delivered",
    5: "read",
}
"""What may come before a message that is `sent`, and what it has then."""

NOT_RAISED: Final[tuple[str | int, ...]] = ("PENDING", "SERVER_ACK", "SENT", 1, 2)
"""What says no more of it than is known."""

UNKNOWN: Final[tuple[Any, ...]] = ("SOMETHING_NEW", "", 6, 99, -1, None)

TOLD: Final = ("SERVER_ACK", "DELIVERY_ACK", "READ", "ERROR")
"""In any order they end as read."""


@shows("S-STA-1")
async def test_an_acknowledgement_becomes_a_status(chat: Chat, transport: TransportName) -> None:
    """`messages.update` becomes `messageStatus` to the subscribers, and is in the history."""
    conversation = chat.conversation()
    agents = [await chat.agent(transport, subscribed_to=conversation) for _ in range(2)]
    entered = await shown(chat, agents[0], conversation, from_me=True)
    for acknowledgement, status in (("DELIVERY_ACK", "delivered"), ("READ", "read")):
        await chat.webhook.acknowledges(entered, acknowledgement)
        for agent in agents:
            told = await is_told(agent, entered, status)
            require_shape(chat.trace, told, MESSAGE_STATUS, "a `messageStatus`")
        await ends_as(chat, entered, status)


@shows("S-STA-1")
@pytest.mark.parametrize(("acknowledgement", "status"), RAISED.items(), ids=map(str, RAISED))
async def test_each_acknowledgement(chat: Chat, acknowledgement: str | int, status: str) -> None:
    """Statuses are told by name or by number."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    entered = await shown(chat, agent, conversation, from_me=True)
    await chat.webhook.acknowledges(entered, acknowledgement)
    await is_told(agent, entered, status)
    await ends_as(chat, entered, status)


@shows("S-STA-1")
@pytest.mark.parametrize("shape", ["flat", "key", "list"])
async def test_each_shape(chat: Chat, shape: str) -> None:
    """`keyId`, or `key.id` with `update.status`, or a list of such: all of them are seen, with a
    name or a number.
    """
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    for acknowledgement in ("READ", 4):
        entered = await shown(chat, agent, conversation)
        await chat.webhook.acknowledges(entered, acknowledgement, shape=shape)
        await is_told(agent, entered, "read")


@shows("S-STA-1")
async def test_in_a_group(chat: Chat) -> None:
    """What was written into a group is acknowledged like everything else."""
    group = chat.group()
    agent = await chat.agent(subscribed_to=group)
    entered = await shown(chat, agent, group, from_me=True, participant=chat.conversation())
    await chat.webhook.acknowledges(entered, "READ")
    await is_told(agent, entered, "read")


@shows("S-STA-1", "S-STA-2")
async def test_what_an_agent_sent(chat: Chat) -> None:
    """What an agent sent is acknowledged, and its status only moves up."""
    conversation, text = await known(chat), chat.name("Oi")
    agent = await chat.agent(subscribed_to=conversation)
    await chat.sends(agent, conversation, text)
    await agent.gets(events.MESSAGE, content=text)
    (send,) = await chat.provider.sent(text)
    ours = chat.webhook.entry(conversation, Content(text=text), key_id=send.key_id, from_me=True)
    for acknowledgement in ("DELIVERY_ACK", "SERVER_ACK", "READ", "DELIVERY_ACK"):
        await chat.webhook.acknowledges(ours, acknowledgement)
    await is_told(agent, ours, "read")
    await chat.fence(agent, conversation)
    only_upwards(chat, agent, ours)
    await ends_as(chat, ours, "read")


@shows("S-STA-1")
async def test_a_list_of_several(chat: Chat) -> None:
    """Of a list every acknowledgement counts."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    entered = [await shown(chat, agent, conversation) for _ in range(3)]
    bodies = [chat.webhook.acknowledgement(each, "READ", shape="list") for each in entered]
    data = [item for body in bodies for item in body["data"]]
    await chat.webhook.accepted(bodies[0] | {"data": data})
    for each in entered:
        await is_told(agent, each, "read")


@shows("S-STA-1")
@pytest.mark.parametrize("acknowledgement", UNKNOWN, ids=repr)
async def test_an_unknown_status_changes_nothing(chat: Chat, acknowledgement: Any) -> None:
    """A status that nobody knows is no status."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    entered = await shown(chat, agent, conversation)
    await chat.webhook.post(chat.webhook.acknowledgement(entered, acknowledgement))
    await chat.fence(agent, conversation)
    chat.none(agent, events.MESSAGE_STATUS, where=lambda it: it.get("status") != "delivered")
    await ends_as(chat, entered, "delivered")


@shows("S-STA-2")
async def test_never_backwards(chat: Chat, transport: TransportName) -> None:
    """What has been read stays read, whatever is acknowledged afterwards."""
    conversation = chat.conversation()
    agent = await chat.agent(transport, subscribed_to=conversation)
    entered = await shown(chat, agent, conversation, from_me=True)
    for acknowledgement in ("READ", "DELIVERY_ACK", "SERVER_ACK", "ERROR", "PENDING"):
        await chat.webhook.acknowledges(entered, acknowledgement)
    await chat.fence(agent, conversation)
    only_upwards(chat, agent, entered)
    await ends_as(chat, entered, "read")


@shows("S-STA-2")
@pytest.mark.parametrize("acknowledgement", NOT_RAISED, ids=str)
async def test_what_says_no_more_changes_nothing(chat: Chat, acknowledgement: str | int) -> None:
    """A message that is delivered is not sent, or pending, again."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    entered = await shown(chat, agent, conversation)
    await chat.webhook.acknowledges(entered, acknowledgement)
    await chat.fence(agent, conversation)
    only_upwards(chat, agent, entered)
    await ends_as(chat, entered, "delivered")


@shows("S-STA-2")
async def test_failed_is_below_delivered(chat: Chat) -> None:
    """What failed and is delivered all the same is delivered; what is delivered has not failed."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    for order in (("ERROR", "DELIVERY_ACK"), ("DELIVERY_ACK", "ERROR")):
        entered = await shown(chat, agent, conversation, from_me=True)
        for acknowledgement in order:
            await chat.webhook.acknowledges(entered, acknowledgement)
        await chat.fence(agent, conversation)
        only_upwards(chat, agent, entered)
        await ends_as(chat, entered, "delivered")


@shows("S-STA-2")
async def test_any_order_ends_alike(chat: Chat) -> None:
    """The end state does not depend on the order of the acknowledgements, or on repetition."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    told = []
    for order in permutations(TOLD):
        entered = await shown(chat, agent, conversation, from_me=True)
        for acknowledgement in (*order, chat.rng.choice(order)):
            await chat.webhook.acknowledges(entered, acknowledgement)
        told.append(entered)
    await chat.fence(agent, conversation)
    for entered in told:
        only_upwards(chat, agent, entered)
        await ends_as(chat, entered, "read")


@shows("S-STA-3")
async def test_an_early_status(chat: Chat, transport: TransportName) -> None:
    """A status that comes before its message is kept, and applied when the message comes."""
    conversation = chat.conversation()
    agent = await chat.agent(transport, subscribed_to=conversation)
    entered = chat.webhook.entry(conversation, Content(text="later"), from_me=True)
    await chat.webhook.acknowledges(entered, "READ")
    await chat.webhook.accepted(entered.body)
    await agent.gets(events.MESSAGE, id=entered.id)
    await chat.fence(agent, conversation)
    seen = seen_of(agent, entered)
    chat.trace.require(seen[-1:] == ["read"], expected="read, as soon as it comes", seen=seen)
    await ends_as(chat, entered, "read")


@shows("S-STA-3")
async def test_early_statuses_in_any_order(chat: Chat) -> None:
    """Of several early statuses the highest counts."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    for order in permutations(("SERVER_ACK", "DELIVERY_ACK", "READ")):
        entered = chat.webhook.entry(conversation, Content(text="later"), from_me=True)
        for acknowledgement in order:
            await chat.webhook.acknowledges(entered, acknowledgement)
        await chat.webhook.accepted(entered.body)
        await chat.fence(agent, conversation)
        only_upwards(chat, agent, entered)
        await ends_as(chat, entered, "read")


@shows("S-STA-3")
@pytest.mark.parametrize(("acknowledgement", "status"), EARLY.items(), ids=map(str, EARLY))
async def test_each_early_status(chat: Chat, acknowledgement: str | int, status: str) -> None:
    """Each is kept, by name or by number."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    entered = chat.webhook.entry(conversation, Content(text="later"), from_me=True)
    await chat.webhook.acknowledges(entered, acknowledgement)
    await chat.webhook.accepted(entered.body)
    await chat.fence(agent, conversation)
    await ends_as(chat, entered, status)


@shows("S-STA-3")
async def test_early_statuses_of_several(chat: Chat) -> None:
    """Those of several messages are kept beside each other: a customer's, and one in a group."""
    person, group = chat.conversation(), chat.group()
    agent = await chat.agent(subscribed_to=(person, group))
    later = [
        chat.webhook.entry(person, Content(text="a customer's")),
        chat.webhook.entry(group, Content(text="in a group"), participant=person),
        chat.webhook.entry(person, Content(text="ours"), from_me=True),
    ]
    for entered in later:
        await chat.webhook.acknowledges(entered, "READ")
    for entered in later:
        await chat.webhook.accepted(entered.body)
    for place in (person, group):
        await chat.fence(agent, place)
    for entered in later:
        await ends_as(chat, entered, "read")


@shows("S-STA-3")
async def test_an_early_status_that_says_less(chat: Chat) -> None:
    """An early status below what its message starts with does not lower it."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    entered = chat.webhook.entry(conversation, Content(text="later"))
    await chat.webhook.acknowledges(entered, "SERVER_ACK")
    await chat.webhook.accepted(entered.body)
    await chat.fence(agent, conversation)
    only_upwards(chat, agent, entered)
    await ends_as(chat, entered, "delivered")


async def shown(chat: Chat, agent: Agent, conversation: str, **how: Any) -> Entered:
    """Let a message enter that is there when this returns; `how` as of `Webhook.entry`.

    A server may answer a webhook before it has handled it, and not in the order of what is told of
    another message: what is acknowledged at once may be early to it (S-STA-3).
    """
    entered = await chat.webhook.writes(conversation, **how)
    await agent.gets(events.MESSAGE, id=entered.id)
    return entered


async def is_told(agent: Agent, entered: Entered, status: str) -> dict[str, Any]:
    """Wait for a status; the message may be called by its id or by its provider's."""
    told: dict[str, Any] = await agent.gets(
        events.MESSAGE_STATUS, lambda it: it.get("messageId") in entered.names, status=status
    )
    return told


def seen_of(agent: Agent, entered: Entered) -> list[str]:
    """The statuses of a message as an agent saw them, in the order of time."""
    return [
        str(payload.get("status"))
        for name, payload in agent.received
        if (name == events.MESSAGE and payload.get("id") == entered.id)
        or (name == events.MESSAGE_STATUS and payload.get("messageId") in entered.names)
    ]


def only_upwards(chat: Chat, agent: Agent, entered: Entered) -> None:
    """Check that no status that an agent saw is below one before it."""
    seen = seen_of(agent, entered)
    ranks = [Status.parse(each) for each in seen]
    chat.trace.require(
        None not in ranks and ranks == sorted(rank for rank in ranks if rank is not None),
        expected="statuses that only move up",
        seen=seen,
    )


async def ends_as(chat: Chat, entered: Entered, status: str) -> None:
    """Check the status of a message in the history, once what was told has been handled."""

    def statuses(messages: list[dict[str, Any]]) -> list[Any]:
        return [each.get("status") for each in messages if each.get("id") == entered.id]

    found = statuses(
        await chat.history_when(entered.conversation, lambda it: statuses(it) == [status])
    )
    chat.trace.require(
        found == [status], expected=f"{entered.id} as {status} in the history", seen=found
    )
