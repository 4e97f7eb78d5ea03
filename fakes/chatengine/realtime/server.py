"""The Socket.IO server: python-socketio's API on our Engine.IO server, as strict as Node's.

python-socketio keeps the registry of handlers and namespaces; the packets, their order and the
answer to those that are out of place are ours (Node: socket.io/lib/client.ts).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import socketio

from chatengine.packets.errors import PacketError
from chatengine.packets.socketio import Decoder, Packet, PacketType
from fakes.chatengine.engineio.server import EngineServer
from fakes.chatengine.engineio.session import Reason
from fakes.chatengine.realtime.rooms import Member, Phase, RoomManager, outbound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from fakes.chatengine.engineio.session import Session
    from fakes.chatengine.realtime.settings import RealtimeSettings

__all__ = ["Connection", "RealtimeServer", "create_realtime"]

log = logging.getLogger(__name__)

library_log = logging.getLogger(f"{__name__}.library")
library_log.setLevel(logging.WARNING)  # python-socketio writes a line for each emit at INFO


@dataclass(frozen=True, slots=True)
class Connection:
    """One Engine.IO session as a test sees it.

    `sids` maps each namespace joined to the Socket.IO id there; `buffered` is what waits for the
    client, in bytes.
    """

    id: str
    transport: str
    remote: str
    sids: Mapping[str, str]
    buffered: int


@dataclass(slots=True, eq=False)
class _Peer:
    """What Socket.IO knows of a connection."""

    session: Session
    environ: Mapping[str, str]
    connect_timer: asyncio.TimerHandle
    decoder: Decoder = field(default_factory=Decoder)
    members: dict[str, Member] = field(default_factory=dict)  # by namespace

    def describe(self) -> Connection:
        return Connection(
            id=self.session.sid,
            transport=self.session.transport.name,
            remote=self.environ["REMOTE_ADDR"],
            sids={
                name: member.sid
                for name, member in self.members.items()
                if member.phase is Phase.CONNECTED
            },
            buffered=self.session.transport.buffered,
        )


class RealtimeServer(socketio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """A Socket.IO server for aiohttp; `fakes.chatengine.realtime` says how to use it."""

    def __init__(self, settings: RealtimeSettings) -> None:
        super().__init__(client_manager=RoomManager(), logger=library_log, settings=settings)
        self.settings = settings
        self._peers: dict[str, _Peer] = {}

    # the state of a member, for the application

    async def get_session(self, sid: str, namespace: str | None = None) -> dict[str, Any]:
        """The application's data of a member; KeyError for an unknown one."""
        data: dict[str, Any] = self.manager.member(sid, namespace or "/").data
        return data

    async def save_session(
        self, sid: str, session: dict[str, Any], namespace: str | None = None
    ) -> None:
        """Replace the application's data of a member; KeyError for an unknown one."""
        self.manager.member(sid, namespace or "/").data = session

    # control, for tests

    def connections(self) -> list[Connection]:
        """Every open connection, whether or not it has joined a namespace."""
        return [peer.describe() for peer in self._peers.values()]

    def connection_of(self, sid: str, namespace: str = "/") -> Connection:
        """The connection of a Socket.IO id; KeyError for an unknown one."""
        member = self.manager.member(sid, namespace)
        return self._peers[member.session.sid].describe()

    def cut(self, connection_id: str) -> None:
        """Abort the TCP transport, without a close frame; KeyError for an unknown connection."""
        self._peers[connection_id].session.abort()

    def close(self, connection_id: str) -> None:
        """Close the Engine.IO session; KeyError for an unknown connection."""
        self._peers[connection_id].session.close()

    async def disconnect(
        self, sid: str, namespace: str | None = None, ignore_queue: bool = False
    ) -> None:
        """Put a member out of its namespace; the connection stays open, as in Node."""
        namespace = namespace or "/"
        if not self.manager.is_connected(sid, namespace):
            return
        member = self.manager.member(sid, namespace)
        member.send(outbound(Packet(PacketType.DISCONNECT, namespace)))
        self._remove(member)
        await self._run_disconnect(member, Reason.SERVER)

    # what Engine.IO tells

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    def _handle_eio_connect(self, eio_sid: str, environ: Mapping[str, str]) -> None:
        session = self.eio.sessions[eio_sid]
        timeout_s = self.settings.connect_timeout_ms / 1000
        timer = asyncio.get_running_loop().call_later(timeout_s, session.close)
        self._peers[eio_sid] = _Peer(session, environ, timer)

    def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        peer = self._peers[eio_sid]
        try:
            packet = peer.decoder.add(data)
        except PacketError as error:
            log.debug("closing %s: %s", eio_sid, error)
            peer.session.close()
            return
        if packet is not None:
            self._take(peer, packet)

    def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        peer = self._peers.pop(eio_sid)
        peer.connect_timer.cancel()
        for member in peer.members.values():
            was = member.phase
            self.manager.remove(member)
            if was is Phase.CONNECTED:
                self.start_background_task(self._run_disconnect, member, reason)

    # packets

    def _take(self, peer: _Peer, packet: Packet) -> None:
        """Act on a packet, or close the connection of a client that sends it out of place."""
        member = peer.members.get(packet.namespace)
        if member is None and packet.type is PacketType.CONNECT:
            self._take_connect(peer, packet)
        elif member is None or member.phase is not Phase.CONNECTED:
            peer.session.close()
        elif packet.type is PacketType.EVENT:
            self.start_background_task(self._run_event, member, packet)
        elif packet.type is PacketType.ACK:
            self.start_background_task(self._run_ack, member, packet)
        elif packet.type is PacketType.DISCONNECT:
            self._remove(member)
            self.start_background_task(self._run_disconnect, member, Reason.CLIENT)
        else:
            peer.session.close()

    def _take_connect(self, peer: _Peer, packet: Packet) -> None:
        if not self._is_known(packet.namespace):
            error = {"message": "Invalid namespace"}
            for part in outbound(Packet(PacketType.CONNECT_ERROR, packet.namespace, error)):
                peer.session.send(part)
            return
        member = self.manager.add(peer.session, packet.namespace)
        peer.members[packet.namespace] = member
        self.start_background_task(self._run_connect, peer, member, packet.data)

    def _is_known(self, namespace: str) -> bool:
        return (
            namespace in self.handlers
            or namespace in self.namespace_handlers
            or self.namespaces == "*"
            or namespace in self.namespaces
        )

    def _remove(self, member: Member) -> None:
        self.manager.remove(member)
        del self._peers[member.session.sid].members[member.namespace]

    # handlers: whatever they raise is logged and goes no further

    async def _run_connect(self, peer: _Peer, member: Member, auth: dict[str, Any] | None) -> None:
        refusal = await self._refusal(peer, member, auth)
        if member.phase is Phase.GONE:  # the connection was lost while the handler ran
            if refusal is None:
                await self._run_disconnect(member, Reason.TRANSPORT_CLOSE)
            else:
                self.manager.forget(member)
            return
        if refusal is not None:
            self._remove(member)
            self.manager.forget(member)
            for part in outbound(Packet(PacketType.CONNECT_ERROR, member.namespace, refusal)):
                peer.session.send(part)
            return
        peer.connect_timer.cancel()
        member.phase = Phase.CONNECTED
        accepted = outbound(Packet(PacketType.CONNECT, member.namespace, {"sid": member.sid}))
        held, member.held = member.held, []
        member.send(accepted + held)

    async def _refusal(self, peer: _Peer, member: Member, auth: Any) -> Any:
        """What the connect handler objects to, as the data of a CONNECT_ERROR, or None."""
        try:
            result = await self._trigger_event(
                "connect", member.namespace, member.sid, peer.environ, auth
            )
        except socketio.exceptions.ConnectionRefusedError as error:
            return error.error_args
        except Exception:
            log.exception("the connect handler failed")
            return {"message": "Internal error"}
        return {"message": "Connection rejected by server"} if result is False else None

    async def _run_event(self, member: Member, packet: Packet) -> None:
        event, *arguments = packet.data
        if event == "*":  # the name under which python-socketio keeps the catch-all handler
            return
        try:
            result = await self._trigger_event(event, member.namespace, member.sid, *arguments)
            if packet.id is None or result is self.not_handled:
                return
            data = list(result) if isinstance(result, tuple) else [] if result is None else [result]
            member.send(outbound(Packet(PacketType.ACK, member.namespace, data, packet.id)))
        except Exception:
            log.exception("the handler of event %.80r failed", event)

    async def _run_ack(self, member: Member, packet: Packet) -> None:
        try:
            await self.manager.acknowledge(member, packet.id, packet.data)
        except Exception:
            log.exception("an acknowledgement's callback failed")

    async def _run_disconnect(self, member: Member, reason: str) -> None:
        try:
            await self._trigger_event("disconnect", member.namespace, member.sid, reason)
        except Exception:
            log.exception("the disconnect handler failed")
        finally:
            self.manager.forget(member)


def create_realtime(app: web.Application, settings: RealtimeSettings) -> RealtimeServer:
    """A server on the application's routes; it closes its connections when that shuts down."""
    server = RealtimeServer(settings)
    server.attach(app, settings.path)

    async def shutdown(_: web.Application) -> None:
        await server.shutdown()

    app.on_shutdown.append(shutdown)
    return server
