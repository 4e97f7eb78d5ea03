"""A `message` event as the accounting sees it: read once, however many subscribers it reaches here.

A server sends every subscriber of a conversation the same bytes, so that a process with hundreds of
them would parse the same JSON and the same stamp, and look up the same counters, hundreds of times:
1.8 us each for the parsing alone. Instead a message that arrives collects the moments of its
arrivals, and they are entered in the ledger together, in loops that take a tenth of the time.
"""

from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from locustfiles.engine import stamps
from locustfiles.engine.ledger import Ledger

__all__ = ["PACKET_TYPES", "Arrivals", "Content", "Message", "Route"]

PACKET_TYPES: Final = 2
"""Length of the packet types, Engine.IO's and Socket.IO's, in front of an event's JSON."""

_KNOWN: Final = 1024
"""Different messages on their way to subscribers at the same time; more are parsed again."""

_NO_EVENT: Final = b"no event has these bytes"

Route = tuple[int, str, int]
"""Run, conversation and stream."""


class Content(Struct, frozen=True):
    """What a message says to the accounting.

    All copies of it share `provider_id`, and `route` is one object for all messages that share
    it. `stamp` is None where no publisher of ours wrote the message. `workspace_id` is empty where
    the server left it out.
    """

    provider_id: str
    route: Route
    workspace_id: str
    stamp: stamps.Stamp | None


class Message:
    """One message on its way to the subscribers of this process.

    `content` is None where the event has not the contract's shape. `route` is that of the content,
    but None where the message is not this run's, and `sequence`, `following` and `settled` are
    only then meaningful. `arrived` holds the moments of arrival (`monotonic_ns`, ascending) that no
    ledger has yet.
    """

    # What a socket compares for each arrival are these objects themselves: shared by all the
    # sockets they are warm in the processor's cache, where a number of each socket's own is not.
    __slots__ = ("arrived", "content", "event", "following", "route", "sequence", "settled")

    def __init__(self, event: bytes, began_us: int) -> None:
        self.event = event
        self.content = _read(event)
        self.route: Route | None = None
        self.sequence = self.following = self.settled = -1
        self.arrived: list[int] = []
        stamp = None if self.content is None else self.content.stamp
        # Forged, if before the run: its moment would make a second of its own in the ledger.
        if self.content is not None and stamp is not None and stamp.intended_us >= began_us:
            self.route = self.content.route
            self.sequence = stamp.sequence
            self.following = stamp.sequence + 1
            self.settled = stamp.settled

    def enter(self, ledger: Ledger, offset_us: int) -> None:
        """Enter what arrived in the ledger; `offset_us` leads to the run's clock."""
        if self.arrived and self.content is not None and self.content.stamp is not None:
            moments = [ns // 1000 + offset_us for ns in self.arrived]
            self.arrived.clear()
            ledger.delivered(self.content.stamp, moments)


class Arrivals:
    """The messages that are arriving; `last` is the one that came last."""

    __slots__ = ("_known", "_open", "last")

    def __init__(self) -> None:
        self.last = Message(_NO_EVENT, 0)
        self._known: dict[bytes, Message] = {}
        self._open: list[Message] = []

    def turn_to(self, event: bytes, began_us: int) -> Message:
        """Return the message of `event`, which from now on is the last; `began_us`: the run."""
        message = self._known.get(event)
        if message is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            message = self._known[event] = Message(event, began_us)
        self._open.append(message)
        self.last = message
        return message

    def enter(self, ledger: Ledger, offset_us: int) -> None:
        """Enter all that arrived since the last time in the ledger."""
        for message in self._open:
            message.enter(ledger, offset_us)
        self._open = [self.last]


def _read(event: bytes) -> Content | None:
    """Read a `message` event, `42["message",{...}]`; None without the contract's shape.

    The packet types stay in front until here, so that a packet seen before is not copied.
    """
    try:
        message = _decode(event[PACKET_TYPES:])[1]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    provider_id = message.provider_id
    stamp = stamps.parse(provider_id)
    run, stream = (-1, -1) if stamp is None else (stamp.run, stamp.stream)
    route = _route(run, message.conversation_id, stream)
    return Content(provider_id, route, message.workspace_id, stamp)


@lru_cache(_KNOWN)
def _route(run: int, conversation_id: str, stream: int) -> Route:
    return run, conversation_id, stream


class _Metadata(Struct, rename="camel"):
    provider_message_id: str = ""


class _Message(Struct, rename="camel"):
    id: str
    conversation_id: str
    workspace_id: str = ""
    metadata: _Metadata | None = None

    @property
    def provider_id(self) -> str:
        """`metadata.providerMessageId`, or what the id says: it is `evo-<key.id>` (section 5)."""
        if self.metadata is not None and self.metadata.provider_message_id:
            return self.metadata.provider_message_id
        return self.id.removeprefix("evo-")


_decode = msgspec.json.Decoder(tuple[str, _Message]).decode
