"""A conversation with the protocol's core: what the server says, what was sent, on a made clock."""

import json
from typing import Any

from chatengine.client.supabase.news import News
from chatengine.client.supabase.phoenix import Binding
from chatengine.client.supabase.subscriptions import Pace, Subscriptions

__all__ = ["BINDINGS", "Dialogue", "Sent"]

BINDINGS = (
    Binding("INSERT", "messages", "conversation_id=eq.c"),
    Binding("UPDATE", "messages", "conversation_id=eq.c"),
)

PACE = Pace(
    reply_ms=10_000,
    subscribe_ms=5_000,
    heartbeat_ms=25_000,
    join_gap_ms=20,
    retry=lambda failures: 100 * 2**failures,
    refused=lambda failures: 1_000 * 2**failures,
)

Sent = tuple[str | None, str, str, str, dict[str, Any]]
"""A frame as the server gets it: join_ref, ref, topic, event, payload."""


class Dialogue:
    """A core, its time in milliseconds, and the server's half of the talk."""

    def __init__(self, *, connected: bool = True) -> None:
        self.core = Subscriptions(PACE)
        self.now = 0.0
        self.sent: list[Sent] = []
        if connected:
            self.core.opened("token", self.now)

    def watch(self, *topics: str) -> None:
        """Want the topics, and take what is sent for them at once."""
        for topic in topics:
            self.core.watch(topic, BINDINGS)
        self.after(0)

    def after(self, milliseconds: float) -> None:
        """Let time pass, with a tick whenever the core asks for one."""
        end = self.now + milliseconds
        while (due := max(self.core.next_ms(), self.now)) <= end:
            before = (due, self.core.next_ms())
            self.now = due
            self._tick()
            if (due, self.core.next_ms()) == before:
                break  # what is left is another's to do: a token, a connection
        self.now = end
        self._tick()

    def _tick(self) -> None:
        self.core.tick(self.now)
        self.sent += [tuple(json.loads(frame)) for frame in self.core.outgoing()]

    def events(self) -> list[str]:
        """The events that were sent since it was last asked."""
        return [frame[3] for frame in self.taken()]

    def taken(self) -> list[Sent]:
        """The frames that were sent since it was last asked."""
        sent, self.sent = self.sent, []
        return sent

    def joined(self, topic: str = "t") -> Sent:
        """The last join of a topic among what was sent."""
        joins = [frame for frame in self.sent if frame[2:4] == (f"realtime:{topic}", "phx_join")]
        return joins[-1]

    def says(self, join_ref: str | None, ref: str | None, topic: str, *rest: object) -> None:
        """One frame of the server's, for `topic` without its prefix: event and payload."""
        self.says_raw(json.dumps([join_ref, ref, f"realtime:{topic}", *rest]).encode())

    def says_raw(self, data: bytes) -> None:
        """Some bytes of the server's."""
        self.core.received(data, self.now)

    def answers(self, join: Sent, response: object = None, status: str = "ok") -> None:
        """The answer to a join; without a response the bindings, with 0, 1, ... as ids."""
        asked = join[4]["config"]["postgres_changes"]
        bound = [entry | {"id": number} for number, entry in enumerate(asked)]
        reply = {"status": status, "response": response or {"postgres_changes": bound}}
        topic = join[2].removeprefix("realtime:")
        self.says(join[0], join[1], topic, "phx_reply", reply)

    def system(self, join: Sent, status: str = "ok", message: str = "Subscribed") -> None:
        """A word on the database subscription of a join."""
        self._system(join, status, message, "postgres_changes")

    def expires(self, join: Sent) -> None:
        """The end of a token, as the server tells of it."""
        self._system(join, "error", "Token has expired 5 seconds ago", "system")
        self.closes(join)

    def closes(self, join: Sent) -> None:
        """The end of a channel."""
        self.says(join[0], join[1], join[2].removeprefix("realtime:"), "phx_close", {})

    def changes(self, topic: str = "t", *, ids: list[int] | None = None, **data: object) -> None:
        """A change of a row; `ids` name the bindings."""
        row = {"table": "messages", "type": "INSERT", "record": {"id": "r"}} | data
        payload = {"ids": [0] if ids is None else ids, "data": row}
        self.says(None, None, topic, "postgres_changes", payload)

    def serve(self, topic: str = "t") -> Sent:
        """Watch a topic until it serves; its join."""
        self.watch(topic)
        self.after(PACE.join_gap_ms)
        join = self.joined(topic)
        self.answers(join)
        self.system(join)
        self.taken()
        self.core.news()
        return join

    def news(self) -> list[News]:
        """What the listener would have heard since it was last asked."""
        return self.core.news()

    def _system(self, join: Sent, status: str, message: str, extension: str) -> None:
        payload = {"extension": extension, "status": status, "message": message, "channel": "t"}
        self.says(join[0], None, join[2].removeprefix("realtime:"), "system", payload)
