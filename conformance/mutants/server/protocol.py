"""How a server gets Engine.IO and Socket.IO wrong (S-PRO-1 to S-PRO-4)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from chatengine.packets.engineio import Packet as EnginePacket
from chatengine.packets.engineio import PacketType as EngineType
from chatengine.packets.errors import PacketError
from chatengine.packets.socketio import Packet, PacketType
from conformance.mutants.mutant import Seams, mutant
from fakes.chatengine.engineio import session
from fakes.chatengine.engineio.outbound import PING, Outbound
from fakes.chatengine.engineio.polling import PollingTransport
from fakes.chatengine.engineio.server import EngineServer
from fakes.chatengine.engineio.session import Session
from fakes.chatengine.engineio.websocket import WebSocketTransport
from fakes.chatengine.realtime import server
from fakes.chatengine.realtime.rooms import outbound
from fakes.chatengine.realtime.server import RealtimeServer


def _greeting(seams: Seams, otherwise: Any) -> None:
    """Greet with the handshake that `otherwise` makes of the right one."""
    send = Session.send

    @seams.function(Session, "send")
    def greeted(self: Session, packet: Outbound) -> None:
        if packet.text.startswith("0{"):
            told = otherwise(json.loads(packet.text[1:]))
            packet = Outbound(EnginePacket(EngineType.OPEN, json.dumps(told)))
        send(self, packet)


@mutant("S-PRO-1")
def greets_without_a_limit(seams: Seams) -> None:
    """Leaves `maxPayload` out of the handshake, as Engine.IO 3 did."""
    _greeting(seams, lambda told: {k: v for k, v in told.items() if k != "maxPayload"})


@mutant("S-PRO-1")
def greets_in_seconds(seams: Seams) -> None:
    """Tells its heartbeat in seconds, where the protocol has milliseconds."""
    _greeting(
        seams,
        lambda told: (
            told | {name: max(1, told[name] // 1000) for name in ("pingInterval", "pingTimeout")}
        ),
    )


@mutant("S-PRO-1")
def gives_everybody_one_sid(seams: Seams) -> None:
    """Answers CONNECT with the same id for every socket."""

    @seams.function(server, "outbound")
    def one_sid(packet: Packet) -> list[Outbound]:
        if packet.type is PacketType.CONNECT:
            packet = Packet(packet.type, packet.namespace, {"sid": "socket-1"})
        return outbound(packet)


@mutant("S-PRO-2")
def never_pings(seams: Seams) -> None:
    """Sends no pings, and waits for those of the client, as Engine.IO 3 did."""

    @seams.function(Session, "_schedule_ping")
    def never(self: Session) -> None:
        """The client is to begin."""


@mutant("S-PRO-2")
def pings_once(seams: Seams) -> None:
    """Sends one ping, and after its answer no more."""
    schedule = Session._schedule_ping
    pinged = set[str]()

    @seams.function(Session, "_schedule_ping")
    def once(self: Session) -> None:
        if self.sid in pinged and self._timer is not None:
            self._timer.cancel()
            return
        pinged.add(self.sid)
        schedule(self)


@mutant("S-PRO-2")
def waits_for_ever_for_a_pong(seams: Seams) -> None:
    """Pings, and does not mind whether anybody answers."""

    @seams.function(Session, "_ping")
    def again(self: Session) -> None:
        self.send(PING)
        self._set_timer(self._settings.ping_interval_ms, self._ping)


@mutant("S-PRO-2")
def has_no_patience_for_a_pong(seams: Seams) -> None:
    """Waits a fifth of `pingTimeout` for an answer to its ping."""
    ping = Session._ping

    @seams.function(Session, "_ping")
    def impatient(self: Session) -> None:
        ping(self)
        timeout_ms = self._settings.ping_timeout_ms // 5
        self._set_timer(timeout_ms, lambda: self.end(session.Reason.PING_TIMEOUT))


@mutant("S-PRO-3")
def loses_what_waits_at_an_upgrade(seams: Seams) -> None:
    """Drops what was waiting for the next poll when a WebSocket takes over."""
    hand_over = PollingTransport.hand_over

    @seams.function(PollingTransport, "hand_over")
    def dropped(self: PollingTransport) -> list[Outbound]:
        hand_over(self)
        return []


@mutant("S-PRO-3")
def hands_over_backwards(seams: Seams) -> None:
    """Sends what was waiting for the next poll in the wrong order when a WebSocket takes over."""
    hand_over = PollingTransport.hand_over

    @seams.function(PollingTransport, "hand_over")
    def backwards(self: PollingTransport) -> list[Outbound]:
        return hand_over(self)[::-1]


@mutant("S-PRO-3")
def reads_one_packet_of_a_post(seams: Seams) -> None:
    """Reads the first packet of a POST that has several."""
    take_post = PollingTransport.take_post

    @seams.function(PollingTransport, "take_post")
    async def first(self: PollingTransport, body: bytes) -> bool:
        return await take_post(self, body.split(b"\x1e")[0])


@mutant("S-PRO-3")
def answers_polls_newest_first(seams: Seams) -> None:
    """Answers a poll with what waited for it, the last first."""
    take = PollingTransport._take

    @seams.function(PollingTransport, "_take")
    def backwards(self: PollingTransport) -> list[Outbound]:
        return take(self)[::-1]


@mutant("S-PRO-3")
def sends_twice_after_an_upgrade(seams: Seams) -> None:
    """Leaves its first listener on when a WebSocket takes over: each event goes out twice."""
    send, began_polling = Session.send, set[str]()

    @seams.function(Session, "send")
    def twice(self: Session, packet: Outbound) -> None:
        send(self, packet)
        if self.transport.name == "polling":
            began_polling.add(self.sid)
        elif self.sid in began_polling and packet.text.startswith("42"):
            send(self, packet)


@mutant("S-PRO-3")
def loses_a_session_with_its_probe(seams: Seams) -> None:
    """Ends the session when a WebSocket that has not taken over goes away."""
    lost = Session.lost

    @seams.function(Session, "lost")
    def ended(self: Session, via: Any, reason: str) -> None:
        if via is self._probe:
            self.end(reason)
        else:
            lost(self, via, reason)


@mutant("S-PRO-3")
def lets_a_second_websocket_take_over(seams: Seams) -> None:
    """Lets a second WebSocket take over a session that has been upgraded."""
    probe = Session.probe

    @seams.function(Session, "probe")
    def anybody(self: Session, candidate: Any) -> bool:
        if self.transport.name == "websocket":
            self.transport.abort()
            self.transport = candidate
            return True
        return probe(self, candidate)


@mutant("S-PRO-3")
def polls_on_after_a_close(seams: Seams) -> None:
    """Takes no notice of a close packet."""
    receive = Session.receive

    @seams.function(Session, "receive")
    def deaf(self: Session, packet: EnginePacket, via: Any) -> None:
        if packet.type is not EngineType.CLOSE:
            receive(self, packet, via)


@mutant("S-PRO-4")
def passes_over_broken_packets(seams: Seams) -> None:
    """Passes over a Socket.IO packet that cannot be read, and leaves the connection open."""

    @seams.function(RealtimeServer, "_handle_eio_message")
    def lenient(self: RealtimeServer, eio_sid: str, data: str | bytes) -> None:
        decoder = self._peers[eio_sid].decoder
        try:
            packet = decoder.add(data)
        except PacketError:
            self._peers[eio_sid].decoder = type(decoder)()
            return
        if packet is not None:
            self._take(self._peers[eio_sid], packet)


@mutant("S-PRO-4")
def passes_over_broken_engine_packets(seams: Seams) -> None:
    """Passes over an Engine.IO packet that cannot be read, and leaves the session open."""

    @seams.function(Session, "malformed")
    def lenient(self: Session, via: Any) -> None:
        """Nothing is ended."""


@mutant("S-PRO-4")
def leaves_broken_frames_to_the_heartbeat(seams: Seams) -> None:
    """Reads no further after an invalid frame, and leaves the connection to the heartbeat."""

    @seams.function(WebSocketTransport, "_fail")
    def stuck(self: WebSocketTransport, code: int) -> None:
        self._readable = False


@mutant("S-PRO-4")
def waits_for_connect(seams: Seams) -> None:
    """Passes over what comes before CONNECT."""
    take = RealtimeServer._take

    @seams.function(RealtimeServer, "_take")
    def patient(self: RealtimeServer, peer: Any, packet: Packet) -> None:
        if packet.type is PacketType.CONNECT or peer.members.get(packet.namespace) is not None:
            take(self, peer, packet)


@mutant("S-PRO-4")
def closes_broken_connections_later(seams: Seams) -> None:
    """Closes the connection of an invalid packet after three seconds."""
    close = Session.close

    @seams.function(Session, "close")
    def later(self: Session) -> None:
        self._clock.call_later(3.0, lambda: close(self))

    malformed = Session.malformed

    @seams.function(Session, "malformed")
    def malformed_later(self: Session, via: Any) -> None:
        self._clock.call_later(3.0, lambda: malformed(self, via))


@mutant("S-PRO-4")
def lets_two_polls_wait(seams: Seams) -> None:
    """Lets two polls of one session wait at once."""
    poll = PollingTransport.poll

    @seams.function(PollingTransport, "poll")
    async def one_after_the_other(self: PollingTransport, wire: Any) -> str:
        while self._waiting is not None:  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0.01)
        return await poll(self, wire)


@mutant("S-PRO-4")
def takes_any_version(seams: Seams) -> None:
    """Opens a session for whatever version of the protocol is asked for."""
    answer = EngineServer._answer

    @seams.function(EngineServer, "_answer")
    async def any_version(self: EngineServer, request: web.Request) -> web.StreamResponse:
        url = request.rel_url.update_query({"EIO": "4"})
        return await answer(self, request.clone(rel_url=url))


@mutant("S-PRO-4")
def opens_a_session_for_an_unknown_one(seams: Seams) -> None:
    """Opens a new session where one is named that it does not know."""
    answer = EngineServer._answer_session

    @seams.function(EngineServer, "_answer_session")
    async def anew(
        self: EngineServer, request: web.Request, sid: str, upgrade: bool
    ) -> web.StreamResponse:
        if sid in self.sessions:
            return await answer(self, request, sid, upgrade)
        if upgrade:
            return await self._run_websocket(request, None)
        return await self._open_polling(request)
