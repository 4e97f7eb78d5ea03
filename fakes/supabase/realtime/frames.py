"""Phoenix's frames, without I/O: objects in vsn 1.0.0, arrays in 2.0.0.

The server writes no `join_ref` into an object. An array has both refs, null where there is none.
Binary frames carry broadcasts alone, and only in 2.0.0 (realtime-js, `serializer`).
"""

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

__all__ = [
    "Frame",
    "MalformedFrame",
    "Version",
    "decode",
    "encode",
    "negotiate",
    "reply",
]

Version = Literal["1.0.0", "2.0.0"]

_PUSH: Final = 3
_DELIVERY: Final = 4
_AS_BYTES: Final = 0


class MalformedFrame(ValueError):
    """A message that is no frame of the version; the server writes it into its log, no more."""


class Frame(Struct, frozen=True):
    """One message, in either direction.

    `payload` is an object as a rule; a client may send anything. Of a broadcast of bytes it is
    `(event, bytes)`.
    """

    topic: str
    event: str
    payload: Any
    ref: str | None = None
    join_ref: str | None = None


def negotiate(vsn: str | None) -> Version | None:
    """Return the version to speak: 1.0.0 where none is asked for, None where it is unknown."""
    if vsn is None or vsn.startswith("1.0."):
        return "1.0.0"
    return "2.0.0" if vsn.startswith("2.0.") else None


def reply(to: Frame, status: Literal["ok", "error"], response: object) -> Frame:
    """Return the answer to a client's frame, with both its refs."""
    payload = {"status": status, "response": response}
    return Frame(to.topic, "phx_reply", payload, to.ref, to.join_ref)


def encode(frame: Frame, version: Version) -> str | bytes | None:
    """Return what goes on the wire; None for what the version cannot say."""
    if isinstance(frame.payload, tuple):
        return _delivery(frame) if version == "2.0.0" else None
    if version == "1.0.0":
        wire: Any = {
            "event": frame.event,
            "payload": frame.payload,
            "ref": frame.ref,
            "topic": frame.topic,
        }
    else:
        wire = [frame.join_ref, frame.ref, frame.topic, frame.event, frame.payload]
    return msgspec.json.encode(wire).decode()


def _delivery(frame: Frame) -> bytes:
    event, data = frame.payload
    topic, name = frame.topic.encode(), event.encode()
    return b"".join((bytes((_DELIVERY, len(topic), len(name), 0, _AS_BYTES)), topic, name, data))


class _Object(Struct):
    topic: str
    event: str
    payload: Any
    ref: str | None
    join_ref: str | None = None


_objects: Final = msgspec.json.Decoder(_Object)
_arrays: Final = msgspec.json.Decoder(list[Any])


def decode(data: str | bytes, version: Version) -> Frame:
    """Read a client's message; raises `MalformedFrame`."""
    try:
        if isinstance(data, bytes):
            return _pushed(data) if version == "2.0.0" else _refuse()
        if version == "1.0.0":
            read = _objects.decode(data)
            return Frame(read.topic, read.event, read.payload, read.ref, read.join_ref)
        return _of_array(_arrays.decode(data))
    except (msgspec.DecodeError, UnicodeError, RecursionError, IndexError) as error:
        raise MalformedFrame(str(error)) from None


def _refuse() -> Frame:
    raise MalformedFrame("bytes in 1.0.0")


def _of_array(parts: list[Any]) -> Frame:
    if len(parts) < 5:
        raise MalformedFrame("an array of less than five")
    join_ref, ref, topic, event, payload = parts[:5]
    named = isinstance(topic, str) and isinstance(event, str)
    if not (named and all(each is None or isinstance(each, str) for each in (ref, join_ref))):
        raise MalformedFrame("refs, topic or event are no text")
    return Frame(topic, event, payload, ref, join_ref)


def _pushed(data: bytes) -> Frame:
    """Read a broadcast: its kind, five sizes, the encoding, five texts, and the payload."""
    sizes = data[1:6]
    if len(data) < 7 + sum(sizes) or data[0] != _PUSH:
        raise MalformedFrame("bytes that are no broadcast")
    texts, start = [], 7
    for size in sizes:
        texts.append(data[start : start + size].decode())
        start += size
    join_ref, ref, topic, event, _ = texts
    if data[6] == _AS_BYTES:
        payload: Any = (event, data[start:])
    else:
        content = msgspec.json.decode(data[start:])
        payload = {"type": "broadcast", "event": event, "payload": content}
    return Frame(topic, "broadcast", payload, ref or None, join_ref or None)
