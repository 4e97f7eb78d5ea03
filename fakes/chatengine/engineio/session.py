"""The life of one Engine.IO session: open, heartbeat, upgrade, close.

The session does no I/O. It is told of packets and losses by its transport, tells the transport
what to send, and asks its clock to be called later. The rules are those of the Engine.IO
protocol, revision 4, and where that is silent those of Node's engine.io 6.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from chatengine.packets.engineio import Packet, PacketType
from fakes.chatengine.engineio.outbound import CLOSE, NOOP, PING, PROBE_ANSWER, Outbound

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from fakes.chatengine.engineio.settings import EngineSettings

__all__ = ["Clock", "Reason", "Session", "State", "Transport"]

FAST_POLL_S: Final = 0.1
"""While a WebSocket is being probed, waiting polls are ended this often (Node's engine.io)."""

FAREWELL_S: Final = 30.0
"""How long a session that the server closed waits for the poll that fetches what is left (Node)."""


class Reason:
    """Why a session ended; python-socketio's words, and Node's where it has none."""

    SERVER: Final = "server disconnect"
    CLIENT: Final = "client disconnect"
    PING_TIMEOUT: Final = "ping timeout"
    TRANSPORT_CLOSE: Final = "transport close"
    TRANSPORT_ERROR: Final = "transport error"
    PARSE_ERROR: Final = "parse error"


class State(Enum):
    """OPEN to CLOSED, through CLOSING where a polling client has yet to fetch its last packets."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class Transport(Protocol):
    """What carries a session's packets. None of these calls waits, and none raises."""

    @property
    def name(self) -> str:
        """`polling` or `websocket`."""

    @property
    def buffered(self) -> int:
        """Bytes that wait for the client."""

    def send(self, packet: Outbound) -> None:
        """Send in order; a client too slow for it is reported with `Session.lost`."""

    def close(self, farewell: Outbound) -> bool:
        """Close behind what was sent; False if the client has yet to come and fetch it.

        `farewell` ends a waiting poll; a WebSocket has a close frame for that.
        """

    def abort(self) -> None:
        """Drop the TCP connection without a word."""

    def hand_over(self) -> list[Outbound]:
        """Give up what was not sent, and end a waiting poll: the session leaves this transport."""

    def wake(self) -> None:
        """End a waiting poll, if there is one."""


class Clock(Protocol):
    """The part of an event loop that a session needs."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> asyncio.TimerHandle:
        """Call back after `delay` seconds unless the handle is cancelled."""


class Session:
    """One client, whatever transport it is on.

    `on_message(session, data)` is called for each message in order; `on_close(session, reason)`
    once, when the session can send no more; `on_gone(session)` once, when no request may name the
    session any longer.
    """

    def __init__(
        self,
        sid: str,
        settings: EngineSettings,
        clock: Clock,
        *,
        on_message: Callable[[Session, str | bytes], None],
        on_close: Callable[[Session, str], None],
        on_gone: Callable[[Session], None],
    ) -> None:
        self.sid = sid
        self.state = State.OPEN
        self.transport: Transport
        self._settings = settings
        self._clock = clock
        self._on_message = on_message
        self._on_close = on_close
        self._on_gone = on_gone
        self._timer: asyncio.TimerHandle | None = None  # the next ping, or the end of waiting
        self._probe: Transport | None = None
        self._probe_timer: asyncio.TimerHandle | None = None
        self._fast_poll_timer: asyncio.TimerHandle | None = None

    # opening, sending

    def open(self, transport: Transport) -> None:
        """Greet the client and start the heartbeat."""
        self.transport = transport
        greeting = {
            "sid": self.sid,
            "upgrades": self._upgrades(),
            "pingInterval": self._settings.ping_interval_ms,
            "pingTimeout": self._settings.ping_timeout_ms,
            "maxPayload": self._settings.max_payload,
        }
        text = json.dumps(greeting, separators=(",", ":"))
        self.send(Outbound(Packet(PacketType.OPEN, text)))
        self._schedule_ping()

    def send(self, packet: Outbound) -> None:
        """Send in order; nothing happens once the session is closed."""
        if self.state is State.OPEN:
            self.transport.send(packet)

    def _upgrades(self) -> list[str]:
        if self.transport.name == "polling" and "websocket" in self._settings.transports:
            return ["websocket"]
        return []

    # the heartbeat: the server pings, the client must answer in time

    def _schedule_ping(self) -> None:
        self._set_timer(self._settings.ping_interval_ms, self._ping)

    def _ping(self) -> None:
        self._set_timer(self._settings.ping_timeout_ms, lambda: self.end(Reason.PING_TIMEOUT))
        self.send(PING)

    def _set_timer(self, milliseconds: int, callback: Callable[[], object]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_later(milliseconds / 1000, callback)

    # receiving

    def receive(self, packet: Packet, via: Transport) -> None:
        """Take a packet from one of the session's transports."""
        if via is self._probe:
            self._receive_probe(packet, via)
            return
        if via is not self.transport or self.state is not State.OPEN:
            return
        match packet.type:
            case PacketType.MESSAGE:
                self._on_message(self, packet.data)
            case PacketType.PONG:
                self._schedule_ping()
            case PacketType.CLOSE:
                self.end(Reason.TRANSPORT_CLOSE, farewell=NOOP)
            case PacketType.PING:
                # In revision 4 a client never pings; Node calls it "invalid heartbeat direction".
                self.end(Reason.TRANSPORT_ERROR)
            case _:
                pass  # OPEN, UPGRADE and NOOP say nothing to a server here; Node ignores them too

    def malformed(self, via: Transport) -> None:
        """A transport received what is no packet."""
        if via is self._probe:
            self._drop_probe()
        elif via is self.transport:
            self.end(Reason.PARSE_ERROR)

    def lost(self, via: Transport, reason: str) -> None:
        """A transport is gone."""
        if via is self._probe:
            self._drop_probe()
        elif via is self.transport:
            self.end(reason)

    # upgrading: "2probe" is answered "3probe", then "5" makes the WebSocket the transport

    def probe(self, candidate: Transport) -> bool:
        """Let a WebSocket try to take over; False if there is or was one, or nothing to take."""
        taken = self._probe is not None or self.transport.name != "polling"
        if taken or self.state is not State.OPEN:
            return False
        self._probe = candidate
        timeout_s = self._settings.upgrade_timeout_ms / 1000
        self._probe_timer = self._clock.call_later(timeout_s, self._drop_probe)
        return True

    def _receive_probe(self, packet: Packet, candidate: Transport) -> None:
        if packet.type is PacketType.PING and packet.data == "probe":
            candidate.send(PROBE_ANSWER)
            self._end_polls()
        elif packet.type is PacketType.UPGRADE and self.state is State.OPEN:
            self._forget_probe()
            left, self.transport = self.transport, candidate
            for waiting in left.hand_over():
                candidate.send(waiting)
        else:
            self._drop_probe()

    def _end_polls(self) -> None:
        """A client sends its "5" between two polls: end the one that waits, and the next."""
        self.transport.wake()
        if self._fast_poll_timer is not None:
            self._fast_poll_timer.cancel()
        self._fast_poll_timer = self._clock.call_later(FAST_POLL_S, self._end_polls)

    def _drop_probe(self) -> None:
        candidate = self._forget_probe()
        if candidate is not None:
            candidate.close(CLOSE)

    def _forget_probe(self) -> Transport | None:
        for timer in (self._probe_timer, self._fast_poll_timer):
            if timer is not None:
                timer.cancel()
        candidate, self._probe = self._probe, None
        return candidate

    # closing

    def close(self) -> None:
        """Close by the server, in order: what was sent before still arrives."""
        if self.state is not State.OPEN:
            return
        self._drop_probe()
        if self.transport.close(CLOSE):
            self.end(Reason.SERVER)
            return
        self.state = State.CLOSING
        self._set_timer(int(FAREWELL_S * 1000), lambda: self.end(Reason.SERVER))
        self._on_close(self, Reason.SERVER)

    def abort(self) -> None:
        """Cut the TCP connection without a close frame, as a failing network does."""
        if self._probe is not None:
            self._probe.abort()
        self.transport.abort()
        self.end(Reason.TRANSPORT_ERROR)

    def end(self, reason: str, farewell: Outbound = CLOSE) -> None:
        """Close at once; a poll that waits is answered with `farewell`."""
        if self.state is State.CLOSED:
            return
        was, self.state = self.state, State.CLOSED
        if self._timer is not None:
            self._timer.cancel()
        self._drop_probe()
        self.transport.close(farewell)
        if was is State.OPEN:
            self._on_close(self, reason)
        self._on_gone(self)
