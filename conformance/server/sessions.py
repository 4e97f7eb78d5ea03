"""What checks of the protocols ask of a session: that it goes on, or is closed, and when."""

from contextlib import suppress
from typing import Final

from chatengine import events
from conformance.deadlines import Deadline
from conformance.outcomes import CouldNotRun, NotApplicable
from conformance.probes.polling import RawPolling
from conformance.probes.wire import TransportName, Wire
from conformance.server.chat import Chat

AT_ONCE_S: Final = 2.0
"""What an answer to a broken packet takes at most: a busy machine's second, a heartbeat's twelfth.
The heartbeat, which would close the session as well, comes after 25 s."""

LONGEST_S: Final = 60.0
"""That of Socket.IO is 45 s, unless it is told otherwise."""

LEAST_S: Final = 0.25
"""Less than that cannot be told from a machine that is busy."""


async def upgradable(chat: Chat) -> RawPolling:
    """A session on polling that can be upgraded; raises `NotApplicable`."""
    await chat.needs("polling")
    polling = await chat.polling()
    if "websocket" not in polling.handshake["upgrades"]:
        raise NotApplicable("The server offers no upgrade.")
    return polling


async def joined_without_pongs(chat: Chat, transport: TransportName) -> Wire:
    """A session that is joined, and answers no ping by itself.

    Raises `CouldNotRun` where its heartbeat is none that can be waited for.
    """
    wire = await chat.joined(transport)
    can_be_waited_for(wire)
    wire.answers_pings = False
    return wire


def can_be_waited_for(wire: Wire) -> None:
    """Raise `CouldNotRun` where a session's heartbeat is none, or longer than anybody waits."""
    told = [wire.handshake.get(name) for name in ("pingInterval", "pingTimeout")]
    if not all(type(each) is int for each in told):
        raise CouldNotRun("The handshake names no heartbeat (S-PRO-1).")
    heartbeat_s = sum(each for each in told if each) / 1000
    if heartbeat_s > LONGEST_S:
        raise CouldNotRun(f"A heartbeat of {heartbeat_s:g} s is not waited for.")


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
