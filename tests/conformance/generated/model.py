"""A target in memory: a server and a client that keep the contract, but for one bug if asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from chatengine.history import (
    Actor,
    Closed,
    Entered,
    Fault,
    Held,
    Listed,
    ListedConversation,
    Opened,
    Record,
    Sent,
    Shown,
    ShownMessage,
    StatusEntered,
)
from chatengine.status import Status, join
from conformance.generated import schedules as s

if TYPE_CHECKING:
    from conformance.deadlines import Deadline
    from conformance.history import History

__all__ = ["BUGS", "Bug", "Model"]

Bug = Literal[
    "no backfill after reconnect",
    "status overwritten",
    "subscription lost",
    "duplicate shown",
    "early status dropped",
    "statuses of the gap not fetched",
    "order of arrival",
    "list moves back",
    "list not refreshed",
    "closed conversation stays subscribed",
    "first close unsubscribes",
    "send vanishes without a connection",
    "shown in every open conversation",
]
BUGS: tuple[Bug, ...] = get_args(Bug)


class _Truth:
    """A message as the server has it."""

    def __init__(
        self, name: str, conversation: str, created_ms: int, client_id: str | None
    ) -> None:
        self.name = name
        self.conversation = conversation
        self.created_ms = created_ms
        self.client_id = client_id
        self.status = Status.PENDING


class Model:
    """Carries schedules out in no time; `bug` is what the client does wrong."""

    patience_s = 0.0

    def __init__(self, bug: Bug | None = None) -> None:
        self._bug = bug
        self._run = 0
        self._now_us = 0
        self.steps_done = 0
        self._begin()

    def _begin(self) -> None:
        self._run += 1
        self._truths: dict[str, _Truth] = {}
        self._early: dict[str, list[Status]] = {}
        self._up = True
        self._connected = True
        self._subscribed: set[str] = set()
        # the client
        self._opened: dict[str, int] = {}
        self._shown: dict[str, list[ShownMessage]] = {}
        self._waiting: dict[str, Status] = {}
        self._lines: dict[str, int] = {}
        self._unsent: list[tuple[str, str]] = []

    # the target

    def now_us(self) -> int:
        self._now_us += 1
        return self._now_us

    @property
    def schedules_done(self) -> int:
        """How many schedules were begun."""
        return self._run - 1

    async def reset(self, *, fresh: bool) -> History:
        self._begin()
        return [Actor(at_us=self.now_us(), who="client", workspace="w")]

    async def do(self, step: s.Step) -> History:
        self.steps_done += 1
        match step:
            case s.Write(message=number, conversation=conversation, ago_s=ago_s, by_us=by_us):
                return self._writes(number, conversation, ago_s, by_us)
            case s.Again(message=number):
                self._pushes(self._truths.get(self._name(number)))
            case s.Status(message=number, status=name):
                return self._acknowledges(number, name)
            case s.Send(message=number, conversation=conversation):
                return self._sends(number, conversation)
            case s.Open(conversation=conversation):
                return self._opens(conversation)
            case s.Close(conversation=conversation):
                return self._closes(conversation)
            case _:
                self._breaks(step)
        return [Fault(at_us=self.now_us(), who="model", fault=type(step).__name__)]

    async def settle(self, deadline: Deadline) -> History:
        self._up = True
        self._connects()
        records: list[Record] = []
        for number, conversation in enumerate(sorted(self._opened)):
            name = f"fence {self._run} {self._now_us} {number}"
            records += self._stores(name, conversation, 10**9 + self._now_us, Status.SENT)
        return records

    async def snapshot(self) -> History:
        at_us = self.now_us()
        held = tuple(sorted(self._subscribed)) if self._connected else ()
        lines = [
            ListedConversation(id=each, workspace="w", last_message_ms=ms)
            for each, ms in sorted(self._lines.items(), key=lambda line: -line[1])
        ]
        return [
            *(
                Shown(at_us=at_us, who="client", conversation=each, messages=self._order(messages))
                for each, messages in self._shown.items()
            ),
            Listed(at_us=at_us, who="client", conversations=tuple(lines)),
            Held(at_us=at_us, who="client", conversations=held),
        ]

    # steps

    def _name(self, number: int) -> str:
        return f"m{number} of {self._run}"

    def _conversation(self, number: int) -> str:
        return f"{'ABC'[number]} of {self._run}"

    def _writes(self, number: int, conversation: int, ago_s: int, by_us: bool) -> History:
        status = Status.SENT if by_us else Status.DELIVERED
        created_ms = 10**9 + self._now_us - 1000 * ago_s
        return self._stores(
            self._name(number), self._conversation(conversation), created_ms, status
        )

    def _stores(
        self,
        name: str,
        conversation: str,
        created_ms: int,
        status: Status,
        client_id: str | None = None,
    ) -> list[Record]:
        began_us = self.now_us()
        truth = _Truth(name, conversation, created_ms, client_id)
        truth.status = join(status, *self._early.pop(name, ()))
        self._truths[name] = truth
        if self._bug == "early status dropped":
            truth.status = status
        self._pushes(truth)
        if self._connected:
            self._lists(conversation, created_ms)
        return [
            Entered(
                at_us=self.now_us(),
                began_us=began_us,
                who="model",
                message=name,
                conversation=conversation,
                workspace="w",
                created_ms=created_ms,
                client_id=client_id,
            )
        ]

    def _acknowledges(self, number: int, name: s.StatusName) -> History:
        began_us, message = self.now_us(), self._name(number)
        status = Status.parse(name)
        assert status is not None
        truth = self._truths.get(message)
        if truth is None:
            self._early.setdefault(message, []).append(status)
        else:
            truth.status = join(truth.status, status)
            if self._connected and truth.conversation in self._subscribed:
                overwrites = self._bug == "status overwritten"
                self._learns_status(truth, status if overwrites else truth.status)
        return [
            StatusEntered(
                at_us=self.now_us(),
                began_us=began_us,
                who="model",
                message=message,
                status=name,
            )
        ]

    def _sends(self, number: int, conversation_number: int) -> History:
        conversation, client_id = self._conversation(conversation_number), self._name(number)
        sent = Sent(
            at_us=self.now_us(), who="client", conversation=conversation, client_id=client_id
        )
        created_ms = 10**9 + self._now_us
        own = ShownMessage(
            id=client_id, status="sending", created_ms=created_ms, client_id=client_id
        )
        shown = self._shown.setdefault(conversation, [])
        if self._connected or self._bug != "send vanishes without a connection":
            shown.append(own)
        self._unsent.append((conversation, client_id))
        return [sent, *self._hands_over()]

    def _hands_over(self) -> list[Record]:
        records: list[Record] = []
        while self._connected and self._unsent:
            conversation, client_id = self._unsent.pop(0)
            if any(each.client_id == client_id for each in self._shown[conversation]):
                at_ms = 10**9 + self._now_us
                name = f"p {client_id}"
                records += self._stores(name, conversation, at_ms, Status.SENT, client_id)
                self._shows(self._truths[name])
        return records

    def _opens(self, number: int) -> History:
        conversation = self._conversation(number)
        self._opened[conversation] = self._opened.get(conversation, 0) + 1
        self._shown.setdefault(conversation, [])
        if self._connected:
            self._subscribed.add(conversation)
            self._fetches(conversation)
        return [Opened(at_us=self.now_us(), who="client", conversation=conversation)]

    def _closes(self, number: int) -> History:
        conversation = self._conversation(number)
        if conversation not in self._opened:
            return []
        self._opened[conversation] -= 1
        is_last = not self._opened[conversation]
        if is_last:
            del self._opened[conversation]
        if self._bug == "first close unsubscribes" or (
            is_last and self._bug != "closed conversation stays subscribed"
        ):
            self._subscribed.discard(conversation)
        return [Closed(at_us=self.now_us(), who="client", conversation=conversation)]

    def _breaks(self, step: s.Step) -> None:
        match step:
            case s.Lose(how="half-open") | s.Down(server="chatengine"):
                self._connected = self._up = False
            case s.Lose() | s.Restart() | s.Expire():
                self._connected = False
                self._connects()
            case s.Up(server="chatengine"):
                self._up = True
                self._connects()
            case _:
                pass

    # what the client does

    def _connects(self) -> None:
        if self._connected or not self._up:
            return
        self._connected = True
        if self._bug == "subscription lost":
            self._subscribed.clear()
        elif self._bug == "closed conversation stays subscribed":
            self._subscribed |= set(self._opened)
        else:
            self._subscribed = set(self._opened)
        if self._bug != "no backfill after reconnect":
            for conversation in self._opened:
                self._fetches(conversation)
        if self._bug != "list not refreshed":
            for truth in self._truths.values():
                self._lists(truth.conversation, truth.created_ms)
        self._hands_over()

    def _pushes(self, truth: _Truth | None) -> None:
        if truth is not None and self._connected and truth.conversation in self._subscribed:
            self._shows(truth)

    def _fetches(self, conversation: str) -> None:
        known = {name for each in self._shown.get(conversation, ()) for name in each.names}
        for truth in self._truths.values():
            is_new = truth.name not in known
            if truth.conversation == conversation and (
                is_new or self._bug != "statuses of the gap not fetched"
            ):
                self._shows(truth, is_pushed=False)

    def _shows(self, truth: _Truth, *, is_pushed: bool = True) -> None:
        everywhere = self._bug == "shown in every open conversation"
        for conversation in [*self._opened] if everywhere else [truth.conversation]:
            self._shows_in(conversation, truth, is_pushed)

    def _shows_in(self, conversation: str, truth: _Truth, is_pushed: bool) -> None:
        shown = self._shown.setdefault(conversation, [])
        before = [each for each in shown if _is(each, truth)]
        ranks = [Status.parse(each.status) or Status.PENDING for each in before]
        message = ShownMessage(
            id=f"evo-{truth.name}",
            external_id=truth.name,
            status=join(truth.status, *ranks).crm,
            created_ms=truth.created_ms,
            client_id=truth.client_id,
        )
        if self._bug == "duplicate shown" and is_pushed and not truth.client_id:
            shown.append(message)
            return
        self._shown[conversation] = [each for each in shown if not _is(each, truth)] + [message]

    def _learns_status(self, truth: _Truth, status: Status) -> None:
        self._shown[truth.conversation] = [
            ShownMessage(
                id=each.id,
                external_id=each.external_id,
                client_id=each.client_id,
                created_ms=each.created_ms,
                status=status.crm if _is(each, truth) else each.status,
            )
            for each in self._shown.get(truth.conversation, ())
        ]

    def _lists(self, conversation: str, created_ms: int) -> None:
        before = self._lines.get(conversation, 0)
        moves_back = self._bug == "list moves back"
        self._lines[conversation] = created_ms if moves_back else max(before, created_ms)

    def _order(self, messages: list[ShownMessage]) -> tuple[ShownMessage, ...]:
        if self._bug == "order of arrival":
            return tuple(reversed(messages))
        return tuple(sorted(messages, key=lambda each: (each.created_ms, each.id), reverse=True))


def _is(shown: ShownMessage, truth: _Truth) -> bool:
    by_client = truth.client_id is not None and shown.client_id == truth.client_id
    return by_client or truth.name in shown.names
