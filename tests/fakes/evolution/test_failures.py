"""Sends that go wrong, ChatEngine that is down, and what the provider remembers of both."""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from aiohttp import ClientError, ClientOSError

from fakes.evolution.plans import Failure, Plan, Rule, Step
from fakes.evolution.settings import RetrySettings
from tests.fakes.evolution.conftest import SETTINGS, Sender, sender_to
from tests.fakes.evolution.receiver import receiving
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fakes.evolution.receiver import Receiver

READ = (Step(event="READ"),)


async def fail(sender: Sender, failure: Failure, sends: int | None = 1) -> None:
    await sender.control.call(
        "POST", "/rules", Rule(plan=Plan(steps=READ, failure=failure), sends=sends)
    )


async def test_a_send_may_fail_with_a_status(sender: Sender, receiver: Receiver) -> None:
    """The status comes in Evolution's shape, once as often as told, and WhatsApp knows nothing."""
    await fail(sender, Failure(kind="status", status=503), sends=2)
    assert [(await sender.send())[0] for _ in range(3)] == [503, 503, 201]
    (first, *_) = sender.evolution.provider.sends
    assert (first.outcome, first.delivered) == ("status 503", False)
    assert receiver.bodies == []


async def test_a_rule_without_a_count_fails_until_it_is_cleared(sender: Sender) -> None:
    """Every send fails; after the rules are cleared they go through."""
    await fail(sender, Failure(kind="status", status=500), sends=None)
    assert [(await sender.send())[0] for _ in range(3)] == [500, 500, 500]
    await sender.control.call("DELETE", "/rules")
    assert (await sender.send())[0] == 201


async def test_a_send_may_never_be_answered(sender: Sender) -> None:
    """A timeout is the client's to notice; the provider stays well."""
    await fail(sender, Failure(kind="timeout"))
    with pytest.raises(TimeoutError):
        await sender.send(timeout_s=0.1)
    assert (await sender.send())[0] == 201


async def test_a_send_may_be_reset(sender: Sender) -> None:
    """The connection is reset (RST), not closed in order."""
    await fail(sender, Failure(kind="reset"))
    with pytest.raises(ClientOSError) as caught:
        await sender.send()
    assert caught.value.errno == errno.ECONNRESET
    assert (await sender.send())[0] == 201


@pytest.mark.parametrize("kind", ["timeout", "reset", "status"])
async def test_an_answer_may_be_lost_though_the_message_went_out(
    sender: Sender, receiver: Receiver, kind: Any
) -> None:
    """With `delivered` the customer reads what the sender believes failed."""
    await fail(sender, Failure(kind=kind, delivered=True))
    try:
        status, _ = await sender.send(timeout_s=0.1)
    except (TimeoutError, ClientError):
        status = 0
    assert status in (0, 500)
    (body,) = await receiver.arrived(1)
    (send,) = sender.evolution.provider.sends
    assert body["data"]["keyId"] == send.key_id
    assert send.delivered


async def test_a_send_may_be_slow(sender: Sender) -> None:
    """The answer waits for as long as the plan says."""
    await sender.control.call("PUT", "/plan", {"answer_after_s": 0.2})
    began = asyncio.get_running_loop().time()
    assert (await sender.send())[0] == 201
    assert asyncio.get_running_loop().time() - began >= 0.2


async def test_a_hanging_send_does_not_hold_up_the_end(receiver: Receiver) -> None:
    """The provider ends within seconds though a send hangs on it."""
    async with asyncio.timeout(10), sender_to(SETTINGS) as sender:
        await fail(sender, Failure(kind="timeout"))
        hanging = asyncio.create_task(sender.send(timeout_s=60))
        await until(lambda: sender.evolution.provider.sends.total)
    with pytest.raises(ClientError):
        await hanging


async def test_sends_are_remembered_one_by_one(sender: Sender) -> None:
    """The list says what was sent, to whom and with which id, by instance and by text."""
    _, answer = await sender.send("uma vez")
    await sender.send("outra")
    await sender.post("/message/sendText/support-1", {"number": "5521990000002", "text": "oi"})
    seen = await sender.control.call("GET", "/sends?text=uma%20vez")
    (send,) = seen["records"]
    assert (seen["total"], seen["forgotten"]) == (3, 0)
    assert send["keyId"] == answer["key"]["id"]
    assert (send["number"], send["remoteJid"]) == ("5511990000001", answer["key"]["remoteJid"])
    assert (send["kind"], send["outcome"]) == ("text", "answered")
    seen = await sender.control.call("GET", "/sends?instance=support-1")
    assert [send["text"] for send in seen["records"]] == ["oi"]
    await sender.control.call("DELETE", "/sends")
    assert (await sender.control.call("GET", "/sends"))["records"] == []


async def test_the_memory_is_bounded_and_says_so() -> None:
    """Only the newest are kept; `total` and `forgotten` still count the rest."""
    async with sender_to(msgspec.structs.replace(SETTINGS, kept=2)) as sender:
        for text in ("a", "b", "c"):
            await sender.send(text)
        seen = await sender.control.call("GET", "/sends")
    assert (seen["total"], seen["forgotten"]) == (3, 1)
    assert [send["text"] for send in seen["records"]] == ["b", "c"]


async def test_refused_sends_are_counted_apart(sender: Sender) -> None:
    """A wrong key and a bad body are no sends, but they are counted."""
    await sender.send(key="wrong")
    await sender.send(" ")
    state = await sender.control.call("GET", "/state")
    assert (state["sends"], state["refused"]) == (0, {"401": 1, "400": 1})


async def test_a_webhook_is_tried_again_while_chatengine_fails(
    sender: Sender, receiver: Receiver
) -> None:
    """Two 500s, then it is taken: three arrivals of the same webhook, one call on record."""
    receiver.answers = [500, 502]
    sender.evolution.provider.plans.default = Plan(steps=READ)
    await sender.send()
    bodies = await receiver.arrived(3)
    assert bodies[0] == bodies[1] == bodies[2]
    calls = sender.evolution.provider.caller.calls
    await until(lambda: calls.total)
    assert [(call.attempts, call.outcome) for call in calls] == [(3, "ok")]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_a_webhook_that_is_refused_is_not_tried_again(
    sender: Sender, receiver: Receiver, status: int
) -> None:
    """These statuses Evolution takes for good."""
    receiver.answers = [status]
    sender.evolution.provider.plans.default = Plan(steps=READ)
    await sender.send()
    calls = sender.evolution.provider.caller.calls
    await until(lambda: calls.total)
    assert [(call.attempts, call.outcome) for call in calls] == [(1, f"status {status}")]


async def test_a_webhook_is_given_up_after_its_tries(sender: Sender, receiver: Receiver) -> None:
    """An ever failing ChatEngine is called four times (as set), and no more."""
    receiver.answers = [500] * 10
    sender.evolution.provider.plans.default = Plan(steps=READ)
    await sender.send()
    calls = sender.evolution.provider.caller.calls
    await until(lambda: calls.total)
    assert [(call.attempts, call.outcome) for call in calls] == [(4, "status 500")]
    assert len(receiver.bodies) == 4


async def test_a_webhook_reaches_a_chatengine_that_comes_back() -> None:
    """Down at the first try, up at a later one: the webhook arrives."""
    async with receiving() as gone:
        port = int(gone.url.split(":")[2].split("/")[0])
    settings = msgspec.structs.replace(
        SETTINGS,
        webhook_url=gone.url,
        plan=Plan(steps=READ),
        retry=RetrySettings(attempts=50, first_delay_s=0.01, longest_delay_s=0.1),
    )
    async with sender_to(settings) as sender:
        await sender.send()
        async with receiving(port) as back:
            await back.arrived(1)


async def test_a_chatengine_that_hangs_is_a_timeout(receiver: Receiver) -> None:
    """A webhook nobody answers is given up after its time, as often as there are tries."""
    receiver.slow_s = 30
    settings = msgspec.structs.replace(
        SETTINGS,
        webhook_url=receiver.url,
        plan=Plan(steps=READ),
        retry=RetrySettings(attempts=2, first_delay_s=0.01, timeout_s=0.1),
    )
    async with sender_to(settings) as sender:
        await sender.send()
        calls = sender.evolution.provider.caller.calls
        await until(lambda: calls.total)
    assert [(call.attempts, call.outcome) for call in calls] == [(2, "timeout")]
