"""What goes wrong, and when: small frozen structs that compare equal and print as JSON. No I/O.

A `Schedule` is a tuple of `Rule`s. A rule is a fault, the point at which it happens, and the
connections it happens to. Points are counted, never random: after so many bytes, at the n-th frame
that matches, on the n-th connection. What is drawn at random (jitter, the sizes of slices) needs a
seed and is drawn alike for the same seed, connection and direction.

`to_client` and `to_target` are the two directions of a connection, seen from the proxy.
"""

import re
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from fakes.environment import SettingsError

__all__ = [
    "AfterBytes",
    "Bandwidth",
    "Corrupt",
    "Cut",
    "Direction",
    "Directions",
    "Drop",
    "Duplicate",
    "Fault",
    "HalfOpen",
    "Heal",
    "Hold",
    "Latency",
    "OnFrame",
    "Opcode",
    "Refuse",
    "Release",
    "Reset",
    "Rule",
    "Schedule",
    "ScheduleError",
    "Slice",
    "Swap",
    "Trigger",
    "checked",
    "directions",
    "to_json",
]

Direction: TypeAlias = Literal["to_client", "to_target"]
Directions: TypeAlias = Literal["both", "to_client", "to_target"]
Opcode: TypeAlias = Literal["continuation", "text", "binary", "close", "ping", "pong"]

_HOUR_MS: Final = 3_600_000
_MOST: Final = 2**53 - 1  # what JSON carries exactly (RFC 8259, section 6)

Milliseconds: TypeAlias = Annotated[int, Meta(ge=0, le=_HOUR_MS)]
Position: TypeAlias = Annotated[int, Meta(ge=0, le=_MOST)]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=_MOST)]
Seed: TypeAlias = Annotated[int, Meta(ge=0, le=_MOST)]
Pattern: TypeAlias = Annotated[str, Meta(max_length=4096)]


class ScheduleError(SettingsError):
    """A schedule that cannot be used; its text is the sentence to show (exit code 2)."""


class _Part(Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """What every part of a schedule is: frozen, comparable, strict."""


def _tag(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


class _Fault(_Part, frozen=True, tag_field="kind", tag=_tag):
    """What goes wrong."""


class Latency(_Fault, frozen=True):
    """Everything takes `ms` longer, and up to `jitter_ms` more, drawn by `seed`; order is kept."""

    ms: Milliseconds
    jitter_ms: Milliseconds = 0
    seed: Seed | None = None
    direction: Directions = "both"

    def __post_init__(self) -> None:
        if self.jitter_ms and self.seed is None:
            raise ValueError("jitterMs is drawn at random and needs a seed")


class Bandwidth(_Fault, frozen=True):
    """At most `bytes_per_s` go through in each direction."""

    bytes_per_s: Annotated[int, Meta(ge=1, le=10**12)]
    direction: Directions = "both"


class Slice(_Fault, frozen=True):
    """Writes of `size` bytes, or of `size` to `at_most` drawn by `seed`, `pause_ms` apart.

    Without a pause the receiver's kernel may put slices together again before they are read.
    """

    size: Annotated[int, Meta(ge=1, le=65_536)] = 1
    at_most: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    seed: Seed | None = None
    pause_ms: Annotated[int, Meta(ge=0, le=10_000)] = 1
    direction: Directions = "both"

    def __post_init__(self) -> None:
        if self.at_most is None:
            return
        if self.seed is None:
            raise ValueError("atMost has sizes drawn at random and needs a seed")
        if self.at_most < self.size:
            raise ValueError("atMost is below size")


class Corrupt(_Fault, frozen=True):
    """`size` bytes are XORed with `mask`, the first of them `offset` bytes behind the point.

    At a frame these are bytes of its payload, as far as it goes: the framing stays whole.
    """

    size: Annotated[int, Meta(ge=1, le=65_536)] = 1
    mask: Annotated[int, Meta(ge=1, le=255)] = 0xFF
    offset: Annotated[int, Meta(ge=0, le=65_536)] = 0


class Cut(_Fault, frozen=True):
    """Both peers get a FIN; what passed before arrives."""


class Reset(_Fault, frozen=True):
    """Both peers get a RST, which may overtake what they have not read yet."""


class HalfOpen(_Fault, frozen=True):
    """Silence: bytes, FIN and RST are swallowed, and nobody is told. Nothing brings them back."""

    direction: Directions = "both"


class Hold(_Fault, frozen=True):
    """Nothing passes in the direction of the point, for `ms` (None: until released).

    Nothing is lost either. At a frame, the frame is the first that waits.
    """

    ms: Milliseconds | None = None


class Release(_Fault, frozen=True):
    """What is held goes on."""

    direction: Directions = "both"


class Heal(_Fault, frozen=True):
    """No latency, limit, slices or hold any more; a half-open connection, past help, is reset."""


class Drop(_Fault, frozen=True):
    """The frame never arrives."""


class Duplicate(_Fault, frozen=True):
    """The frame arrives `times` times more, at once."""

    times: Annotated[int, Meta(ge=1, le=100)] = 1


class Swap(_Fault, frozen=True):
    """The frame arrives after the next text, binary or continuation frame, or before the end."""


class Refuse(_Fault, frozen=True):
    """The connection is accepted and reset at once (RST); the target never hears of it."""


Fault: TypeAlias = (
    Latency
    | Bandwidth
    | Slice
    | Corrupt
    | Cut
    | Reset
    | HalfOpen
    | Hold
    | Release
    | Heal
    | Drop
    | Duplicate
    | Swap
    | Refuse
)


class AfterBytes(_Part, frozen=True, tag_field="at", tag="bytes"):
    """Once `count` bytes have passed in `direction` (`both`: each counts for itself).

    0 is the beginning of a new connection; of one that exists, the moment of applying, from which
    its bytes and frames are counted.
    """

    count: Position = 0
    direction: Directions = "both"


class OnFrame(_Part, frozen=True, kw_only=True, tag_field="at", tag="frame"):
    """At the `nth` WebSocket frame in `direction` that matches (`both`: each counts for itself).

    It matches when all that is given holds: the `opcode`, and of its payload, unmasked and
    inflated, that it begins with `prefix`, has `contains` in it, has a match of `regex` in it.
    `times` matching frames in a row from the nth on are hit; None: all of them.

    Hold, drop, duplicate, swap and corrupt happen to the frame; any other fault right behind it, or
    with `before` in front of it.
    """

    nth: Count = 1
    times: Count | None = 1
    direction: Directions = "both"
    opcode: Opcode | None = None
    prefix: Pattern | None = None
    contains: Pattern | None = None
    regex: Pattern | None = None
    before: bool = False

    def __post_init__(self) -> None:
        f"{self.prefix}{self.contains}".encode()  # half a surrogate pair is a ValueError
        try:
            re.compile(self.regex or "")
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"regex cannot be used: {error}") from None


Trigger: TypeAlias = AfterBytes | OnFrame

_OF_A_FRAME: Final = (Drop, Duplicate, Swap)
_OF_THE_BYTES: Final = (Corrupt, *_OF_A_FRAME)


class Rule(_Part, frozen=True):
    """`fault` happens `wait_ms` after the point `on`, to connections number `first` to `last`.

    Connections are numbered from 1 as they are accepted; `last` None: all from `first` on.
    A fault happens once to a connection; at a frame, `times` times. Hold and corrupt, which happen
    to a point, and what happens to frames, do so in each direction that `on` names.
    """

    fault: Fault
    on: Trigger = AfterBytes()
    first: Count = 1
    last: Count | None = None
    wait_ms: Milliseconds = 0

    def __post_init__(self) -> None:
        kind = type(self.fault).__struct_config__.tag
        if self.last is not None and self.last < self.first:
            raise ValueError("last is below first")
        if isinstance(self.fault, _OF_A_FRAME) and not isinstance(self.on, OnFrame):
            raise ValueError(f'{kind} happens to a frame: say which by "on": {{"at": "frame"}}')
        if isinstance(self.fault, Refuse) and (self.on, self.wait_ms) != (AfterBytes(), 0):
            raise ValueError("refuse happens as a connection comes: it takes neither on nor waitMs")
        if isinstance(self.fault, _OF_THE_BYTES) and self.wait_ms:
            raise ValueError(f"{kind} happens to bytes on their way and cannot wait")

    def concerns(self, connection: int) -> bool:
        """Whether it is for connection number `connection`."""
        return self.first <= connection and (self.last is None or connection <= self.last)


class Schedule(_Part, frozen=True):
    """Rules; where several have the same point, they happen in this order."""

    rules: Annotated[tuple[Rule, ...], Meta(max_length=100_000)] = ()


def directions(given: Directions) -> tuple[Direction, ...]:
    """Return the directions that are meant."""
    return ("to_client", "to_target") if given == "both" else (given,)


def to_json(schedule: Schedule) -> bytes:
    """Write a schedule as JSON for a person to read."""
    return msgspec.json.format(msgspec.json.encode(schedule)) + b"\n"


def checked(schedule: Schedule) -> Schedule:
    """Return a schedule made in Python once its figures are in range; raises `ScheduleError`."""
    try:
        return msgspec.convert(msgspec.to_builtins(schedule), Schedule)
    except msgspec.ValidationError as error:
        raise ScheduleError(f"the schedule cannot be used: {error}") from None
