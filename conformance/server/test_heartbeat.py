"""S-PRO-1, S-PRO-2: what the handshake says, and the heartbeat that it announces."""

from conformance.checks import shows
from conformance.deadlines import Deadline
from conformance.outcomes import beginning
from conformance.probes.wire import TransportName
from conformance.server.chat import Chat
from conformance.server.sessions import (
    AT_ONCE_S,
    can_be_waited_for,
    joined_without_pongs,
    pinged,
    still_there,
    upgradable,
)


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
async def test_the_server_pings_after_an_upgrade(quick_chat: Chat) -> None:
    """The heartbeat goes on over the WebSocket that took a polling session over."""
    polling = await upgradable(quick_chat)
    can_be_waited_for(polling)
    with beginning("an upgrade (S-PRO-3)"):
        await polling.join(quick_chat.auth())
        socket = await quick_chat.websocket(sid=polling.sid)
        await socket.send("2probe")
        answer = await socket.receive()
        quick_chat.trace.require(answer == "3probe", expected="3probe", seen=answer)
    await socket.send("5")
    socket.answers_pings, socket.handshake = False, polling.handshake
    for _ in range(2 if quick_chat.server.can_restart else 1):
        await pinged(quick_chat, socket)
        await socket.send("3")


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
