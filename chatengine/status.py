"""The status of a message as a join semilattice (C-STA-1, S-STA-2).

`sending < sent < failed < delivered < read`: the status after any set of observations is their
maximum, so neither the order in which they come nor their repetition can matter.
"""

from enum import IntEnum
from functools import reduce
from typing import Final

__all__ = ["BY_NAME", "Status", "join"]


class Status(IntEnum):
    """A message status; its value is its rank, its `wire` the name the contract uses."""

    PENDING = 0
    SENT = 1
    FAILED = 2  # below delivered: what WhatsApp delivered has not failed, whatever came in between
    DELIVERED = 3
    READ = 4

    @property
    def wire(self) -> str:
        """The name on the Socket.IO and HTTP wire: `pending`, `sent`, `failed`, ..."""
        return self.name.lower()

    @property
    def crm(self) -> str:
        """The CRM's name, which calls `pending` `sending` (C-MSG-6)."""
        return "sending" if self is Status.PENDING else self.wire

    @staticmethod
    def parse(name: object) -> "Status | None":
        """Read a wire or CRM name; None for anything unknown, which changes nothing (C-STA-4)."""
        return BY_NAME.get(name) if isinstance(name, str) else None

    @classmethod
    def from_provider(cls, value: object) -> "Status | None":
        """Read WhatsApp's acknowledgement, by name or number (contract, section 5)."""
        if isinstance(value, bool) or not isinstance(value, int | str):
            return None
        return _BY_ACKNOWLEDGEMENT.get(value)


def join(*statuses: Status) -> Status:
    """The least status that is not below any of `statuses`; `PENDING`, the bottom, for none."""
    return reduce(max, statuses, Status.PENDING)


BY_NAME: Final = {status.wire: status for status in Status} | {"sending": Status.PENDING}
"""What `Status.parse` knows, for whoever has read that it is a text."""

_BY_ACKNOWLEDGEMENT: Final[dict[int | str, Status]] = {
    "ERROR": Status.FAILED,
    "PENDING": Status.PENDING,
    "SERVER_ACK": Status.SENT,
    "SENT": Status.SENT,
    "DELIVERY_ACK": Status.DELIVERED,
    "DELIVERED": Status.DELIVERED,
    "READ": Status.READ,
    "PLAYED": Status.READ,
    0: Status.FAILED,
    1: Status.PENDING,
    2: Status.SENT,
    3: Status.DELIVERED,
    4: Status.READ,
    5: Status.READ,
}
