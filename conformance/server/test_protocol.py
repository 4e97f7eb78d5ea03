"""S-PRO: Engine.IO 4 and Socket.IO 5 on the wire, byte for byte.

Sources: the protocols' own texts and test suites (socketio/socket.io: docs/engine.io-protocol,
docs/socket.io-protocol) and RFC 6455. Where they leave it to the server, nothing is asked.
"""

import asyncio
import json
from contextlib import suppress
from typing import Any, Final

import pytest

from chatengine import events
from chatengine.packets.socketio import PacketType
from chatengine.packets.websocket import Opcode, frame_of
from conformance.checks import shows
from conformance.deadlines import Deadline
from conformance.outcomes import CouldNotRun, NotApplicable
from conformance.probes.polling import RawPolling
from conformance.probes.wire import HandshakeRefused, TransportName, Wire
from conformance.server.chat import Chat

AT_ONCE_S: Final = 2.0
"""What an answer to a broken packet takes at most: a busy machine's second, a heartbeat's twelfth.
The heartbeat, which would close the session as well, comes after 25 s."""

LEAST_S: Final = 0.25
"""Less than that cannot be told from a machine that is busy."""

INVALID_BEFORE: Final = {
    "no packet": "4abc",
    "an event before CONNECT": '42["typing",{}]',
    "an acknowledgement before CONNECT": "431[]",
}
INVALID_AFTER: Final = {
    "no packet": "4abc",
    "an event that is an object": "42{}",
    "an acknowledgement without a number": '42abc["typing"]',
    "no JSON": '42["typing",',
    "no packet type": "49[]",
}
INVALID_ENGINE: Final = {"a word": "abc", "an unknown type": "9", "a letter": "x"}
MASK: Final = b"\x01\x02\x03\x04"
INVALID_FRAMES: Final = {
    "a reserved bit": b"\xa1\x80" + MASK,
    "not masked": b"\x81\x02hi",
    "an unknown opcode": b"\x83\x80" + MASK,
    "a continuation of nothing": b"\x80\x80" + MASK,
    "not UTF-8": frame_of(Opcode.TEXT, b"4\xff\xfe", MASK),
    "a fragmented ping": b"\x09\x80" + MASK,
}
BAD_HANDSHAKES: Final[dict[str, dict[str, str]]] = {
    "no transport": {"transport": ""},
    "an unknown transport": {"transport": "pigeon"},
    "no version": {"EIO": ""},
    "another version": {"EIO": "99"},
    "an unknown session": {"sid": "nobody-has-this-one"},
}
ACKS: Final = (0, 1, 7, 123_456_789)


@shows("S-PRO-1")
async def test_the_handshake(chat: Chat, transport: TransportName) -> None:
    """The first packet has `sid`, `upgrades`, `pingInterval`, `pingTimeout` and `maxPayload`."""
    first, second = await chat.wire(transport), await chat.wire(transport)
    told = first.handshake
    faults = [
        f"{name} is {told.get(name)!r}"
        for name in ("pingInterval", "pingTimeout", "maxPayload")
        if type(told.get(name)) is not int or told[name] <= 0
    ]
    if not isinstance(told.get("sid"), str) or not told["sid"]:
        faults.append(f"sid is {told.get('sid')!r}")
    if not isinstance(told.get("upgrades"), list):
        faults.append(f"upgrades is {told.get('upgrades')!r}")
    chat.trace.require(not faults, expected="the fields of a handshake", seen=faults)
    chat.trace.require(
        told["sid"] != second.handshake["sid"], expected="a sid for each session", seen=told["sid"]
    )


@shows("S-PRO-1")
async def test_the_handshake_says_how_it_is_configured(
    chat: Chat, quick_chat: Chat, transport: TransportName
) -> None:
    """Heartbeat and limit are those that the server was given, to the millisecond."""
    for each in (chat, quick_chat):
        settings, told = each.settings, (await each.wire(transport)).handshake
        wanted = {
            "pingInterval": settings.ping_interval_ms,
            "pingTimeout": settings.ping_timeout_ms,
            "maxPayload": settings.max_payload,
        }
        seen = {name: told.get(name) for name in wanted}
        if each.server.can_restart:  # what a server at a URL was given is not known so exactly
            each.trace.require(seen == wanted, expected=wanted, seen=seen)


@shows("S-PRO-1")
async def test_connect_is_answered_with_a_sid(chat: Chat, transport: TransportName) -> None:
    """CONNECT is answered with the id of the socket, another one for each."""
    first, second = await chat.wire(transport), await chat.wire(transport)
    ids = {await wire.join(chat.auth()) for wire in (first, second)}
    chat.trace.require(len(ids) == 2, expected="two ids", seen=ids)


@shows("S-PRO-2")
async def test_the_server_pings(chat: Chat, quick_chat: Chat, transport: TransportName) -> None:
    """The server pings within its interval and timeout, for as long as pings are answered."""
    wire = await joined_without_pongs(quick_chat, transport)
    patient = await joined_without_pongs(chat, transport)
    pings = 3 if quick_chat.server.can_restart else 1  # a heartbeat of 25 s is waited for once
    for _ in range(pings):
        await pinged(quick_chat, wire)
        await wire.send("3")
    await still_there(quick_chat, wire)
    if chat.server is not quick_chat.server:
        await still_there(chat, patient)


@shows("S-PRO-2")
async def test_a_silent_client_is_dropped(
    chat: Chat, quick_chat: Chat, transport: TransportName
) -> None:
    """A ping that is not answered within the timeout ends the session, and not before it.

    Beside it, one that is as silent under a heartbeat of 25 s stays.
    """
    patient = await joined_without_pongs(chat, transport)
    wire = await joined_without_pongs(quick_chat, transport)
    await pinged(quick_chat, wire)
    timeout_s = wire.handshake["pingTimeout"] / 1000
    early = await wire.is_over(Deadline(timeout_s / 2))
    quick_chat.trace.require(not early, expected="patience for pingTimeout", seen="a close")
    over = await wire.is_over(Deadline(timeout_s / 2 + AT_ONCE_S))
    quick_chat.trace.require(
        over, expected=f"a close {timeout_s:g} s after the ping", seen="an open session"
    )
    if chat.server is not quick_chat.server:
        await still_there(chat, patient)


@shows("S-PRO-2")
async def test_a_late_pong_is_a_pong(quick_chat: Chat) -> None:
    """A ping that is answered within the timeout, late as it may be, keeps the session."""
    wire = await joined_without_pongs(quick_chat, "websocket")
    await pinged(quick_chat, wire)
    timeout_s = wire.handshake["pingTimeout"] / 1000
    over = await wire.is_over(Deadline(timeout_s / 2))
    quick_chat.trace.require(not over, expected="patience for pingTimeout", seen="a close")
    await wire.send("3")
    await pinged(quick_chat, wire)


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
    for ack in (1, 2):
        await wire.accepted(ack)
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


@shows("S-PRO-4")
@pytest.mark.parametrize("packet", INVALID_BEFORE.values(), ids=INVALID_BEFORE)
async def test_an_invalid_handshake(chat: Chat, transport: TransportName, packet: str) -> None:
    """Before CONNECT anything else closes the connection, at once."""
    wire = await chat.wire(transport)
    await closes_at_once(chat, wire, packet)


@shows("S-PRO-4")
@pytest.mark.parametrize("packet", INVALID_AFTER.values(), ids=INVALID_AFTER)
async def test_an_invalid_packet(chat: Chat, transport: TransportName, packet: str) -> None:
    """An invalid Socket.IO packet closes the connection, at once."""
    wire = await chat.joined(transport)
    await closes_at_once(chat, wire, packet)


@shows("S-PRO-4")
@pytest.mark.parametrize("packet", INVALID_AFTER.values(), ids=INVALID_AFTER)
async def test_an_invalid_packet_under_a_short_heartbeat(quick_chat: Chat, packet: str) -> None:
    """An invalid packet closes the connection sooner than a short heartbeat could."""
    await closes_at_once(quick_chat, await quick_chat.joined(), packet)


@shows("S-PRO-4")
@pytest.mark.parametrize("packet", INVALID_ENGINE.values(), ids=INVALID_ENGINE)
async def test_an_invalid_engine_packet(chat: Chat, transport: TransportName, packet: str) -> None:
    """An invalid Engine.IO packet closes the session, at once."""
    wire = await chat.joined(transport)
    await closes_at_once(chat, wire, packet)


@shows("S-PRO-4")
@pytest.mark.parametrize("frame", INVALID_FRAMES.values(), ids=INVALID_FRAMES)
async def test_an_invalid_frame(chat: Chat, frame: bytes) -> None:
    """What breaks RFC 6455 fails the WebSocket, at once."""
    socket = await chat.websocket()
    within = at_once(socket)
    await socket.send_bytes(frame)
    over = await socket.is_over(within)
    chat.trace.require(over, expected="a close at once", seen="an open session")


@shows("S-PRO-4")
async def test_two_polls_at_once(chat: Chat) -> None:
    """A session has one poll under way; with a second one it is over."""
    await chat.needs("polling")
    polling = await chat.polling()
    await polling.join(chat.auth())
    both = await asyncio.gather(
        *(polling.request("GET", deadline=Deadline(AT_ONCE_S)) for _ in range(2)),
        return_exceptions=True,
    )
    refused = [each for each in both if isinstance(each, tuple) and each[0] != 200]
    chat.trace.require(bool(refused), expected="one of them refused, at once", seen=both)
    await is_over(chat, polling)


@shows("S-PRO-4")
@pytest.mark.parametrize("query", BAD_HANDSHAKES.values(), ids=BAD_HANDSHAKES)
async def test_a_bad_handshake(chat: Chat, query: dict[str, str]) -> None:
    """A polling handshake without what the protocol asks for is refused with 400."""
    await chat.needs("polling")
    try:
        await chat.polling(query=query)
    except HandshakeRefused as refusal:
        chat.trace.require(refusal.status == 400, expected="status 400", seen=str(refusal))
    else:
        raise chat.trace.broken(expected="status 400", seen="a session")


@shows("S-PRO-4")
@pytest.mark.parametrize("query", BAD_HANDSHAKES.values(), ids=BAD_HANDSHAKES)
async def test_a_bad_websocket_handshake(chat: Chat, query: dict[str, str]) -> None:
    """A WebSocket without what the protocol asks for becomes no session: refused, or closed."""
    try:
        socket = await chat.websocket(query=query, greeted=False)
    except HandshakeRefused:
        return
    try:
        said = await socket.rest(Deadline(AT_ONCE_S))
    except TimeoutError:
        raise chat.trace.broken(expected="a close at once", seen="an open one") from None
    chat.trace.require(b'"sid"' not in said, expected="no session", seen=repr(said))


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


async def upgradable(chat: Chat) -> RawPolling:
    """A session on polling that can be upgraded; raises `NotApplicable`."""
    await chat.needs("polling")
    polling = await chat.polling()
    if "websocket" not in polling.handshake["upgrades"]:
        raise NotApplicable("The server offers no upgrade.")
    return polling


def is_refusal(answer: Any) -> bool:
    """Whether it is `{"ok": false, "error": {"code", "message"}}`."""
    match answer:
        case [{"ok": False, "error": {"code": str(), "message": str()}}]:
            return True
    return False


async def joined_without_pongs(chat: Chat, transport: TransportName) -> Wire:
    """A session that is joined, and answers no ping by itself."""
    wire = await chat.joined(transport)
    wire.answers_pings = False
    return wire


async def pinged(chat: Chat, wire: Wire) -> None:
    """Wait for a ping, for as long as a client has to."""
    told = wire.handshake
    within = Deadline((told["pingInterval"] + told["pingTimeout"]) / 1000)
    try:
        while (packet := await wire.receive(within)) not in ("2", None):
            pass
    except TimeoutError:
        packet = None
    chat.trace.require(
        packet == "2", expected=f"a ping within {within.within_s:g} s", seen=packet or "none"
    )


async def still_there(chat: Chat, wire: Wire) -> None:
    """Check that a session is open and answers."""
    await wire.emit(events.SUBSCRIBE, chat.conversation(), ack=900)
    await wire.accepted(900)


def at_once(wire: Wire) -> Deadline:
    """A time in which a close cannot be the heartbeat's: pings are answered here, so even a server
    that no longer listens waits for pingTimeout before it closes.

    Raises `CouldNotRun` where that is too short to be told from a busy machine.
    """
    within_s = min(AT_ONCE_S, wire.handshake["pingTimeout"] / 2000)
    if within_s < LEAST_S:
        raise CouldNotRun("With so short a heartbeat a close says nothing of what it came of.")
    return Deadline(within_s)


async def closes_at_once(chat: Chat, wire: Wire, packet: str) -> None:
    """Check that a packet closes the session, long before the heartbeat could."""
    within = at_once(wire)
    with suppress(TimeoutError):  # it may not be answered any more
        await wire.send(packet)
    over = await wire.is_over(within)
    chat.trace.require(
        over, expected=f"a close within {within.within_s:g} s of {packet!r}", seen="an open session"
    )


async def is_over(chat: Chat, polling: RawPolling) -> None:
    """Check that a session on polling is over: the next request is refused."""
    over = await polling.is_over(Deadline(AT_ONCE_S))
    chat.trace.require(over, expected="the session closed", seen="an open session")


async def messages(wire: Wire, conversation: str, count: int) -> list[str]:
    """The ids of the next messages of a conversation; fewer where the session ends before."""
    ids: list[str] = []
    while len(ids) < count and (packet := await wire.packet()) is not None:
        if packet.type is PacketType.EVENT and is_message(packet.data, conversation):
            ids.append(packet.data[1]["id"])
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
                ids.append(data[1]["id"])


def is_message(data: list[Any], conversation: str) -> bool:
    """Whether an event's data is a message of a conversation."""
    return bool(data[0] == events.MESSAGE and data[1]["conversationId"] == conversation)
