"""Phoenix channels, vsn 2.0.0, as Supabase Realtime speaks them: frames in, frames out, no I/O.

A frame is a JSON array `[join_ref, ref, topic, event, payload]`. The server answers a push with
`phx_reply` and the push's `ref`; whatever belongs to one join of a topic carries that join's
`join_ref`, except `postgres_changes`, which carries null for both. Binary frames are for
broadcasts alone, which nobody here asks for.

Source: Realtime 2.129 (`realtime_channel.ex`, `socket/v2_serializer.ex`), realtime-js 2.119.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import Raw, Struct

__all__ = [
    "ACCESS_TOKEN",
    "CHANGES",
    "CLOSE",
    "ERROR",
    "HEARTBEAT",
    "JOIN",
    "LEAVE",
    "PHOENIX",
    "REPLY",
    "SYSTEM",
    "VSN",
    "Binding",
    "Change",
    "Frame",
    "FrameError",
    "Reply",
    "System",
    "bound_ids",
    "decode",
    "encode",
    "join_payload",
    "read_change",
    "read_reply",
    "read_system",
]

VSN: Final = "2.0.0"
PHOENIX: Final = "phoenix"
"""The topic of heartbeats."""

HEARTBEAT: Final = "heartbeat"
JOIN: Final = "phx_join"
LEAVE: Final = "phx_leave"
REPLY: Final = "phx_reply"
CLOSE: Final = "phx_close"
ERROR: Final = "phx_error"
SYSTEM: Final = "system"
CHANGES: Final = "postgres_changes"
ACCESS_TOKEN: Final = "access_token"

MOST_BYTES: Final = 8 * 1024 * 1024
"""A larger frame is not read. Realtime cuts a change at 1 MiB of WAL and refuses frames above
5 MB from clients, so nothing honest comes near."""

T = TypeVar("T")


class FrameError(Exception):
    """What came is no frame of the protocol; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Frame(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One frame; the payload stays undecoded until somebody wants it."""

    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: Raw


class Binding(Struct, frozen=True):
    """A subscription to the changes of one table; `filter` as in `conversation_id=eq.5`."""

    event: Literal["INSERT", "UPDATE"]
    table: str
    filter: str
    schema: str = "public"


class Reply(Struct, frozen=True):
    """The answer to a push; what `response` is depends on the push."""

    status: str
    response: Any = None

    @property
    def reason(self) -> str:
        """Why the push was refused, in the server's words; empty where it gave none."""
        found = self.response.get("reason") if isinstance(self.response, dict) else None
        return found if isinstance(found, str) else ""


class System(Struct, frozen=True):
    """What the server says of a channel; extension `postgres_changes` is the subscription."""

    status: str
    extension: str = ""
    message: str = ""

    @property
    def subscribed(self) -> bool:
        """Whether the database subscription is there now."""
        return self.status == "ok" and self.extension == CHANGES


class Row(Struct, frozen=True):
    """The changed row: `errors` is null or a list of sentences such as `Error 413: ...`."""

    table: str
    type: str
    schema: str = "public"
    record: dict[str, Any] | None = None
    errors: list[str] | None = None


class Change(Struct, frozen=True):
    """A `postgres_changes` payload: `ids` name the bindings that it is for."""

    ids: list[int | str]
    data: Row


_frames: Final = msgspec.json.Decoder(Frame)
_replies: Final = msgspec.json.Decoder(Reply)
_systems: Final = msgspec.json.Decoder(System)
_changes: Final = msgspec.json.Decoder(Change)


def decode(data: bytes) -> Frame:
    """Read one text message's bytes; raises `FrameError` for whatever is no frame."""
    if len(data) > MOST_BYTES:
        raise FrameError(f"{len(data)} bytes, more than {MOST_BYTES}")
    return _read(_frames, data)


def encode(
    join_ref: str | None, ref: str | None, topic: str, event: str, payload: dict[str, object]
) -> str:
    """Write one frame as the text of a WebSocket message."""
    return msgspec.json.encode((join_ref, ref, topic, event, payload)).decode()


def read_reply(frame: Frame) -> Reply:
    """The payload of a `phx_reply`; raises `FrameError`."""
    return _read(_replies, frame.payload)


def read_system(frame: Frame) -> System:
    """The payload of a `system`; raises `FrameError`."""
    return _read(_systems, frame.payload)


def read_change(frame: Frame) -> Change:
    """The payload of a `postgres_changes`; raises `FrameError`."""
    return _read(_changes, frame.payload)


def join_payload(bindings: Sequence[Binding], access_token: str) -> dict[str, object]:
    """What a `phx_join` carries: changes alone, neither broadcast nor presence."""
    return {
        "config": {
            "broadcast": {"ack": False, "self": False},
            "presence": {"key": "", "enabled": False},
            "postgres_changes": bindings,
            "private": False,
        },
        "access_token": access_token,
    }


def bound_ids(reply: Reply, bindings: Sequence[Binding]) -> tuple[int | str, ...] | None:
    """The server's id of each binding, in order; None where it answered with other bindings.

    The answer to a join repeats the bindings, with an id each, in the order in which they were
    asked for: they are matched by index (supabase.md, "Join").
    """
    response = reply.response
    answered = response.get("postgres_changes") if isinstance(response, dict) else None
    if not isinstance(answered, list) or len(answered) < len(bindings):
        return None
    ids = [_bound_id(entry, binding) for entry, binding in zip(answered, bindings, strict=False)]
    found = tuple(each for each in ids if each is not None)
    return found if len(found) == len(bindings) else None


def _bound_id(entry: object, binding: Binding) -> int | str | None:
    if not isinstance(entry, dict):
        return None
    wanted = (binding.event, binding.schema, binding.table, binding.filter)
    answered = tuple(entry.get(name) for name in ("event", "schema", "table", "filter"))
    found = entry.get("id")
    return found if answered == wanted and isinstance(found, int | str) else None


def _read(decoder: "msgspec.json.Decoder[T]", data: bytes | Raw) -> T:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(str(error)) from None
