"""What happens to watched topics, as the listener of a Realtime source hears it."""

from typing import Any, Protocol

from msgspec import Struct

__all__ = [
    "Changed",
    "Gap",
    "Lost",
    "News",
    "RealtimeListener",
    "Refused",
    "Serving",
    "tell",
]


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


class RealtimeListener(Protocol):
    """Who hears what Realtime brings; called on the event loop, in order, never concurrently."""

    def serving(self, topic: str) -> None:
        """Changes of `topic` come from now on: fetch what came before."""

    def gap(self, topic: str) -> None:
        """Changes of `topic` were lost or cut while it served: fetch them."""

    def refused(self, topic: str, reason: str) -> None:
        """`topic` does not serve, for `reason`; it is tried again, `serving` says when it does."""

    def lost(self, cause: str) -> None:
        """No topic serves: the connection was lost, or another attempt at one failed."""

    def row(self, table: str, kind: str, record: dict[str, Any]) -> None:
        """A row was written; `kind` is INSERT or UPDATE, `record` the whole row."""


def tell(listener: RealtimeListener, news: News) -> None:
    """Say one thing to a listener."""
    match news:
        case Changed(table, kind, record):
            listener.row(table, kind, record)
        case Serving(topic):
            listener.serving(topic)
        case Gap(topic):
            listener.gap(topic)
        case Refused(topic, reason):
            listener.refused(topic, reason)
        case Lost(cause):
            listener.lost(cause)
