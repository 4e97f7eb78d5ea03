"""S-PRO-3: the polling transport, and how a WebSocket takes it over."""

import asyncio
import json
from typing import Any

from chatengine import events
from chatengine.packets.socketio import PacketType
from conformance.checks import shows
from conformance.deadlines import Deadline
from conformance.probes.polling import RawPolling
from conformance.probes.wire import HandshakeRefused, Wire
from conformance.server.chat import Chat
from conformance.server.sessions import (
    AT_ONCE_S,
    is_over,
    still_there,
    upgradable,
)


@shows("S-PRO-3")
async def test_polling(chat: Chat) -> None:
    """GETs wait for packets and POSTs bring them, several in one payload if need be."""
    await chat.needs("polling")
    conversation = chat.conversation()
    wire = await chat.polling()
    await wire.join(chat.auth())
    subscribe = json.dumps([events.SUBSCRIBE, conversation])
    status, body = await wire.request("POST", f"421{subscribe}\x1e422{subscribe}")
    chat.trace.require((status, body) == (200, "ok"), expected="200 ok", seen=(status, body))
    acknowledged: set[int | None] = set()
    while acknowledged != {1, 2} and (packet := await wire.packet()) is not None:
        if packet.type is PacketType.ACK:  # in either order
            said = packet.data[0] if packet.data else None
            is_ok = isinstance(said, dict) and said.get("ok") is True
            chat.trace.require(is_ok, expected='{"ok": true}', seen=packet)
            acknowledged.add(packet.id)
    wanted = [(await chat.webhook.writes(conversation)).id for _ in range(10)]
    chat_ids = await messages(wire, conversation, len(wanted))
    chat.trace.require(chat_ids == wanted, expected=wanted, seen=chat_ids)


@shows("S-PRO-3")
async def test_the_upgrade(chat: Chat) -> None:
    """A WebSocket takes a polling session over while messages come: in order, and each once."""
    conversation = chat.conversation()
    polling = await upgradable(chat)
    await polling.join(chat.auth())
    await polling.emit(events.SUBSCRIBE, conversation, ack=1)
    await polling.accepted(1)
    wanted = [(await chat.webhook.writes(conversation)).id for _ in range(3)]
    seen = await messages(polling, conversation, 1)  # the others may wait
    socket = await chat.websocket(sid=polling.sid)
    await socket.send("2probe")
    answer = await socket.receive()
    chat.trace.require(answer == "3probe", expected="3probe", seen=answer)
    last_poll = asyncio.create_task(drained(polling, conversation))
    wanted += [(await chat.webhook.writes(conversation)).id for _ in range(3)]
    seen += await last_poll
    # No poll comes for these: they wait for the WebSocket to take over.
    wanted += [(await chat.webhook.writes(conversation)).id for _ in range(3)]
    await socket.send("5")
    wanted += [(await chat.webhook.writes(conversation)).id for _ in range(3)]
    seen += await messages(socket, conversation, len(wanted) - len(seen))
    chat.trace.require(seen == wanted, expected=wanted, seen=seen)
    await socket.emit(events.SUBSCRIBE, conversation, ack=2)
    await socket.accepted(2)
    status, _ = await polling.request("GET")
    chat.trace.require(status == 400, expected="no poll after the upgrade (400)", seen=status)


@shows("S-PRO-3")
async def test_a_probe_that_is_given_up(chat: Chat) -> None:
    """A WebSocket that goes away before it has taken over takes nothing with it."""
    conversation = chat.conversation()
    polling = await upgradable(chat)
    await polling.join(chat.auth())
    await polling.emit(events.SUBSCRIBE, conversation, ack=1)
    await polling.accepted(1)
    socket = await chat.websocket(sid=polling.sid)
    await socket.send("2probe")
    await socket.receive()
    await socket.close()
    wanted = [(await chat.webhook.writes(conversation)).id for _ in range(3)]
    seen = await messages(polling, conversation, len(wanted))
    chat.trace.require(seen == wanted, expected=wanted, seen=seen)


@shows("S-PRO-3")
async def test_a_second_websocket(chat: Chat) -> None:
    """A session that has been upgraded takes no other WebSocket; it goes on as it was."""
    polling = await upgradable(chat)
    await polling.join(chat.auth())
    first = await chat.websocket(sid=polling.sid)
    await first.send("2probe")
    await first.receive()
    await first.send("5")
    await still_there(chat, first)
    try:
        second = await chat.websocket(sid=polling.sid)
    except HandshakeRefused:
        pass
    else:
        over = await second.is_over(Deadline(AT_ONCE_S))
        chat.trace.require(over, expected="the second one closed", seen="open")
    await still_there(chat, first)


@shows("S-PRO-3")
async def test_a_close_packet(chat: Chat) -> None:
    """A session on polling is closed by a close packet: no further poll is answered."""
    await chat.needs("polling")
    polling = await chat.polling()
    await polling.join(chat.auth())
    await polling.post("1")
    await is_over(chat, polling)


async def messages(wire: Wire, conversation: str, count: int) -> list[str]:
    """The ids of the next messages of a conversation; fewer where the session ends before."""
    ids: list[str] = []
    while len(ids) < count and (packet := await wire.packet()) is not None:
        if packet.type is PacketType.EVENT and is_message(packet.data, conversation):
            ids.append(packet.data[1].get("id"))
    return ids


async def drained(polling: RawPolling, conversation: str) -> list[str]:
    """What polling still brings before an upgrade: all up to a NOOP, or up to silence."""
    ids: list[str] = []
    while True:
        packet = await polling.receive()
        if packet in ("6", None):
            return ids
        if isinstance(packet, str) and packet.startswith("42"):
            data = json.loads(packet[2:])
            if is_message(data, conversation):
                ids.append(data[1].get("id"))


def is_message(data: list[Any], conversation: str) -> bool:
    """Whether an event's data is a message of a conversation."""
    told = data[1] if data[:1] == [events.MESSAGE] and len(data) > 1 else None
    return isinstance(told, dict) and told.get("conversationId") == conversation
