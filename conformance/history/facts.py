"""What the checkers ask of a history, looked up once."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TypeVar, cast

from msgspec import Struct

from chatengine.history import (
    EVERYBODY,
    Actor,
    Began,
    Entered,
    History,
    Listed,
    Received,
    Record,
    Sent,
    Settled,
    Shown,
    StatusEntered,
    Stopped,
)
from conformance.history import windows
from conformance.history.windows import Windows

__all__ = ["Facts", "Message"]

K = TypeVar("K")
R = TypeVar("R")


class Message(Struct):
    """A message as it was given to the system, however often.

    It entered not before `began_us`, and by `entered_us`, None where nobody knows whether it did.
    `told` is the record that says so, or else the first one. `refused`: it never entered.
    """

    told: Entered
    began_us: int
    entered_us: int | None
    refused: bool

    @property
    def name(self) -> str:
        """What the harness calls it."""
        return self.told.name

    def learn(self, told: Entered) -> None:
        """It was given once more; what was refused did not begin to enter."""
        if told.outcome == "refused":
            return
        self.began_us = told.since_us if self.refused else min(self.began_us, told.since_us)
        self.refused = False
        if told.outcome == "ok" and self.entered_us is None:
            self.told, self.entered_us = told, told.at_us


class Facts:
    """A history in the order of its moments; each index is made when it is first asked for."""

    def __init__(self, history: History) -> None:
        self.records = sorted(history, key=lambda record: record.at_us)
        self._by_kind: dict[type, list[Record]] = _grouped(
            (type(record), record) for record in self.records
        )
        self._fences: dict[str, list[Settled]] = {}
        self._first_receipts: dict[str, dict[str, int]] = {}

    def of(self, kind: type[R]) -> Sequence[R]:
        """The records of a kind."""
        return cast("Sequence[R]", self._by_kind.get(kind, ()))

    @cached_property
    def is_scoped(self) -> bool:
        """Whether the server sends messages to subscribers alone (`message_scope`)."""
        return all(record.scope == "conversation" for record in self.of(Began))

    @cached_property
    def actors(self) -> dict[str, Actor]:
        """Who observes."""
        return {record.who: record for record in self.of(Actor)}

    @cached_property
    def messages(self) -> dict[str, Message]:
        """What entered, or may have, or was refused, by name."""
        found: dict[str, Message] = {}
        for record in self.of(Entered):
            message = Message(record, record.since_us, None, refused=True)
            found.setdefault(record.name, message).learn(record)
        return found

    @cached_property
    def by_conversation(self) -> dict[str, list[Message]]:
        """What entered for certain, by conversation, in the order of its beginnings."""
        entered = [each for each in self.messages.values() if each.entered_us is not None]
        entered.sort(key=lambda each: each.began_us)
        return _grouped((each.told.conversation, each) for each in entered)

    def rivals(self, message: Message) -> int:
        """How many messages may be of the same conversation and moment, itself included."""
        told = message.told
        place = told.workspace, told.conversation
        return self._creations[*place, told.created_ms] + self._creations[*place, None]

    @cached_property
    def _creations(self) -> Counter[tuple[str, str, int | None]]:
        told = (each.told for each in self.messages.values() if not each.refused)
        return Counter((each.workspace, each.conversation, each.created_ms) for each in told)

    @cached_property
    def statuses(self) -> dict[str, list[StatusEntered]]:
        """The statuses that entered for certain, by the name of their message."""
        entered = (each for each in self.of(StatusEntered) if each.outcome == "ok")
        return _grouped((each.name, each) for each in entered)

    @cached_property
    def sends(self) -> dict[str, list[Sent]]:
        """What clients sent, by client id."""
        return _grouped((each.client_id, each) for each in self.of(Sent))

    @cached_property
    def shown(self) -> dict[tuple[str, str], list[Shown]]:
        """What each client showed of each conversation."""
        return _grouped(((each.who, each.conversation), each) for each in self.of(Shown))

    @cached_property
    def listed(self) -> dict[str, list[Listed]]:
        """The lists of conversations that each client showed."""
        return _grouped((each.who, each) for each in self.of(Listed))

    @cached_property
    def received(self) -> dict[str, list[Received]]:
        """The messages that reached each socket."""
        return _grouped((each.who, each) for each in self.of(Received))

    def first_receipts(self, who: str) -> dict[str, int]:
        """When each message first reached a socket, by name."""
        if who not in self._first_receipts:
            latest_first = reversed(self.received.get(who, ()))
            self._first_receipts[who] = {each.name: each.at_us for each in latest_first}
        return self._first_receipts[who]

    @cached_property
    def opened(self) -> Windows:
        """When each client had each conversation open."""
        return windows.opened(self.records)

    @cached_property
    def subscribed(self) -> Windows:
        """When each socket was subscribed to each conversation, for certain."""
        return windows.subscribed(self.records)

    @cached_property
    def permitted(self) -> Windows:
        """When each socket may have been subscribed to each conversation."""
        return windows.permitted(self.records)

    def fences(self, who: str) -> list[Settled]:
        """The fences that hold for an observer."""
        if who not in self._fences:
            own, common = (self._settled.get(whose, ()) for whose in (who, EVERYBODY))
            self._fences[who] = sorted((*own, *common), key=lambda fence: fence.at_us)
        return self._fences[who]

    @cached_property
    def _settled(self) -> dict[str, list[Settled]]:
        return _grouped((fence.who, fence) for fence in self.of(Settled))

    def fence_before(self, who: str, at_us: int) -> Settled | None:
        """The last fence that holds for an observer at a moment."""
        return next((each for each in reversed(self.fences(who)) if each.at_us <= at_us), None)

    def fenced(self, who: str, conversation: str) -> Iterator[tuple[Shown, Settled]]:
        """What a client showed of a conversation, each with the last fence before it."""
        for shown in self.shown.get((who, conversation), ()):
            fence = self.fence_before(who, shown.at_us)
            if fence is not None:
                yield shown, fence

    @cached_property
    def _stops(self) -> dict[str, list[Stopped]]:
        return _grouped((each.who, each) for each in self.of(Stopped))

    def stopped_between(self, who: str, from_us: int, until_us: int) -> bool:
        """Whether an observer was stopped meanwhile, and so began afresh."""
        return any(from_us <= stop.at_us <= until_us for stop in self._stops.get(who, ()))

    def is_for(self, who: str, message: Message) -> bool:
        """Whether a message is of the observer's workspace, as far as that is known."""
        actor = self.actors.get(who)
        return actor is None or actor.workspace == message.told.workspace


def _grouped(pairs: Iterable[tuple[K, R]]) -> dict[K, list[R]]:
    found: dict[K, list[R]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return dict(found)
