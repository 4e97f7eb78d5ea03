"""The faults that a test has switched on in the fake Supabase; none by itself.

Each holds for the next `count` occasions, or until cleared. Those that concern channels may be
bound to one `topic`, by the channel's name without `realtime:`.
"""

from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

__all__ = [
    "LONGEST_DELAY_MS",
    "ChangeDropped",
    "ChangeTooLarge",
    "Fault",
    "Faults",
    "FaultsError",
    "HandshakeRefused",
    "HeartbeatUnanswered",
    "JoinDelayed",
    "JoinMismatched",
    "JoinRefused",
    "JoinUnanswered",
    "SystemDelayed",
    "read_faults",
]

LONGEST_DELAY_MS: Final = 600_000


class _Fault(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    count: int | None = None

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise ValueError("count is at least 1")


class _ChannelFault(_Fault, frozen=True, kw_only=True):
    topic: str | None = None


class _Delay(_ChannelFault, frozen=True, kw_only=True):
    ms: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.ms <= LONGEST_DELAY_MS:
            raise ValueError(f"ms is from 0 to {LONGEST_DELAY_MS}")


class HandshakeRefused(_Fault, frozen=True, tag="handshakeRefused", tag_field="fault"):
    """The WebSocket is not opened: an HTTP status and `{"error": message}`."""

    status: int = 503
    message: str = "refused for a test"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 400 <= self.status <= 599:
            raise ValueError("status is from 400 to 599")


class JoinDelayed(_Delay, frozen=True, tag="joinDelayed", tag_field="fault"):
    """A join takes that long; the whole socket waits with it, as Phoenix' does."""


class JoinRefused(_ChannelFault, frozen=True, tag="joinRefused", tag_field="fault"):
    """A join fails, after the pause that a failed join takes."""

    reason: str = "UnknownErrorOnChannel: refused for a test"


class JoinUnanswered(_ChannelFault, frozen=True, tag="joinUnanswered", tag_field="fault"):
    """A join is never answered, and nothing is joined."""


class JoinMismatched(_ChannelFault, frozen=True, tag="joinMismatched", tag_field="fault"):
    """The reply names other tables than were asked for, so that the clients give up."""


class SystemDelayed(_Delay, frozen=True, tag="systemDelayed", tag_field="fault"):
    """The subscription, and `system` with it, comes that long after the reply."""


class HeartbeatUnanswered(_Fault, frozen=True, tag="heartbeatUnanswered", tag_field="fault"):
    """Heartbeats go unanswered."""


class ChangeDropped(_ChannelFault, frozen=True, tag="changeDropped", tag_field="fault"):
    """A change that a channel should get does not reach it, and nobody says so."""


class ChangeTooLarge(_ChannelFault, frozen=True, tag="changeTooLarge", tag_field="fault"):
    """A change comes to a channel as if it were over the size limit (error 413)."""


Fault = (
    HandshakeRefused
    | JoinDelayed
    | JoinRefused
    | JoinUnanswered
    | JoinMismatched
    | SystemDelayed
    | HeartbeatUnanswered
    | ChangeDropped
    | ChangeTooLarge
)

F = TypeVar("F", bound=_Fault)


class FaultsError(ValueError):
    """Faults that cannot be; the text is the sentence to show."""


def read_faults(text: str | bytes) -> tuple[Fault, ...]:
    """Read a JSON list, as `[{"fault": "joinRefused", "count": 1}]`; raises `FaultsError`."""
    try:
        return msgspec.json.decode(text, type=tuple[Fault, ...])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise FaultsError(f"not the JSON of faults: {error}") from None


class Faults:
    """What is switched on at the moment."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults: list[Fault] = list(faults)

    def __iter__(self) -> Iterator[Fault]:
        """Return what is left of them, in the order in which they were added."""
        return iter(tuple(self._faults))

    def add(self, fault: Fault) -> None:
        """Switch one on."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Switch all off."""
        self._faults.clear()

    def take(self, kind: type[F], topic: str | None = None) -> F | None:
        """Return the first of a kind that holds for `topic`, and count the occasion."""
        for index, fault in enumerate(self._faults):
            if isinstance(fault, kind) and getattr(fault, "topic", None) in (None, topic):
                if fault.count == 1:
                    del self._faults[index]
                elif fault.count is not None:
                    self._faults[index] = replace(fault, count=fault.count - 1)
                return fault
        return None
