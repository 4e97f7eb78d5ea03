"""Histories of a world in which all goes as the contract has it, drawn by Hypothesis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from msgspec.structs import replace

from chatengine.history import (
    VERSION,
    Actor,
    Began,
    Closed,
    Dropped,
    Entered,
    Fault,
    Held,
    Listed,
    ListedConversation,
    Opened,
    Received,
    Record,
    Sent,
    Settled,
    Shown,
    ShownMessage,
    StatusEntered,
    StatusReceived,
    Stopped,
    Subscribed,
    Unsubscribed,
)
from chatengine.status import Status, join

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CLIENT", "OTHER", "SOCKET", "histories"]

CLIENT, SOCKET, OTHER = "client", "socket", "other"
CONVERSATIONS = ("A", "B")
STATUSES = ("sent", "delivered", "read", "failed")


@dataclass
class Truth:
    """A message as the server has it."""

    name: str
    conversation: str
    workspace: str
    created_ms: int
    statuses: list[Status] = field(default_factory=list)
    client_id: str | None = None
    body: str = ""

    @property
    def status(self) -> Status:
        return join(*self.statuses)


@dataclass
class View:
    """What the client knows of a message: a copy of the truth at some moment."""

    conversation: str
    truth: Truth | None
    status: Status
    created_ms: int
    row_id: str | None = None
    client_id: str | None = None

    def shown(self) -> ShownMessage:
        if self.truth is None:
            own = f"local-{self.client_id}"
            return ShownMessage(
                id=own, status="sending", created_ms=self.created_ms, client_id=self.client_id
            )
        return ShownMessage(
            id=self.row_id or f"evo-{self.truth.name}",
            status=self.status.crm,
            created_ms=self.truth.created_ms,
            external_id=self.truth.name,
            client_id=self.truth.client_id,
        )


class Simulation:
    """One server, one client, two sockets, of which the other is of another workspace."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self._draw = draw
        self.now_us = 0
        self.records: list[Record] = []
        self.truths: list[Truth] = []
        self.perhaps: list[Truth] = []
        self.views: dict[str, View] = {}
        self.listed: dict[str, tuple[int, str]] = {}
        self.opens = dict.fromkeys(CONVERSATIONS, 0)
        self.touched: set[str] = set()
        self.subscribed: set[str] = set()
        self.on_the_way: list[Record] = []
        self.to_client: list[Truth] = []
        self.add(Began(at_us=self.tick(), who="harness", version=VERSION, seed=1))
        self.add(Actor(at_us=self.tick(), who=CLIENT, workspace="w-1"))
        self.add(Actor(at_us=self.tick(), who=SOCKET, workspace="w-1", kind="socket"))
        self.add(Actor(at_us=self.tick(), who=OTHER, workspace="w-2", kind="socket"))

    def below(self, end: int) -> int:
        return self._draw(st.integers(0, end - 1))

    def tick(self) -> int:
        self.now_us += 10
        return self.now_us

    def add(self, record: Record) -> None:
        self.records.append(record)

    def conversation(self) -> str:
        return CONVERSATIONS[self.below(len(CONVERSATIONS))]

    # what may happen

    def enters(self) -> None:
        outcome = ("ok", "ok", "ok", "unknown", "refused")[self.below(5)]
        began_us, truth = self.tick(), self._truth()
        for number in range(2 if self.below(4) == 0 else 1):
            if number == 0 and outcome == "ok":
                self._store(truth, Status.DELIVERED)
            self._told(truth, began_us, outcome)
            began_us = self.tick()
        if outcome == "unknown":
            self.perhaps.append(truth)

    def enter_together(self) -> None:
        """Two at the same time, which take effect in either order."""
        began_us, one, other = self.tick(), self._truth(), self._truth()
        for truth in (one, other) if self.below(2) else (other, one):
            self._store(truth, Status.DELIVERED)
        self._told(one, began_us, "ok")
        self._told(other, began_us, "ok")

    def takes_effect(self) -> None:
        """What nobody had an answer to happens after all."""
        if self.perhaps:
            self._store(self.perhaps.pop(self.below(len(self.perhaps))), Status.DELIVERED)

    def _truth(self) -> Truth:
        name, workspace = f"m{self.tick()}", "w-2" if self.below(6) == 0 else "w-1"
        # Mostly now; sometimes written long before.
        created_ms = self.now_us if self.below(3) else self.now_us - 10 * self.below(20)
        return Truth(name, self.conversation(), workspace, created_ms, body=f"text of {name}")

    def _told(self, truth: Truth, began_us: int, outcome: str) -> None:
        self.add(
            Entered(
                at_us=self.tick(),
                began_us=began_us,
                who="harness",
                message=f"evo-{truth.name}" if self.below(2) else truth.name,
                conversation=truth.conversation,
                workspace=truth.workspace,
                outcome=outcome,  # type: ignore[arg-type]  # one of the three
                created_ms=truth.created_ms,
                body=truth.body,
            )
        )

    def _store(self, truth: Truth, status: Status) -> None:
        truth.statuses.append(status)
        self.truths.append(truth)
        if truth.workspace == "w-1":
            self.to_client.append(truth)
            if truth.conversation in self.subscribed:
                self.on_the_way.append(
                    Received(
                        at_us=0,
                        who=SOCKET,
                        message=f"evo-{truth.name}",
                        conversation=truth.conversation,
                        status=truth.status.wire,
                        client_id=truth.client_id,
                    )
                )

    def gets_status(self) -> None:
        if not self.truths:
            return
        truth = self.truths[self.below(len(self.truths))]
        status = STATUSES[self.below(len(STATUSES))]
        parsed, before = Status.parse(status), truth.status
        assert parsed is not None
        truth.statuses.append(parsed)
        self.to_client.append(truth)
        self.add(
            StatusEntered(
                at_us=self.tick(),
                began_us=self.now_us - 5,
                who="harness",
                message=truth.name,
                status=status,
            )
        )
        if truth.status > before and truth.conversation in self.subscribed:
            self.on_the_way.append(
                StatusReceived(at_us=0, who=SOCKET, message=truth.name, status=truth.status.wire)
            )

    def sends(self) -> None:
        conversation, client_id = self.conversation(), f"c{len(self.records)}"
        self.touched.add(conversation)
        view = View(conversation, None, Status.PENDING, self.tick(), client_id=client_id)
        self.views[client_id] = view
        self.add(
            Sent(at_us=self.now_us, who=CLIENT, conversation=conversation, client_id=client_id)
        )
        if self.below(3):
            name = f"p{client_id}"
            truth = Truth(name, conversation, "w-1", self.tick(), client_id=client_id)
            truth.body = "own"
            self._store(truth, Status.SENT)
            self.add(
                Entered(
                    at_us=self.tick(),
                    who="provider",
                    message=name,
                    conversation=conversation,
                    workspace="w-1",
                    client_id=client_id,
                )
            )

    def opens_one(self) -> None:
        conversation = self.conversation()
        self.opens[conversation] += 1
        self.touched.add(conversation)
        self.add(Opened(at_us=self.tick(), who=CLIENT, conversation=conversation))
        # Its history is fetched.
        self.to_client += [t for t in self.truths if t.conversation == conversation]

    def closes_one(self) -> None:
        conversation = self.conversation()
        self.opens[conversation] = max(0, self.opens[conversation] - 1)
        self.add(Closed(at_us=self.tick(), who=CLIENT, conversation=conversation))

    def subscribes(self) -> None:
        self._arrive()
        conversation = self.conversation()
        began_us = self.tick()
        self.subscribed.add(conversation)
        self.add(
            Subscribed(at_us=self.tick(), began_us=began_us, who=SOCKET, conversation=conversation)
        )

    def unsubscribes(self) -> None:
        conversation = self.conversation()
        began_us = self.tick()
        is_answered = self.below(4) > 0
        self.subscribed.discard(conversation)
        self._arrive()
        self.add(
            Unsubscribed(
                at_us=self.tick(),
                began_us=began_us,
                who=SOCKET,
                conversation=conversation,
                outcome="ok" if is_answered else "unknown",
            )
        )

    def drops(self) -> None:
        if self.below(2):
            self._arrive()
        self.on_the_way.clear()
        self.subscribed.clear()
        self.add(Fault(at_us=self.tick(), who="network", fault="cut"))
        self.add(Dropped(at_us=self.tick(), who=SOCKET))

    def restarts(self) -> None:
        self.views.clear()
        self.listed.clear()
        self.to_client.clear()
        self.opens = dict.fromkeys(CONVERSATIONS, 0)
        self.add(Stopped(at_us=self.tick(), who=CLIENT))
        self.add(Actor(at_us=self.tick(), who=CLIENT, workspace="w-1"))

    def something_arrives(self) -> None:
        for _ in range(self.below(3)):
            if self.to_client:
                self._learn(self.to_client.pop(self.below(len(self.to_client))))
        self._arrive(self.below(len(self.on_the_way) + 1))

    def _arrive(self, many: int | None = None) -> None:
        for record in self.on_the_way[:many]:
            self.add(replace(record, at_us=self.tick()))
        del self.on_the_way[:many]

    def _learn(self, truth: Truth) -> None:
        if truth.workspace != "w-1":
            return
        last = (truth.created_ms, truth.body)
        self.listed[truth.conversation] = max(last, self.listed.get(truth.conversation, last))
        if not self.opens[truth.conversation] and truth.client_id not in self.views:
            return
        self.touched.add(truth.conversation)
        view = self.views.pop(truth.client_id or "", None) or self.views.get(truth.name)
        status = truth.status if view is None else join(view.status, truth.status)
        row_id = f"row-{truth.name}" if self.below(3) == 0 else None
        self.views[truth.name] = View(
            truth.conversation, truth, status, truth.created_ms, row_id=row_id
        )

    def looks(self) -> None:
        at_us = self.tick()
        for conversation in sorted(self.touched):
            views = [each for each in self.views.values() if each.conversation == conversation]
            shown = sorted((v.shown() for v in views), key=lambda m: (m.created_ms, m.id))
            self.add(
                Shown(
                    at_us=at_us,
                    who=CLIENT,
                    conversation=conversation,
                    messages=tuple(reversed(shown)),
                )
            )
        lines = [
            ListedConversation(id=name, workspace="w-1", last_message_ms=ms, preview=body[:50])
            for name, (ms, body) in self.listed.items()
        ]
        lines.sort(key=lambda line: -(line.last_message_ms or 0))
        self.add(Listed(at_us=at_us, who=CLIENT, conversations=tuple(lines)))
        held = tuple(name for name, times in self.opens.items() if times)
        self.add(Held(at_us=at_us, who=CLIENT, conversations=held))

    def settles(self) -> None:
        upto_us = self.tick()
        while self.to_client:
            self._learn(self.to_client.pop())
        self._arrive()
        self.add(Settled(at_us=self.tick(), who="*", upto_us=upto_us))
        self.looks()


_HAPPENINGS = (
    Simulation.enters,
    Simulation.enters,
    Simulation.enter_together,
    Simulation.takes_effect,
    Simulation.gets_status,
    Simulation.sends,
    Simulation.opens_one,
    Simulation.closes_one,
    Simulation.subscribes,
    Simulation.unsubscribes,
    Simulation.drops,
    Simulation.restarts,
    Simulation.something_arrives,
    Simulation.something_arrives,
    Simulation.looks,
    Simulation.settles,
)


@st.composite
def histories(draw: st.DrawFn, most: int = 40) -> list[Record]:
    """A valid history, which ends with a fence and a look."""
    simulation = Simulation(draw)
    simulation.opens_one()
    simulation.subscribes()
    # Left to itself Hypothesis draws short lists, in which hardly anything can go wrong.
    happenings = st.lists(st.sampled_from(_HAPPENINGS), min_size=draw(st.integers(1, most)))
    for happening in draw(happenings)[:most]:
        happening(simulation)
    simulation.settles()
    return simulation.records
