"""The engine counts exactly what a broken server does to it, and always comes back."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

import gevent
import pytest

from chatengine.packets.websocket import Opcode, frame_of
from locustfiles.engine.errors import ConnectionLost, SubscribeFailed
from locustfiles.engine.stamps import Stamp
from tests.locustfiles.agents import CONVERSATION, RUN, STREAM, agent, joined, stamped, tally, until
from tests.locustfiles.broken_server import BrokenServer, Faults, broken_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locustfiles.engine.accounting import Tally
    from locustfiles.engine.sockets import Socket
    from locustfiles.engine.thread import Engine

HOUR_US = 3_600_000_000


@pytest.fixture
def server() -> Iterator[BrokenServer]:
    with broken_server() as server:
        yield server


def deliver(engine: Engine, server: BrokenServer, sequences: list[int], *, behind: int = 0) -> None:
    """Deliver these messages of the stream, and wait until the engine has seen them all."""
    seen = until(lambda: engine.call(lambda: engine.ledger))
    before = arrivals(engine)
    server.deliver(CONVERSATION, *(stamped(engine, n, behind=behind) for n in sequences))
    until(lambda: arrivals(engine) == before + len(sequences))
    assert seen.foreign == 0


def arrivals(engine: Engine) -> int:
    """How many messages have arrived, repeated ones included."""
    seconds = engine.call(lambda: list(engine.ledger.seconds.values()))
    return sum(second.received + second.duplicates for second in seconds)


def errors(engine: Engine) -> dict[str, int]:
    return engine.call(lambda: dict(engine.ledger.errors))


def owed(engine: Engine, socket: Socket, count: int) -> Tally:
    """The account of `count` messages, all of them meant for a moment after the subscription."""
    start_us = engine.clock.now_us() + HOUR_US
    return tally(engine, socket, count, start_us=start_us, interval_us=1000)


def tasks(engine: Engine) -> int:
    """How many tasks run on the loop besides the one that asks."""
    return engine.call(lambda: len(asyncio.all_tasks(engine.loop)) - 1)


def test_counts_losses_repetitions_and_reorderings(engine: Engine, server: BrokenServer) -> None:
    """Of what one stream owed, each loss, each repetition and each reordering counts once."""
    socket = joined(engine, server)
    deliver(engine, server, [0, 1, 1, 3, 3, 3, 6, 5, 8])
    found = owed(engine, socket, 10)
    assert (found.expected, found.received, found.lost) == (10, 6, 4)
    assert (found.duplicates, found.out_of_order) == (3, 1)


def test_the_tail_of_a_stream_is_lost_like_the_rest(engine: Engine, server: BrokenServer) -> None:
    """Only the publisher's announcement tells of the last message, and it is counted as lost."""
    socket = joined(engine, server)
    deliver(engine, server, [0, 1, 2])
    assert owed(engine, socket, 3).lost == 0
    assert owed(engine, socket, 4).lost == 1


def test_messages_that_entered_side_by_side_have_no_order(
    engine: Engine, server: BrokenServer
) -> None:
    """A message posted before the other was answered may come first: S-MSG-3 says nothing of it."""
    socket = joined(engine, server)
    deliver(engine, server, [1, 0, 3, 2], behind=1)
    assert owed(engine, socket, 4).out_of_order == 0


def test_what_was_not_asked_for_is_told_apart(engine: Engine, server: BrokenServer) -> None:
    """A message of another conversation is unexpected, one of another publisher foreign."""
    socket = joined(engine, server)
    other = {"id": f"evo-{stamped(engine, 0)}", "conversationId": "another"}
    server.say("42" + json.dumps(["message", other], separators=(",", ":")))
    server.deliver(CONVERSATION, stamped(engine, 0, run=8), "3EB0", "3EB0" + "x" * 40, "ABC")
    until(lambda: engine.call(lambda: engine.ledger.foreign) == 4)
    assert engine.call(lambda: engine.ledger.unexpected) == 1
    assert owed(engine, socket, 1).received == 0


def test_a_forged_moment_makes_no_second(engine: Engine, server: BrokenServer) -> None:
    """A stamp of this run, meant for a moment outside of it, costs no memory and no latency."""
    joined(engine, server)
    now_us = engine.clock.now_us()
    past = [0, 5_000_000, now_us - HOUR_US]
    forged = [
        Stamp(RUN, STREAM, number, moment, 0, 0).provider_id()
        for number, moment in enumerate([*past, now_us + HOUR_US, (1 << 52) - 1])
    ]
    server.deliver(CONVERSATION, *forged)
    until(lambda: engine.call(lambda: (engine.ledger.foreign, engine.ledger.negative)) == (3, 2))
    seconds = engine.call(lambda: set(engine.ledger.seconds))
    assert all(abs(second - now_us // 1_000_000) < 10 for second in seconds)


ENDS: dict[str, tuple[Callable[[BrokenServer], None], str]] = {
    "TCP aborted": (BrokenServer.cut, "the connection was cut"),
    "closed with 1000": (lambda s: s.close(1000), "the server closed the WebSocket with 1000"),
    "closed with 1011": (lambda s: s.close(1011), "the server closed the WebSocket with 1011"),
    "closed with 4001": (lambda s: s.close(4001), "the server closed the WebSocket with 4001"),
    "DISCONNECT": (lambda s: s.say("41"), "the server disconnected the socket"),
    "Engine.IO close": (lambda s: s.say("1"), "the server closed the Engine.IO session"),
    "garbage": (lambda s: s.say('42{"'), "the server sent a malformed packet"),
    "binary garbage": (lambda s: s.raw(b"\xff" * 40), "the server broke the WebSocket protocol"),
    "oversize": (
        lambda s: s.raw(frame_of(Opcode.TEXT, b"")[:1] + b"\x7f" + (1 << 40).to_bytes(8, "big")),
        "the server broke the WebSocket protocol",
    ),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_lost_connection_comes_back(engine: Engine, server: BrokenServer, how: str) -> None:
    """However it ended: one reconnect, one more subscription, a fresh token, its cause told."""
    socket = joined(engine, server)
    act, cause = ENDS[how]
    act(server)
    until(lambda: engine.call(lambda: engine.ledger.reconnects) == 1)
    assert socket.is_connected
    assert server.subscribed == {CONVERSATION: 2}
    assert [token for _, token in server.attempts] == ["token-0", "token-1"]
    assert list(errors(engine).values()) == [1]
    assert next(iter(errors(engine))).startswith(f"connection lost: {cause}")
    deliver(engine, server, [0, 1])
    assert owed(engine, socket, 2).lost == 0


def test_what_fell_into_a_gap_is_missed_not_lost(engine: Engine, server: BrokenServer) -> None:
    """Messages meant for the time without connection are missed, those around it are owed."""
    socket = joined(engine, server)
    start_us = engine.clock.now_us()
    server.cut()
    until(lambda: engine.call(lambda: engine.ledger.reconnects) == 1)
    gap_us = engine.call(lambda: engine.ledger.reconnect.highest)
    count = (engine.clock.now_us() - start_us) // 1000
    found = tally(engine, socket, count, start_us=start_us, interval_us=1000)
    assert found.lost + found.missed == count
    assert abs(found.missed - gap_us / 1000) <= 10


def test_a_half_open_connection_is_noticed_in_time(engine: Engine) -> None:
    """Without pings it is given up after pingInterval + pingTimeout, and not before."""
    with broken_server(Faults(pings=False, ping_interval_ms=300, ping_timeout_ms=200)) as server:
        began = time.monotonic()
        joined(engine, server)
        until(lambda: errors(engine).get("connection lost: no ping came in time"))
        assert 0.5 <= time.monotonic() - began < 0.8


def test_pings_keep_a_connection(engine: Engine) -> None:
    """Every ping is answered, and the connection outlives several times its patience."""
    with broken_server(Faults(ping_interval_ms=50, ping_timeout_ms=100)) as server:
        joined(engine, server)
        until(lambda: server.clients[0].said.count("3") >= 10)
        assert errors(engine) == {}
        assert len(server.attempts) == 1


def test_a_refused_token_is_not_hammered(engine: Engine, server: BrokenServer) -> None:
    """While CONNECT is refused there is at most one a second (C-CONN-6), each with a new token."""
    joined(engine, server)
    server.faults.refusal = {"message": "no", "data": {"code": "unauthorized"}}
    server.cut()
    until(lambda: len(server.attempts) == 3, within_s=10)
    moments = [moment for moment, _ in server.attempts]
    assert moments[2] - moments[1] >= 1
    assert [token for _, token in server.attempts] == ["token-0", "token-1", "token-2"]


def test_a_subscription_without_an_ack_fails(engine: Engine) -> None:
    """It is told after the timeout, and nothing is owed to it."""
    with broken_server(Faults(acks=False)) as server:
        socket = agent(engine, server, timeout_s=0.1)
        engine.run(socket.connect)
        with pytest.raises(SubscribeFailed, match=r"^no ack of the subscription within 0\.1 s$"):
            engine.run(lambda: socket.subscribe(CONVERSATION))
        assert owed(engine, socket, 5).expected == 0


def test_a_connection_lost_under_a_question_is_told(engine: Engine, server: BrokenServer) -> None:
    """Who waits for an ack when the connection goes is told at once, not after the timeout."""
    server.faults.acks = False
    socket = agent(engine, server, timeout_s=60)
    engine.run(socket.connect)
    asking = gevent.spawn(_error_of, lambda: engine.run(lambda: socket.subscribe(CONVERSATION)))
    until(lambda: server.subscribed[CONVERSATION])
    server.cut()
    assert isinstance(asking.get(timeout=5), ConnectionLost)


def _error_of(work: Callable[[], object]) -> BaseException | None:
    try:
        work()
    except Exception as error:
        return error
    return None


def test_asking_to_connect_while_it_comes_back_makes_no_second_connection(
    engine: Engine, server: BrokenServer
) -> None:
    """`connect` waits for the connection that is coming back by itself."""
    socket = joined(engine, server)
    server.cut()
    until(lambda: not socket.is_connected)
    engine.run(socket.connect)
    assert socket.is_connected
    assert len(server.attempts) == 2
    until(lambda: len(server.clients) == 1)
    engine.run(socket.connect)
    assert len(server.attempts) == 2


def test_every_way_to_write_a_message_counts(engine: Engine, server: BrokenServer) -> None:
    """In fragments, with blanks or with an ack id it is the same message."""
    socket = joined(engine, server)

    def text(number: int, head: str, separators: tuple[str, str]) -> bytes:
        message = {"id": f"evo-{stamped(engine, number)}", "conversationId": CONVERSATION}
        return (head + json.dumps(["message", message], separators=separators)).encode()

    whole = text(0, "42", (",", ":"))
    first, rest = frame_of(Opcode.TEXT, whole[:20]), frame_of(Opcode.CONTINUATION, whole[20:])
    server.raw(bytes([first[0] & 0x7F]) + first[1:] + rest)
    server.raw(frame_of(Opcode.TEXT, text(1, "42 ", (" , ", " : "))))
    server.raw(frame_of(Opcode.TEXT, text(2, "427", (",", ":"))))
    until(lambda: arrivals(engine) == 3)
    assert owed(engine, socket, 3).lost == 0


def test_what_it_does_not_know_does_not_trouble_it(engine: Engine, server: BrokenServer) -> None:
    """Unknown events, binary ones, malformed and absurd messages: counted or ignored."""
    socket = joined(engine, server)
    server.say('42["whatIsThis",{"a":1}]')
    server.say('451-["binary",{"_placeholder":true,"num":0}]')
    server.raw(frame_of(Opcode.BINARY, b"\x00\x01"))
    server.say('42["message"]')
    server.say('42["message",{"id":7}]')
    server.say('42["message",' + "[" * 100_000 + "]" * 100_000 + "]")
    server.say(
        '42["message",{"id":"x","conversationId":"c","a":' + '{"a":' * 5000 + "1" + "}" * 5001
    )
    server.say('42["conversation",{}]')
    server.say("6")
    server.say("")
    deliver(engine, server, [0])
    assert owed(engine, socket, 1).lost == 0
    assert len(server.attempts) == 1
    assert engine.call(lambda: engine.ledger.conversations) == 1


def test_endless_fragments_are_cut_off(engine: Engine, server: BrokenServer) -> None:
    """A message in fragments is bounded like one in a single frame."""
    joined(engine, server)
    piece = frame_of(Opcode.CONTINUATION, b"x" * 1_000_000)
    server.raw(b"\x01\x00")
    for _ in range(12):
        server.raw(bytes([piece[0] & 0x7F]) + piece[1:])
    until(lambda: errors(engine).get("connection lost: the server sent too long a message"))


def test_leaving_ends_what_is_owed(engine: Engine, server: BrokenServer) -> None:
    """After unsubscribing nothing is owed; with a connection lost it is not subscribed again."""
    socket = joined(engine, server)
    engine.run(lambda: socket.unsubscribe(CONVERSATION))
    assert owed(engine, socket, 5).expected == 0
    server.cut()
    until(lambda: engine.call(lambda: engine.ledger.reconnects) == 1)
    assert server.subscribed == {CONVERSATION: 1}


@pytest.mark.parametrize("how", ["good", "silent"])
def test_closing_leaves_nothing(engine: Engine, server: BrokenServer, how: str) -> None:
    """No connection, no task and no attempt is left: connected, or in the middle of a handshake."""
    socket = joined(engine, server)
    server.faults.handshake = "silent"
    if how == "silent":
        server.cut()
        until(lambda: server.clients)
    engine.run(socket.close)
    until(lambda: not server.clients)
    until(lambda: tasks(engine) == 0)
    attempts = len(server.attempts)
    engine.run(lambda: asyncio.sleep(0.8))  # a first attempt would come after 0.75 s at the latest
    assert len(server.attempts) == attempts
    assert not socket.is_connected


def test_closing_says_goodbye(engine: Engine, server: BrokenServer) -> None:
    """The server hears DISCONNECT before the connection ends."""
    socket = joined(engine, server)
    client = server.clients[0]
    engine.run(socket.close)
    assert client.said[-1] == "41"


def test_a_user_killed_while_connecting_leaves_nothing(
    engine: Engine, server: BrokenServer
) -> None:
    """Killing who connects ends the attempt, and closing afterwards leaves no connection."""
    server.faults.handshake = "silent"
    socket = agent(engine, server, timeout_s=60)
    connecting = gevent.spawn(engine.run, socket.connect)
    until(lambda: server.clients)
    connecting.kill()
    engine.run(socket.close)
    until(lambda: not server.clients)
    until(lambda: tasks(engine) == 0)
