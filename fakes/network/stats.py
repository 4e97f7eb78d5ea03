"""What a proxy tells of itself."""

from collections.abc import Mapping

from msgspec import Struct

from fakes.network.link import Link

__all__ = ["Both", "ConnectionInfo", "Stats", "describe"]


class Both(Struct, frozen=True, rename="camel"):
    """One count for each direction."""

    to_client: int = 0
    to_target: int = 0

    def __add__(self, other: "Both") -> "Both":
        return Both(self.to_client + other.to_client, self.to_target + other.to_target)


class ConnectionInfo(Struct, frozen=True, rename="camel"):
    """A connection: its number, bytes passed on or swallowed, WebSocket frames, and how it fares.

    `shaped`: a latency, a limit, slices or a hold are in force.
    """

    number: int
    bytes: Both
    frames: Both
    half_open: bool
    shaped: bool


class Stats(Struct, frozen=True, rename="camel"):
    """Counts since the proxy began.

    `refused` connections were refused by a fault, `unreached` ones found no target; `fired` counts
    faults by kind.
    """

    accepted: int
    open: int
    refused: int
    unreached: int
    bytes: Both
    frames: Both
    fired: Mapping[str, int]


def describe(link: Link) -> ConnectionInfo:
    """Tell how a connection fares."""
    streams = link.streams
    return ConnectionInfo(
        number=link.number,
        bytes=Both(streams.passed("to_client"), streams.passed("to_target")),
        frames=Both(streams.frames("to_client"), streams.frames("to_target")),
        half_open=link.is_half_open,
        shaped=any(lane.is_shaped for lane in link.lanes.values()),
    )
