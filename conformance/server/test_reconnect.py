"""S-REC: what a socket finds that comes again, and how it closes its gap."""

import time
from typing import Any, Final, Literal

import pytest

from chatengine import events
from chatengine.moments import MomentError, from_ms, to_ms
from conformance.checks import shows
from conformance.outcomes import NotApplicable
from conformance.probes.wire import TransportName
from conformance.server.chat import Chat, holds
from conformance.server.shapes import MESSAGE, require_shape
from conformance.targets.server import ServerCommand

Loss = Literal["leaves", "FIN", "RST", "half-open"]
LOSSES: Final[tuple[Loss, ...]] = ("leaves", "FIN", "RST", "half-open")
"""How the old connection ends: properly, by TCP, or not at all as far as the server can tell."""


@shows("S-REC-1")
@pytest.mark.parametrize("loss", LOSSES)
async def test_a_reconnected_socket(chat: Chat, transport: TransportName, loss: Loss) -> None:
    """After a loss a new socket of the same agent is subscribed to nothing, and can subscribe."""
    conversation, another, user = chat.conversation(), chat.conversation(), chat.name("agent")
    proxy = await chat.proxy()
    before = await chat.agent(transport, subscribed_to=conversation, url=proxy.url, user=user)
    match loss:
        case "leaves":
            await before.leave()
        case "FIN":
            proxy.cut_all()
        case "RST":
            proxy.reset_all()
        case "half-open":
            proxy.half_open()
    again = await chat.arrives(transport, user=user)
    await again.subscribe(another)
    witness = await chat.agent(subscribed_to=conversation)
    missed = await chat.webhook.writes(conversation)
    await witness.gets(events.MESSAGE, id=missed.id)
    await chat.fence(again, another)
    if await chat.claims("message_scope"):
        chat.none(again, events.MESSAGE, id=missed.id)
    await again.subscribe(conversation)
    await chat.one(again, await chat.webhook.writes(conversation))


@shows("S-REC-1")
async def test_many_times(chat: Chat) -> None:
    """A socket that comes and goes ten times gets one copy each time, and none in between."""
    conversation, user = chat.conversation(), chat.name("agent")
    for _ in range(10):
        agent = await chat.arrives(user=user)
        await agent.subscribe(conversation)
        await chat.one(agent, await chat.webhook.writes(conversation))
        await agent.leave()


@shows("S-REC-1")
async def test_after_a_restart(chat: Chat, transport: TransportName) -> None:
    """After a restart of the server a socket connects, subscribes, and gets messages."""
    if not isinstance(chat.server, ServerCommand):
        raise NotApplicable("A server at a URL cannot be restarted from here.")
    conversation = chat.conversation()
    before = await chat.agent(transport, subscribed_to=conversation)
    await chat.server.restart()
    await before.is_dropped()
    again = await chat.arrives(transport)
    await again.subscribe(conversation)
    await chat.one(again, await chat.webhook.writes(conversation))


@shows("S-REC-2")
async def test_a_gap_is_closed(chat: Chat) -> None:
    """What came while nobody was connected is served, from the last moment known on."""
    conversation = chat.conversation()
    agent = await chat.agent(subscribed_to=conversation)
    entered = await chat.webhook.writes(conversation)
    known = await agent.gets(events.MESSAGE, id=entered.id)
    await agent.leave()
    missed = [await chat.webhook.writes(conversation) for _ in range(5)]
    await chat.history_when(conversation, holds(each.id for each in missed))
    found = await chat.history(conversation, since=str(known.get("createdAt")))
    for message in found:
        require_shape(chat.trace, message, MESSAGE, "a message of the history")
    serves(chat, found, [entered.id, *(each.id for each in missed)])


@shows("S-REC-2")
async def test_since_is_a_moment(chat: Chat) -> None:
    """Those at the moment and after it are served, those before it are not, oldest first."""
    conversation, now = chat.conversation(), int(time.time())
    entered = [await chat.webhook.writes(conversation, second=now - 100 + n) for n in range(10)]
    everything = await chat.history_when(conversation, holds(each.id for each in entered))
    serves(chat, everything, [each.id for each in entered])
    moment = str(everything[4].get("createdAt"))
    serves(chat, await chat.history(conversation, since=moment), [e.id for e in entered[4:]])
    later = after(chat, moment)
    serves(chat, await chat.history(conversation, since=later), [e.id for e in entered[5:]])
    serves(chat, await chat.history(conversation, since=from_ms((now + 60) * 1000)), [])


@shows("S-REC-2")
async def test_since_within_a_second(chat: Chat) -> None:
    """Of messages of one second those before the moment are not served."""
    conversation, second = chat.conversation(), int(time.time())
    entered = [await chat.webhook.writes(conversation, second=second) for _ in range(4)]
    everything = await chat.history_when(conversation, holds(each.id for each in entered))
    serves(chat, everything, [each.id for each in entered])
    for number, message in enumerate(everything):
        found = await chat.history(conversation, since=str(message.get("createdAt")))
        serves(chat, found, [each.id for each in entered[number:]])


@shows("S-REC-2")
async def test_what_was_written_before_and_delivered_in_the_gap(chat: Chat) -> None:
    """A message delivered late stands where it was written, and an overlap finds it there."""
    conversation, now = chat.conversation(), int(time.time())
    first = await chat.webhook.writes(conversation, second=now - 50)
    last = await chat.webhook.writes(conversation, second=now - 10)
    late = await chat.webhook.writes(conversation, second=now - 30)
    everything = await chat.history_when(conversation, holds([first.id, last.id, late.id]))
    serves(chat, everything, [first.id, late.id, last.id])
    found = await chat.history(conversation, since=from_ms((now - 40) * 1000))
    serves(chat, found, [late.id, last.id])


@shows("S-REC-2")
async def test_statuses_of_the_gap(chat: Chat) -> None:
    """The history has the statuses of now, also of what was acknowledged in the gap."""
    conversation = chat.conversation()
    entered = await chat.webhook.writes(conversation)
    before = await chat.history_when(conversation, holds([entered.id]))
    serves(chat, before, [entered.id])
    await chat.webhook.acknowledges(entered, "READ")
    await chat.history_when(conversation, lambda found: found[0].get("status") == "read")
    found = await chat.history(conversation, since=str(before[0].get("createdAt")))
    told = [(each.get("id"), each.get("status")) for each in found]
    wanted = [(entered.id, "read")]
    chat.trace.require(told == wanted, expected=wanted, seen=told)


def after(chat: Chat, moment: str) -> str:
    """The millisecond behind a moment that a server told of."""
    try:
        return from_ms(to_ms(moment) + 1)
    except MomentError:
        raise chat.trace.broken(expected="a moment as `createdAt`", seen=moment) from None


def serves(chat: Chat, found: list[dict[str, Any]], wanted: list[str]) -> None:
    """Check which messages were answered, in which order."""
    ids = [each.get("id") for each in found]
    chat.trace.require(ids == wanted, expected=wanted, seen=ids)
