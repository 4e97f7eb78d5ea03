"""What the user of `watch` sees at one moment, and where in it he stands; no I/O."""

from collections.abc import Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from chatengine.client.core.shapes import Connection, ConversationEntry, Counters, Message
from harness.watch.journal import Entry

__all__ = ["Latency", "Picture", "View"]


class Latency(Struct, frozen=True):
    """How long deliveries took, in milliseconds; None where none was measured."""

    p50: float | None = None
    p99: float | None = None


class Picture(Struct, frozen=True, kw_only=True):
    """Everything there is to see; `messages` are those of the open conversation, newest first.

    `since_ms` says since when the connection is as it is.
    """

    now_ms: int
    workspace_id: str
    user_id: str
    connection: Connection = Connection()
    since_ms: int = 0
    latency: Latency = Latency()
    counters: Counters = field(default_factory=Counters)
    conversations: Sequence[ConversationEntry] = ()
    messages: Sequence[Message] = ()
    typing: Sequence[str] = ()
    journal: Sequence[Entry] = ()


class View(Struct, frozen=True, kw_only=True):
    """Where the user stands: what is open, where the bar is, how far back he reads, what he saw.

    `seen` holds, by conversation, the moment of the last message when he last looked; what was
    there before he came counts as seen.
    """

    opened: str | None = None
    selected: str | None = None
    back: int = 0
    seen: dict[str, int]
    began_ms: int

    @classmethod
    def begin(cls, now_ms: int, opened: str | None = None) -> "View":
        """The view of somebody who has just come."""
        whole_second = now_ms // 1000 * 1000  # as WhatsApp dates what comes in it
        return cls(opened=opened, selected=opened, seen={}, began_ms=whole_second)

    def moved(self, conversations: Sequence[ConversationEntry], by: int) -> "View":
        """The bar `by` conversations further down, or up to the list's end."""
        if not conversations:
            return self
        place = self.place(conversations)
        if place is None:
            return replace(self, selected=conversations[0].id)
        place = min(max(place + by, 0), len(conversations) - 1)
        return replace(self, selected=conversations[place].id)

    def place(self, conversations: Sequence[ConversationEntry]) -> int | None:
        """Where in the list the bar is; None while it is nowhere."""
        places = (n for n, entry in enumerate(conversations) if entry.id == self.selected)
        return next(places, None)

    def opening(self, conversation_id: str | None) -> "View":
        """Another conversation open, or none, read from its end."""
        selected = conversation_id or self.selected
        return replace(self, opened=conversation_id, selected=selected, back=0)

    def reading(self, back: int) -> "View":
        """At `back` lines before the end of the open conversation."""
        return replace(self, back=back)

    def looking(self, conversations: Sequence[ConversationEntry]) -> "View":
        """With what the open conversation shows now as seen."""
        entry = next((each for each in conversations if each.id == self.opened), None)
        if entry is None or entry.last_message_ms is None:
            return self
        return replace(self, seen={**self.seen, entry.id: entry.last_message_ms})

    def unread(self, entry: ConversationEntry) -> bool:
        """Whether the conversation has something that the user has not seen."""
        moment = entry.last_message_ms
        if moment is None or entry.id == self.opened:
            return False
        if entry.id in self.seen:
            return moment > self.seen[entry.id]
        return moment >= self.began_ms
