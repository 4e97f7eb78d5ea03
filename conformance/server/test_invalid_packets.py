"""S-PRO-4: what no client may send closes the session, at once.

Sources: the protocols' own texts and test suites (socketio/socket.io: docs/engine.io-protocol,
docs/socket.io-protocol) and RFC 6455. Where they leave it to the server, nothing is asked.
"""

import asyncio
from typing import Final

import pytest

from chatengine.packets.websocket import Opcode, frame_of
from conformance.checks import shows
from conformance.deadlines import Deadline
from conformance.probes.wire import HandshakeRefused, TransportName
from conformance.server.chat import Chat
from conformance.server.sessions import (
    AT_ONCE_S,
    at_once,
    closes_at_once,
    is_over,
    still_there,
)

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
    await still_there(chat, polling)  # what a server says at first is no answer to these polls
    both = await asyncio.gather(
        *(polling.request("GET", deadline=Deadline(AT_ONCE_S)) for _ in range(2)),
        return_exceptions=True,
    )
    answers = [f"status {each[0]}" if isinstance(each, tuple) else "no answer" for each in both]
    refused = [each for each in both if isinstance(each, tuple) and each[0] != 200]
    chat.trace.require(
        bool(refused),
        expected=f"one of two polls at once refused within {AT_ONCE_S:g} s",
        seen=answers,
    )
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
