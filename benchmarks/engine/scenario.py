"""What every contender goes through: how many subscribers, which messages, for how long."""

import time
from typing import Any, Final

import msgspec
from msgspec import Struct

from benchmarks.flow import Pace
from chatengine import events
from chatengine.moments import from_ms
from chatengine.payloads import Message, to_wire
from locustfiles.engine.stamps import Stamp

__all__ = ["Scenario", "message"]

_STREAM: Final = 1


class Scenario(Struct, frozen=True):
    """One conversation, its subscribers, and messages at a fixed rate.

    `subscribers * messages_per_s` deliveries are offered a second. Each window of `window_s` begins
    `warm_up_s` after the first message. `idle` subscribers are connected, `at_once` at a time, and
    left in peace for `settle_s` before their memory is read. All of it is done `rounds` times.
    """

    subscribers: int = 500
    messages_per_s: float = 20.0
    wire_bytes: int = 400
    warm_up_s: float = 2.0
    window_s: float = 10.0
    idle: int = 2000
    at_once: int = 50
    settle_s: float = 1.0
    rounds: int = 3

    @property
    def room(self) -> str:
        """The conversation, which is the first of those that our Locust options make up."""
        return "5500000000000@s.whatsapp.net"

    @property
    def pace(self) -> Pace:
        """When the messages are sent."""
        return Pace(self.messages_per_s, self.warm_up_s, self.window_s)


def message(scenario: Scenario, run: int, sequence: int) -> dict[str, Any]:
    """Message `sequence` as it goes over the wire, `wire_bytes` long as a Socket.IO packet.

    It carries a stamp of the run, so that a receiver of ours does all of its accounting.
    """
    now_us = time.monotonic_ns() // 1000
    key = Stamp(run, _STREAM, sequence, now_us, 0, 0).provider_id()
    bare = _message(scenario.room, key, "")
    frame = b"42" + msgspec.json.encode([events.MESSAGE, bare])
    return _message(scenario.room, key, "x" * max(1, scenario.wire_bytes - len(frame)))


def _message(room: str, key: str, content: str) -> dict[str, Any]:
    wire: dict[str, Any] = to_wire(
        Message(
            id=f"evo-{key}",
            workspace_id="w-1",
            conversation_id=room,
            sender_id=room,
            type="text",
            content=content,
            status="delivered",
            created_at=from_ms(time.time_ns() // 1_000_000),
            metadata={"providerMessageId": key},
        )
    )
    return wire
