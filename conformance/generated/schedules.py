"""Schedules: what is done and what goes wrong, as small frozen structs, JSON both ways. No I/O.

Conversations and messages are numbers: each run gives them names of its own. A step that makes no
sense where it stands (`up` of what is up, `again` of what was never written) does nothing, so any
part of a schedule is a schedule.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

__all__ = [
    "CONVERSATIONS",
    "LOSSES",
    "STATUSES",
    "Again",
    "Close",
    "Down",
    "Expire",
    "Lose",
    "Loss",
    "Open",
    "Restart",
    "Schedule",
    "ScheduleError",
    "Send",
    "Server",
    "Settle",
    "Status",
    "StatusName",
    "Step",
    "Up",
    "Write",
    "from_json",
    "to_json",
]

CONVERSATIONS: Final = 3
"""Two to mix up, and one to leave alone."""

_MOST_STEPS: Final = 1000

Conversation: TypeAlias = Annotated[int, Meta(ge=0, lt=CONVERSATIONS)]
Number: TypeAlias = Annotated[int, Meta(ge=0, lt=_MOST_STEPS)]

StatusName: TypeAlias = Literal["sent", "failed", "delivered", "read"]
STATUSES: Final[tuple[StatusName, ...]] = ("sent", "failed", "delivered", "read")

Loss: TypeAlias = Literal["fin", "rst", "server disconnect", "server close", "half-open"]
"""TCP ends, or is reset; the server says DISCONNECT, or closes the session; or nothing comes any
more and nobody says so."""

LOSSES: Final[tuple[Loss, ...]] = (
    "fin",
    "rst",
    "server disconnect",
    "server close",
    "half-open",
)

Server: TypeAlias = Literal["chatengine", "supabase"]


class _Step(
    Struct,
    frozen=True,
    tag_field="do",
    tag=str.lower,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """Something that is done, or goes wrong."""


# What people do


class Write(_Step, frozen=True):
    """Somebody writes message `message`: the customer, or, `by_us`, we on the phone itself.

    It was written `ago_s` seconds ago and is delivered only now: it sorts before what came since.
    """

    message: Number
    conversation: Conversation = 0
    ago_s: Annotated[int, Meta(ge=0, le=45)] = 0
    by_us: bool = False


class Again(_Step, frozen=True):
    """A message that was written comes once more, as it is; one that was sent, as its echo."""

    message: Number


class Status(_Step, frozen=True):
    """A status of a message comes, in whatever order; early, where the message is yet to come."""

    message: Number
    status: StatusName = "read"


class Send(_Step, frozen=True):
    """The user sends message `message`."""

    message: Number
    conversation: Conversation = 0


class Open(_Step, frozen=True):
    """The user opens a conversation."""

    conversation: Conversation = 0


class Close(_Step, frozen=True):
    """The user leaves a conversation, if it is open."""

    conversation: Conversation = 0


# What goes wrong


class Lose(_Step, frozen=True):
    """The connection is lost; another can be had at once, but for a half-open one."""

    how: Loss = "fin"


class Down(_Step, frozen=True):
    """A server cannot be reached from now on."""

    server: Server = "chatengine"


class Up(_Step, frozen=True):
    """It can be reached again."""

    server: Server = "chatengine"


class Restart(_Step, frozen=True):
    """ChatEngine ends all sessions, is gone for a moment, and is back."""


class Expire(_Step, frozen=True):
    """The token has expired: the connection is lost, and the next attempt is refused."""


# What the harness does


class Settle(_Step, frozen=True):
    """All faults end, and everything has its time to come."""


Step: TypeAlias = (
    Write | Again | Status | Send | Open | Close | Lose | Down | Up | Restart | Expire | Settle
)


class Schedule(Struct, frozen=True):
    """Steps, one after the other, with a look behind each; a run settles at the end."""

    steps: Annotated[tuple[Step, ...], Meta(max_length=_MOST_STEPS)] = ()

    def __str__(self) -> str:
        return ", ".join(msgspec.json.encode(step).decode() for step in self.steps)


class ScheduleError(ValueError):
    """A schedule that cannot be read; its text is one sentence."""


def to_json(schedule: Schedule) -> bytes:
    """Write a schedule."""
    return msgspec.json.encode(schedule)


def from_json(text: bytes) -> Schedule:
    """Read a schedule; raises `ScheduleError`."""
    try:
        return msgspec.json.decode(text, type=Schedule)
    except msgspec.ValidationError as error:
        raise ScheduleError(f"the schedule cannot be read: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ScheduleError("the schedule is no JSON") from None
