"""What happens to a send: how it is answered, and which webhooks follow it. Nothing here does I/O.

A `Plan` says it for one send. The `PlanBook` holds the plan every send gets, and rules before it
for the sends that shall fare otherwise: so many of them, or all until the rule is cleared.
"""

from itertools import count
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

__all__ = ["DEFAULT_PLAN", "Failure", "Plan", "PlanBook", "Rule", "Step"]

Event = Literal["echo", "PENDING", "SERVER_ACK", "DELIVERY_ACK", "READ", "PLAYED", "ERROR"]
Seconds = Annotated[float, Meta(ge=0, le=3600)]


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One webhook of a send, `after_s` seconds after its answer, delivered `times` times.

    `before_answer` has it delivered first, and the send answered afterwards: an acknowledgement
    that overtakes the answer. Steps out of order are steps with such delays; one that never comes
    is left out. `shape` is one of the forms `messages.update` is seen in (contract, section 5).
    """

    event: Event
    after_s: Seconds = 0.0
    times: Annotated[int, Meta(ge=1, le=10)] = 1
    before_answer: bool = False
    shape: Literal["flat", "key", "list"] = "flat"


class Failure(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a send goes wrong: answered with `status`, never answered, or the connection reset.

    With `delivered` the message reaches WhatsApp all the same, its webhooks included, and only
    the answer is lost: the case in which a careless sender sends twice.
    """

    kind: Literal["status", "timeout", "reset"]
    status: Annotated[int, Meta(ge=400, le=599)] = 500
    delivered: bool = False


class Plan(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One send: answered after `answer_after_s` seconds, or as `failure` says; then `steps`."""

    steps: Annotated[tuple[Step, ...], Meta(max_length=50)] = ()
    answer_after_s: Seconds = 0.0
    failure: Failure | None = None


DEFAULT_PLAN: Final = Plan(
    steps=(
        Step(event="echo"),
        Step(event="SERVER_ACK", after_s=0.05),
        Step(event="DELIVERY_ACK", after_s=0.25),
        Step(event="READ", after_s=1.0),
    )
)
"""A customer with the phone in hand: delivered at once, read within the second."""


class Rule(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A plan for the next `sends` sends (None: for all until cleared) to `number` by `instance`.

    `number` and `instance` are None where they do not matter; a number is digits or a JID.
    """

    plan: Plan
    sends: Annotated[int, Meta(ge=1)] | None = None
    instance: str | None = None
    number: str | None = None

    def matches(self, instance: str, remote_jid: str) -> bool:
        """Whether a send by `instance` to `remote_jid` is one this rule is for."""
        same_number = self.number is None or self.number in (remote_jid, remote_jid.split("@")[0])
        return same_number and self.instance in (None, instance)


class PlanBook:
    """The default plan and the rules before it, oldest rule first."""

    def __init__(self, default: Plan) -> None:
        self.default = default
        self._rules: dict[int, Rule] = {}
        self._left: dict[int, int | None] = {}
        self._ids = count(1)

    @property
    def rules(self) -> dict[int, Rule]:
        """The rules that still hold, by id, each with the `sends` it has left."""
        return {
            number: Rule(
                plan=r.plan, sends=self._left[number], instance=r.instance, number=r.number
            )
            for number, r in self._rules.items()
        }

    def add(self, rule: Rule) -> int:
        """Add a rule behind those that are there; returns its id."""
        number = next(self._ids)
        self._rules[number] = rule
        self._left[number] = rule.sends
        return number

    def clear(self, number: int | None = None) -> None:
        """Forget one rule, or all; raises `KeyError` for one that is not there."""
        for each in list(self._rules) if number is None else [number]:
            del self._rules[each], self._left[each]

    def take(self, instance: str, remote_jid: str) -> Plan:
        """Return the plan of a send that happens now; a counted rule has one send less after."""
        for number, rule in self._rules.items():
            if rule.matches(instance, remote_jid):
                left = self._left[number]
                if left == 1:
                    self.clear(number)
                elif left is not None:
                    self._left[number] = left - 1
                return rule.plan
        return self.default
