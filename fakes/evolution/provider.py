"""The provider itself: it takes sends, tells ChatEngine what became of them, plays customers."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct

from chatengine.moments import from_ms
from fakes.evolution.background import Background
from fakes.evolution.bodies import (
    Account,
    Contact,
    Content,
    Kind,
    connection_update,
    customer_id,
    message_data,
    messages_update,
    messages_upsert,
    own_id,
)
from fakes.evolution.ledger import Ledger
from fakes.evolution.orders import Order
from fakes.evolution.plans import Plan, PlanBook, Step
from fakes.evolution.settings import EvolutionSettings
from fakes.evolution.webhook import WebhookCall, WebhookCaller
from fakes.logs import Log

__all__ = ["ConnectionState", "Provider", "Send"]

ConnectionState = Literal["open", "close", "connecting"]

_log = Log(__name__)


class Send(Struct, frozen=True, kw_only=True, rename="camel"):
    """A send that was taken: a good key, a known instance, a body that was understood.

    `second` is its moment as WhatsApp counts it. `outcome` is what its plan had in store:
    `answered`, `status <n>`, `timeout` or `reset`; `delivered`, whether it reached WhatsApp.
    """

    sequence: int
    at: str
    second: int
    instance: str
    number: str
    remote_jid: str
    kind: Kind
    text: str
    media: str
    key_id: str
    outcome: str
    delivered: bool


class Provider:
    """The state of the fake; its HTTP interfaces and the command line are shells around it."""

    def __init__(
        self, settings: EvolutionSettings, caller: WebhookCaller, tasks: Background
    ) -> None:
        self.accounts = {
            name: Account.of(name, index) for index, name in enumerate(settings.instances, start=1)
        }
        self.connections: dict[str, ConnectionState] = dict.fromkeys(self.accounts, "open")
        self.plans = PlanBook(settings.plan)
        self.sends: Ledger[Send] = Ledger(settings.kept)
        self.refused: dict[int, int] = {}
        self.caller = caller
        self.tasks = tasks
        self.server_url = ""

    def take(self, account: Account, order: Order) -> tuple[Send, Plan]:
        """Record a send and return it with its plan."""
        plan = self.plans.take(account.instance, order.remote_jid)
        failure = plan.failure
        now_ms = _now_ms()
        outcome = "answered"
        if failure is not None:
            outcome = f"status {failure.status}" if failure.kind == "status" else failure.kind
        send = self.sends.add(
            lambda sequence: Send(
                sequence=sequence,
                at=from_ms(now_ms),
                second=now_ms // 1000,
                instance=account.instance,
                number=order.number,
                remote_jid=order.remote_jid,
                kind=order.content.kind,
                text=order.content.text,
                media=order.content.url,
                key_id=own_id(),
                outcome=outcome,
                delivered=failure is None or failure.delivered,
            )
        )
        _log.info("send taken", instance=send.instance, key_id=send.key_id, outcome=outcome)
        return send, plan

    def refuse(self, status: int) -> None:
        """Count a send that was not taken."""
        self.refused[status] = self.refused.get(status, 0) + 1

    def answer(self, send: Send, order: Order) -> dict[str, Any]:
        """Build the message as the answer to its send carries it."""
        return self._own_message(send, order, "PENDING")

    async def before_answer(self, send: Send, order: Order, plan: Plan) -> None:
        """Deliver the steps that overtake the answer, in the plan's order."""
        for step in plan.steps if send.delivered else ():
            if step.before_answer:
                await self._deliver(step, send, order)

    def after_answer(self, send: Send, order: Order, plan: Plan) -> None:
        """Start the steps that follow the answer, each in its own time."""
        for step in plan.steps if send.delivered else ():
            if not step.before_answer:
                self.tasks.start(self._deliver(step, send, order), f"{step.event} {send.key_id}")

    async def _deliver(self, step: Step, send: Send, order: Order) -> None:
        await asyncio.sleep(step.after_s)
        for _ in range(step.times):
            await self.caller.post(self._step_body(step, send, order))

    def _step_body(self, step: Step, send: Send, order: Order) -> dict[str, Any]:
        account = self.accounts[send.instance]
        if step.event == "echo":
            data = self._own_message(send, order, "SERVER_ACK")
            return messages_upsert(account, data, **self._where())
        jid, key_id = send.remote_jid, send.key_id
        return messages_update(account, jid, key_id, step.event, step.shape, **self._where())

    def _own_message(self, send: Send, order: Order, status: str) -> dict[str, Any]:
        return message_data(
            self.accounts[send.instance],
            Contact(send.remote_jid, ""),
            order.content,
            key_id=send.key_id,
            from_me=True,
            second=send.second,
            status=status,
        )

    async def customer_writes(
        self, instance: str, contact: Contact, content: Content, *, times: int = 1
    ) -> tuple[str, WebhookCall]:
        """Have a customer write to `instance`; returns the key id and what the last call came to.

        The instance need not be one of ours: what a server does with a stranger's is tested too.
        """
        account = self.accounts.get(instance) or Account.of(instance, 0)
        key_id = customer_id()
        data = message_data(
            account,
            contact,
            content,
            key_id=key_id,
            from_me=False,
            second=_now_ms() // 1000,
            status="DELIVERY_ACK",
        )
        body = messages_upsert(account, data, **self._where())
        calls = [await self.caller.post(body) for _ in range(times)]
        return key_id, calls[-1]

    async def change_connection(self, instance: str, state: ConnectionState) -> WebhookCall:
        """Open or close the number and tell ChatEngine; raises `KeyError` for a stranger."""
        account = self.accounts[instance]
        self.connections[instance] = state
        return await self.caller.post(connection_update(account, state, **self._where()))

    def sent(self, *, instance: str | None = None, text: str | None = None) -> Iterable[Send]:
        """Return the recorded sends, oldest first, of one instance or one text where given."""
        return [
            send
            for send in self.sends
            if instance in (None, send.instance) and text in (None, send.text)
        ]

    def _where(self) -> dict[str, Any]:
        return {
            "now_ms": _now_ms(),
            "destination": self.caller.url or "",
            "server_url": self.server_url,
        }


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
