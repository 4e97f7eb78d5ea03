"""What happens to watched topics, as the listener of a Realtime source hears it."""

from typing import Any

from msgspec import Struct

__all__ = ["Changed", "Gap", "Lost", "News", "Refused", "Serving"]


class Serving(Struct, frozen=True):
    """The topic's changes come from now on; what came before has to be fetched."""

    topic: str


class Gap(Struct, frozen=True):
    """The topic serves, and changes of it are known to be missing: they have to be fetched."""

    topic: str


class Refused(Struct, frozen=True):
    """The topic does not serve, and why; it is tried again."""

    topic: str
    reason: str


class Changed(Struct, frozen=True):
    """A row as it is now; `kind` is INSERT or UPDATE."""

    table: str
    kind: str
    record: dict[str, Any]


class Lost(Struct, frozen=True):
    """No topic serves: the connection was lost, or another attempt at one failed."""

    cause: str


News = Serving | Gap | Refused | Changed | Lost
