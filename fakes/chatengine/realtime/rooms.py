"""Who is in which room, and how an event reaches them all.

python-socketio's own manager copies a room for each emit and walks all rooms for each disconnect;
with a room for each of thousands of clients that is quadratic. This one keeps, beside the rooms,
the rooms of each member, and encodes and frames an event once for all its recipients.
"""

from __future__ import annotations

import inspect
import itertools
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import socketio

from chatengine.packets.socketio import Packet, PacketType, encode
from fakes.chatengine.engineio.outbound import Outbound, message

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterator

    from fakes.chatengine.engineio.session import Session

__all__ = ["Member", "Phase", "RoomManager", "outbound"]

EVERYBODY = None
"""The room of all members of a namespace, as python-socketio names it."""


def outbound(packet: Packet) -> list[Outbound]:
    """A Socket.IO packet, encoded for any number of recipients; PacketError if it cannot be."""
    return [message(part) for part in encode(packet)]


class Phase(Enum):
    """A member is CONNECTING while the connect handler runs, and GONE before disconnect's."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    GONE = "gone"


@dataclass(slots=True, eq=False)
class Member:
    """One client in one namespace."""

    sid: str
    namespace: str
    session: Session
    phase: Phase = Phase.CONNECTING
    rooms: set[Hashable] = field(default_factory=set)
    data: dict[str, Any] = field(default_factory=dict)
    """The application's own, as `get_session` returns it."""
    held: list[Outbound] = field(default_factory=list)
    """What the connect handler emitted: it follows the CONNECT packet."""
    callbacks: dict[int, Callable[..., Any]] = field(default_factory=dict)
    ack_ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def send(self, packets: list[Outbound]) -> None:
        """Send, or hold until the member is connected; nothing once it is gone."""
        if self.phase is Phase.CONNECTED:
            for packet in packets:
                self.session.send(packet)
        elif self.phase is Phase.CONNECTING:
            self.held += packets


class RoomManager(socketio.AsyncManager):  # type: ignore[misc]  # the library has no types
    """Members and rooms by namespace, behind the interface that `socketio.AsyncServer` calls."""

    def __init__(self) -> None:
        super().__init__()
        self._members: dict[tuple[str, str], Member] = {}  # by namespace and sid
        self._rooms: dict[tuple[str, Hashable], dict[str, Member]] = {}  # by namespace and name

    # members

    def add(self, session: Session, namespace: str) -> Member:
        """A new member, CONNECTING."""
        member = Member(self.server.eio.generate_id(), namespace, session)
        self._members[namespace, member.sid] = member
        self._enter(member, EVERYBODY)
        return member

    def member(self, sid: str, namespace: str) -> Member:
        """The member, even if GONE, while its disconnect handler runs; else KeyError."""
        return self._members[namespace, sid]

    def remove(self, member: Member) -> None:
        """Nothing is sent to the member any more; its rooms can still be asked for."""
        member.phase = Phase.GONE
        for room in member.rooms:
            self._leave(member, room)

    def forget(self, member: Member) -> None:
        """The last of a member."""
        self.remove(member)
        del self._members[member.namespace, member.sid]

    def _enter(self, member: Member, room: Hashable) -> None:
        self._rooms.setdefault((member.namespace, room), {})[member.sid] = member
        member.rooms.add(room)

    def _leave(self, member: Member, room: Hashable) -> None:
        members = self._rooms.get((member.namespace, room), {})
        if members.pop(member.sid, None) is not None and not members:
            del self._rooms[member.namespace, room]

    def _in_room(self, namespace: str, room: Any) -> Collection[Member]:
        """The members of a room, of several together, or the one whose sid it is."""
        if isinstance(room, list | tuple | set | frozenset):
            found = {
                member.sid: member for name in room for member in self._in_room(namespace, name)
            }
            return found.values()
        if members := self._rooms.get((namespace, room)):
            return members.values()
        single = self._members.get((namespace, room))
        return [] if single is None else [single]

    # what python-socketio calls

    def is_connected(self, sid: str, namespace: str) -> bool:
        """Whether events reach the member and are taken from it."""
        member = self._members.get((namespace, sid))
        return member is not None and member.phase is Phase.CONNECTED

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:
        """The id of the connection beneath a member."""
        member = self._members.get((namespace, sid))
        return None if member is None else member.session.sid

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        """The sids in a room, with those of their connections."""
        for member in list(self._in_room(namespace, room)):
            yield member.sid, member.session.sid

    def get_rooms(self, sid: str, namespace: str) -> list[Hashable]:
        """A member's rooms, the one of its own sid included."""
        member = self._members.get((namespace, sid))
        return [] if member is None else [sid, *(member.rooms - {EVERYBODY})]

    def basic_enter_room(
        self, sid: str, namespace: str, room: Hashable, eio_sid: str | None = None
    ) -> None:
        """Enter a room; ValueError for a sid that is not there and for another member's sid."""
        member = self._members.get((namespace, sid))
        if member is None or member.phase is Phase.GONE:
            raise ValueError("sid is not connected to requested namespace")
        if (namespace, room) in self._members:
            raise ValueError("cannot enter a sid room")
        self._enter(member, room)

    def basic_leave_room(self, sid: str, namespace: str, room: Hashable) -> None:
        """Leave a room, if the member is in it."""
        member = self._members.get((namespace, sid))
        if member is not None and room is not EVERYBODY:
            self._leave(member, room)
            member.rooms.discard(room)

    def basic_close_room(self, room: Hashable, namespace: str) -> None:
        """Put everybody out of a room."""
        for sid, _ in self.get_participants(namespace, room):
            self.basic_leave_room(sid, namespace, room)

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: str | list[str] | None = None,
        callback: Callable[..., Any] | None = None,
        to: Any = None,
        **_: Any,
    ) -> None:
        """Write the event to every member of the room; PacketError if it cannot be encoded."""
        arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        skipped = skip_sid if isinstance(skip_sid, list) else [skip_sid]
        members = [
            member for member in self._in_room(namespace, to or room) if member.sid not in skipped
        ]
        packet = Packet(PacketType.EVENT, namespace, [event, *arguments])
        if callback is None:
            packets = outbound(packet) if members else []
            for member in members:
                member.send(packets)
            return
        for member in members:
            ack_id = next(member.ack_ids)
            member.callbacks[ack_id] = callback
            member.send(outbound(Packet(packet.type, namespace, packet.data, ack_id)))

    async def acknowledge(self, member: Member, ack_id: int | None, data: list[Any]) -> None:
        """Call back whoever waits for this; an unknown acknowledgement is ignored, as in Node."""
        callback = None if ack_id is None else member.callbacks.pop(ack_id, None)
        if callback is not None:
            result = callback(*data)
            if inspect.isawaitable(result):
                await result
