"""A `message` event as the accounting reads it: once, however many subscribers here it reaches.

A server sends every subscriber of a conversation the same bytes, so that a process with hundreds of
them would parse the same JSON and the same stamp hundreds of times: 1.8 us each, where looking the
bytes up takes 0.35.
"""

from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from locustfiles.engine import stamps

__all__ = ["NOTHING", "PACKET_TYPES", "Arrival", "Malformed", "Route", "read"]

PACKET_TYPES: Final = 2
"""Length of the packet types, Engine.IO's and Socket.IO's, in front of an event's JSON."""

_KNOWN: Final = 1024
"""Different messages on their way to subscribers at the same time; more are parsed again."""


Route = tuple[str, int]


class Malformed(ValueError):
    """An event without the contract's shape."""


class Arrival(Struct, frozen=True):
    """What a message says to the accounting; `settled` is that of the stamp.

    `route` is the conversation and the stream: one object for all arrivals that share both.
    `workspace_id` is empty where the server left it out.
    """

    route: Route
    workspace_id: str
    stamp: stamps.Stamp | None
    settled: int


NOTHING: Final = Arrival(("", -1), "", None, 0)
"""What has arrived before anything has."""


@lru_cache(_KNOWN)
def read(event: bytes) -> Arrival:
    """Read a `message` event, `42["message",{...}]`; raises `Malformed`.

    The packet types stay in front until here, so that a packet seen before is not copied.
    """
    try:
        message = _decode(event[PACKET_TYPES:])[1]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error)) from None
    stamp = stamps.parse(message.provider_id)
    if stamp is None:
        return Arrival((message.conversation_id, -1), message.workspace_id, None, 0)
    route = _route(message.conversation_id, stamp.stream)
    return Arrival(route, message.workspace_id, stamp, stamp.settled)


@lru_cache(_KNOWN)
def _route(conversation_id: str, stream: int) -> Route:
    return conversation_id, stream


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
