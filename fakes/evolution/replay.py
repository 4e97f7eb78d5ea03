"""A recording of webhooks, read and played again as if it happened now.

A recording is JSON lines, each `{"at": <seconds since its start>, "body": <webhook>}`.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from chatengine.moments import MomentError, from_ms, to_ms
from fakes.evolution.bodies import customer_id
from fakes.evolution.webhook import WebhookCall

__all__ = ["Recording", "RecordingError", "ReplayResult", "replay"]

_ID_FIELDS: Final = ("id", "keyId", "stanzaId")


class RecordingError(ValueError):
    """Lines that are no recording; its text names the line."""


class _Line(Struct, frozen=True):
    at: Annotated[float, Meta(ge=0)]
    body: dict[str, Any]


class Recording(Struct, frozen=True):
    """Webhooks in the order of their arrival; `epoch` is the second at which it was begun."""

    lines: tuple[_Line, ...]
    epoch: int

    @classmethod
    def read(cls, text: str) -> "Recording":
        """Read JSON lines, empty ones left out; raises `RecordingError`."""
        lines = tuple(_read_lines(text))
        if not lines:
            raise RecordingError("the recording is empty")
        lines = tuple(sorted(lines, key=lambda line: line.at))
        return cls(lines, _epoch(lines[0]))

    @property
    def key_ids(self) -> frozenset[str]:
        """Every message id that a line is about."""
        found = (key_id for line in self.lines for key_id in _key_ids(line.body.get("data")))
        return frozenset(found)


class ReplayResult(Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of a recording: taken, refused (4xx), and those nobody answered.

    `stopped_at` is the line (from 1) at which a replay gave up: no answer after every try.
    """

    posted: int
    taken: int
    refused: int
    stopped_at: int | None = None


async def replay(
    recording: Recording,
    post: Callable[[dict[str, Any]], Awaitable[WebhookCall]],
    *,
    speed: float = 1.0,
    fresh_ids: bool = False,
) -> ReplayResult:
    """Post each line at its second divided by `speed` (infinite: at once), one after the other.

    The next line waits for the answer to the one before, so that they arrive in their order.
    Moments are moved to now, unscaled: `messageTimestamp` keeps its distance from the start of the
    recording, so that whole seconds stay apart at any speed. With `fresh_ids` every message id is
    replaced, consistently, so that one server can be played to twice.
    """
    began, started_s = time.monotonic(), int(time.time())
    names = {key_id: customer_id() for key_id in recording.key_ids} if fresh_ids else {}
    taken = refused = 0
    for number, line in enumerate(recording.lines, start=1):
        await asyncio.sleep(max(0.0, began + line.at / speed - time.monotonic()))
        body = _renamed(_moved(line.body, started_s - recording.epoch), names)
        call = await post(body)
        if not call.answered:
            return ReplayResult(posted=number, taken=taken, refused=refused, stopped_at=number)
        taken, refused = taken + (call.outcome == "ok"), refused + (call.outcome != "ok")
    return ReplayResult(posted=len(recording.lines), taken=taken, refused=refused)


def _read_lines(text: str) -> Iterator[_Line]:
    # Not `splitlines`: it also ends lines at U+2028, which JSON has inside its texts.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield msgspec.json.decode(line, type=_Line)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            raise RecordingError(f"line {number}: {error}") from None


def _epoch(first: _Line) -> int:
    """The second at which the recording began, by the first line's clock or its message."""
    try:
        return math.floor(to_ms(first.body.get("date_time")) / 1000 - first.at)
    except MomentError:
        pass
    data = first.body.get("data")
    second = data.get("messageTimestamp") if isinstance(data, dict) else None
    if not isinstance(second, int):
        raise RecordingError("line 1: neither date_time nor messageTimestamp says when it was")
    return math.floor(second - first.at)


def _moved(body: dict[str, Any], by_s: int) -> dict[str, Any]:
    """Return `body` as of now: its clock is ours, its messages moved by `by_s` seconds."""
    data = body.get("data")
    moved = [_message_moved(item, by_s) for item in data] if isinstance(data, list) else None
    return body | {
        "date_time": from_ms(time.time_ns() // 1_000_000),
        "data": _message_moved(data, by_s) if moved is None else moved,
    }


def _message_moved(item: Any, by_s: int) -> Any:
    second = item.get("messageTimestamp") if isinstance(item, dict) else None
    if not isinstance(second, int | str) or not str(second).isdecimal():
        return item
    return item | {"messageTimestamp": int(second) + by_s}


def _key_ids(value: Any) -> Iterator[str]:
    """The ids of messages: `keyId`, and the `id` of a `key`, wherever they stand."""
    if isinstance(value, list):
        for item in value:
            yield from _key_ids(item)
    elif isinstance(value, dict):
        key = value.get("key")
        for found in (value.get("keyId"), key.get("id") if isinstance(key, dict) else None):
            if isinstance(found, str):
                yield found
        yield from _key_ids([item for item in value.values() if isinstance(item, dict | list)])


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """Replace known message ids in the fields that hold ids, never in a text."""
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: names.get(item, item)
        if name in _ID_FIELDS and isinstance(item, str)
        else _renamed(item, names)
        for name, item in value.items()
    }
