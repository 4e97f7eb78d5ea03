"""S-PRO-5: acknowledgements, each under its own id, once, and for whoever asked."""

from typing import Any, Final

import pytest

from chatengine import events
from chatengine.packets.socketio import PacketType
from conformance.checks import shows
from conformance.probes.wire import TransportName
from conformance.server.chat import Chat

ACKS: Final = (0, 1, 7, 123_456_789)


@shows("S-PRO-5")
async def test_acknowledgements(chat: Chat, transport: TransportName) -> None:
    """What asks for an acknowledgement gets one, under its own id, once."""
    wire = await chat.joined(transport)
    for ack in ACKS:
        for event in (events.SUBSCRIBE, events.UNSUBSCRIBE):
            await wire.emit(event, chat.conversation(), ack=ack)
            await wire.accepted(ack)


@shows("S-PRO-5")
async def test_many_acknowledgements_at_once(chat: Chat, transport: TransportName) -> None:
    """Of many that are under way each gets its own."""
    wire = await chat.joined(transport)
    wanted = set(range(100, 150))
    for ack in wanted:
        await wire.emit(events.SUBSCRIBE, chat.conversation(), ack=ack)
    acks: list[int | None] = []
    while len(acks) < len(wanted) and (packet := await wire.packet()) is not None:
        if packet.type is PacketType.ACK:
            acks.append(packet.id)
    chat.trace.require(
        sorted(map(str, acks)) == sorted(map(str, wanted)), expected="each id once", seen=acks
    )


@shows("S-PRO-5")
async def test_no_acknowledgement_unasked(chat: Chat, transport: TransportName) -> None:
    """Nothing is acknowledged that did not ask for it."""
    wire = await chat.joined(transport)
    await wire.emit(events.SUBSCRIBE, chat.conversation())
    await wire.emit(events.SUBSCRIBE, chat.conversation(), ack=1)
    acks: list[int | None] = []
    while 1 not in acks and (packet := await wire.packet()) is not None:
        if packet.type is PacketType.ACK:
            acks.append(packet.id)
    chat.trace.require(acks == [1], expected="the acknowledgement 1 alone", seen=acks)


@shows("S-PRO-5")
@pytest.mark.parametrize("payload", [5, None, {}, [], True], ids=repr)
async def test_an_acknowledgement_of_what_fails(chat: Chat, payload: object) -> None:
    """A subscription to what is no id is not acknowledged as one; an answer says what is wrong."""
    wire = await chat.joined()
    await wire.emit(events.SUBSCRIBE, payload, ack=1)
    await wire.emit(events.SUBSCRIBE, chat.conversation(), ack=2)
    answers: dict[int | None, Any] = {}
    while 2 not in answers and (packet := await wire.packet()) is not None:
        if packet.type is PacketType.ACK:
            answers[packet.id] = packet.data
    refusal = answers.get(1, [{"ok": False, "error": {"code": "", "message": ""}}])
    chat.trace.require(is_refusal(refusal), expected='{"ok": false, "error": ...}', seen=refusal)


def is_refusal(answer: Any) -> bool:
    """Whether it is `{"ok": false, "error": {"code", "message"}}`."""
    match answer:
        case [{"ok": False, "error": {"code": str(), "message": str()}}]:
            return True
    return False
