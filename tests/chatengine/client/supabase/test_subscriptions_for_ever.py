"""Whatever a server did before: once it behaves, what is wanted serves, and nothing else."""

import json
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from chatengine.client.supabase.news import Serving
from tests.chatengine.client.supabase.dialogue import BINDINGS, Dialogue, Sent

TOPICS = st.sampled_from("abc")
ANSWERS = st.sampled_from(["ok", "error", "mismatch", "nonsense"])
EVENTS = st.sampled_from(["phx_close", "phx_error", "system ok", "system error", "broadcast"])
OURS = ("phx_join", "phx_leave", "heartbeat", "access_token")

Step = Callable[["World"], None]


class World(Dialogue):
    """A dialogue that keeps what was sent on this connection, and whether there is one."""

    def __init__(self) -> None:
        super().__init__(connected=False)
        self.open = False
        self.wanted: set[str] = set()

    def watched(self, topic: str) -> None:
        self.core.watch(topic, BINDINGS)
        self.wanted.add(topic)

    def unwatched(self, topic: str) -> None:
        self.core.unwatch(topic)
        self.wanted.discard(topic)

    def opened(self) -> None:
        if not self.open:
            self.core.opened("token", self.now)
            self.open = True

    def closed(self) -> None:
        if self.open:
            self.core.closed()
            self.open = False
            self.sent.clear()

    def answered(self, index: int, how: str) -> None:
        joins = [frame for frame in self.sent if frame[3] == "phx_join"]
        if not joins:
            return
        join = joins[index % len(joins)]
        match how:
            case "ok":
                self.answers(join)
            case "error":
                self.answers(join, {"reason": "no"}, "error")
            case "mismatch":
                self.answers(join, {"postgres_changes": [{}]})
            case _:
                self.says(join[0], join[1], "a", "phx_reply", 5)

    def told(self, topic: str, event: str, join_ref: str | None) -> None:
        name, _, status = event.partition(" ")
        payload = {"status": status, "extension": "postgres_changes"}
        self.says(join_ref, None, topic, name, payload)

    def waited(self, milliseconds: int) -> None:
        if self.open:
            self.after(milliseconds)

    def behaves(self) -> None:
        """Ten virtual minutes of a good server, with as many connections as it takes."""
        self.closed()
        self.opened()
        answered = 0
        for _ in range(600):
            self.after(1_000)
            if self.core.wants_token(self.now):
                self.core.renewed("token")
            for frame in self.sent[answered:]:
                self.serves(frame)
            answered = len(self.sent)

    def serves(self, frame: Sent) -> None:
        join_ref, ref, topic, event, _ = frame
        if event == "phx_join":
            self.answers(frame)
            self.system(frame)
        elif event in ("heartbeat", "phx_leave"):
            reply: list[Any] = [join_ref, ref, topic, "phx_reply", {"status": "ok"}]
            self.says_raw(json.dumps(reply).encode())


REFS = st.none() | st.integers(1, 20).map(str)

STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(lambda topic: lambda world: world.watched(topic), TOPICS),
    st.builds(lambda topic: lambda world: world.unwatched(topic), TOPICS),
    st.builds(lambda: lambda world: world.opened()),
    st.builds(lambda: lambda world: world.closed()),
    st.builds(lambda index, how: lambda world: world.answered(index, how), st.integers(), ANSWERS),
    st.builds(
        lambda topic, event, ref: lambda world: world.told(topic, event, ref), TOPICS, EVENTS, REFS
    ),
    st.builds(lambda data: lambda world: world.says_raw(data), st.binary(max_size=30)),
    st.builds(lambda time: lambda world: world.waited(time), st.integers(0, 40_000)),
    st.builds(lambda: lambda world: world.core.renewal_failed(world.now)),
    st.builds(lambda token: lambda world: world.core.renewed(token), st.sampled_from("xy")),
)


@given(st.lists(STEPS, max_size=40))
def test_for_ever(steps: list[Step]) -> None:
    """C-FBK-4, C-FBK-8: any trouble ends with every wanted topic serving, each joined once."""
    world = World()
    for step in steps:
        step(world)
    world.news()
    world.behaves()
    assert world.core.serving == world.wanted
    assert world.core.all_serve
    assert world.core.troubles == []
    assert sorted(each.topic for each in world.news() if isinstance(each, Serving)) == sorted(
        world.wanted
    )
    assert {frame[3] for frame in world.sent} <= {"phx_join", "heartbeat"}
    assert not world.core.unanswered
