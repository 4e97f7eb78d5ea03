"""What follows a send: echo and acknowledgements, as the plan has them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from chatengine.status import Status
from chatengine.webhooks import Inbound, StatusChange, parse
from fakes.evolution.plans import DEFAULT_PLAN, Plan, Rule, Step
from tests.fakes.evolution.conftest import CUSTOMER, JID, SETTINGS, Sender, sender_to
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fakes.evolution.receiver import Receiver


def plan(*steps: Step) -> dict[str, object]:
    """A plan as the control interface takes it."""
    wire: dict[str, object] = msgspec.to_builtins(Plan(steps=steps))
    return wire


async def test_by_default_a_send_is_echoed_delivered_and_read(receiver: Receiver) -> None:
    """Echo, SERVER_ACK, DELIVERY_ACK and READ come in this order, about the message sent."""
    steps = tuple(Step(event=s.event, after_s=s.after_s / 10) for s in DEFAULT_PLAN.steps)
    settings = msgspec.structs.replace(SETTINGS, plan=Plan(steps=steps), webhook_url=receiver.url)
    async with sender_to(settings) as sender:
        _, answer = await sender.send("Olá")
        echo, *acknowledgements = [parse(body).changes[0] for body in await receiver.arrived(4)]
    key_id = answer["key"]["id"]
    assert isinstance(echo, Inbound)
    assert (echo.key_id, echo.remote_jid, echo.from_me) == (key_id, JID, True)
    assert (echo.content, echo.second) == ("Olá", answer["messageTimestamp"])
    assert acknowledgements == [
        StatusChange(key_id, Status.SENT),
        StatusChange(key_id, Status.DELIVERED),
        StatusChange(key_id, Status.READ),
    ]


async def test_the_envelope_is_evolutions(sender: Sender, receiver: Receiver) -> None:
    """Every webhook names instance, destination, the number's own JID, server and moment."""
    await sender.control.call("PUT", "/plan", plan(Step(event="READ")))
    await sender.send()
    (body,) = await receiver.arrived(1)
    assert set(body) == {
        "event", "instance", "data", "destination", "date_time", "sender", "server_url", "apikey"
    }  # fmt: skip
    assert (body["instance"], body["destination"]) == ("sales-1", receiver.url)
    assert body["server_url"] == sender.evolution.url
    assert body["sender"].endswith("@s.whatsapp.net")


async def test_a_step_may_be_delivered_twice(sender: Sender, receiver: Receiver) -> None:
    """`times` posts the same webhook that often."""
    await sender.control.call("PUT", "/plan", plan(Step(event="DELIVERY_ACK", times=2)))
    await sender.send()
    first, second = await receiver.arrived(2)
    assert first["data"] == second["data"]


async def test_steps_come_in_the_order_of_their_delays(sender: Sender, receiver: Receiver) -> None:
    """READ before SERVER_ACK, and one that is left out never comes."""
    await sender.control.call(
        "PUT", "/plan", plan(Step(event="SERVER_ACK", after_s=0.15), Step(event="READ"))
    )
    await sender.send()
    await receiver.arrived(2)
    await until(lambda: sender.evolution.provider.tasks.running == 0)
    assert receiver.statuses == ["READ", "SERVER_ACK"]


async def test_a_step_may_overtake_the_answer(sender: Sender, receiver: Receiver) -> None:
    """`before_answer` has the webhook taken before the send is answered; the rest comes after."""
    steps = Step(event="DELIVERY_ACK", before_answer=True), Step(event="READ")
    body = {"steps": msgspec.to_builtins(steps), "answer_after_s": 0.2}
    await sender.control.call("PUT", "/plan", body)
    sending = asyncio.create_task(sender.send())
    await receiver.arrived(1)
    assert not sending.done()
    _, answer = await sending
    assert receiver.bodies[0]["data"]["keyId"] == answer["key"]["id"]
    await receiver.arrived(2)
    assert receiver.statuses == ["DELIVERY_ACK", "READ"]


@pytest.mark.parametrize("shape", ["flat", "key", "list"])
async def test_an_update_comes_in_each_of_its_shapes(
    sender: Sender, receiver: Receiver, shape: str
) -> None:
    """`keyId`, `key.id` with `update.status`, and a list of such all say the same."""
    body = {"steps": [{"event": "DELIVERY_ACK", "shape": shape}]}
    await sender.control.call("PUT", "/plan", body)
    _, answer = await sender.send()
    (webhook,) = await receiver.arrived(1)
    assert isinstance(webhook["data"], list) == (shape == "list")
    assert parse(webhook).changes == (StatusChange(answer["key"]["id"], Status.DELIVERED),)


async def test_a_rule_holds_for_so_many_sends(sender: Sender, receiver: Receiver) -> None:
    """Two sends fare by the rule, the third by the default plan."""
    rule = Rule(plan=Plan(steps=(Step(event="ERROR"),)), sends=2)
    await sender.control.call("PUT", "/plan", plan(Step(event="READ")))
    await sender.control.call("POST", "/rules", rule)
    for count in (1, 2, 3):
        await sender.send()
        await receiver.arrived(count)
    assert receiver.statuses == ["ERROR", "ERROR", "READ"]
    assert await sender.control.call("GET", "/rules") == {}


async def test_a_rule_may_be_for_one_customer(sender: Sender, receiver: Receiver) -> None:
    """A rule with a number leaves the other customers alone, and ends when it is cleared."""
    rule = Rule(plan=Plan(steps=(Step(event="ERROR"),)), number=CUSTOMER, instance="sales-1")
    await sender.control.call("PUT", "/plan", plan(Step(event="READ")))
    made = await sender.control.call("POST", "/rules", rule)
    await sender.send(number="5521990000002")
    await receiver.arrived(1)
    await sender.send(number=JID)
    await receiver.arrived(2)
    await sender.control.call("DELETE", f"/rules/{made['id']}")
    await sender.send()
    await receiver.arrived(3)
    assert receiver.statuses == ["READ", "ERROR", "READ"]


async def test_what_is_planned_ends_with_the_provider(receiver: Receiver) -> None:
    """A step that is due after the end never comes, and nothing keeps the end waiting."""
    settings = msgspec.structs.replace(
        SETTINGS, webhook_url=receiver.url, plan=Plan(steps=(Step(event="READ", after_s=30),))
    )
    async with sender_to(settings) as sender:
        await sender.send()
        tasks = sender.evolution.provider.tasks
        assert tasks.running == 1
    assert tasks.running == 0
    assert receiver.bodies == []
