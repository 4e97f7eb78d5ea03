"""Both fakes in one process: an agent and a customer talk to each other through them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientSession
from msgspec.structs import replace

from chatengine import events
from fakes.chatengine.app import running_chatengine
from fakes.chatengine.settings import ProviderSettings
from fakes.control import ControlClient
from fakes.environment import Secret
from fakes.evolution import EvolutionSettings, running_evolution
from fakes.evolution.plans import Event, Plan, Step
from tests.fakes.chatengine.world import JID, SETTINGS, Crm, token
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEY = Secret("the-provider-key")
FOLLOWING: tuple[Event, ...] = ("echo", "SERVER_ACK", "DELIVERY_ACK", "READ")
IN_ORDER = tuple(Step(event=event) for event in FOLLOWING)
PLANS = {
    "after the answer": IN_ORDER,
    "each twice": tuple(replace(step, times=2) for step in IN_ORDER),
    "before the answer": tuple(replace(step, before_answer=True) for step in IN_ORDER),
    "the other way round": tuple(replace(step, before_answer=True) for step in IN_ORDER[::-1]),
}


@asynccontextmanager
async def an_agent(plan: Plan) -> AsyncIterator[Crm]:
    """An agent of a ChatEngine that sends by the fake Evolution, which calls it back."""
    provider = EvolutionSettings(instances=SETTINGS.instances, api_key=KEY, plan=plan)
    async with running_evolution(provider) as evolution, ClientSession() as session:
        sends = ProviderSettings(url=evolution.url, api_key=KEY)
        async with running_chatengine(replace(SETTINGS, provider=sends)) as engine:
            evolution.provider.caller.url = engine.url + events.WEBHOOK_PATH
            crm = Crm(session, ControlClient(session, engine.control))
            await crm.connect(engine.url, {"token": token(SETTINGS), "workspaceId": "w-1"})
            await crm.subscribe(JID)
            yield crm
            await crm.client.disconnect()


def statuses_of(crm: Crm) -> list[str]:
    return [each["status"] for each in crm.all(events.MESSAGE_STATUS)]


@pytest.mark.parametrize("steps", PLANS.values(), ids=PLANS)
async def test_a_message_from_sending_to_reading(steps: tuple[Step, ...]) -> None:
    """A send shows once, with its client id, and its statuses only rise, to `read`."""
    async with an_agent(Plan(steps=steps)) as crm:
        command = {"type": "sendMessage", "conversationId": JID, "content": "Olá!"}
        sent = await crm.client.call(events.SEND_MESSAGE, command | {"messageId": "c-1"})
        assert sent == {"ok": True}
        await until(lambda: "read" in statuses_of(crm))
        message = await crm.one(events.MESSAGE)
        assert message["metadata"]["clientMessageId"] == "c-1"
        assert {each["messageId"] for each in crm.all(events.MESSAGE_STATUS)} == {message["id"]}
        assert statuses_of(crm) in (["delivered", "read"], ["read"])
