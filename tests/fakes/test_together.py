"""The fakes in one process: an agent and a customer talk to each other through them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientError, ClientSession
from msgspec.structs import replace

from chatengine import events
from fakes.chatengine.app import running_chatengine
from fakes.chatengine.settings import ProviderSettings
from fakes.control import ControlClient
from fakes.environment import Secret
from fakes.evolution import EvolutionSettings, running_evolution
from fakes.evolution.plans import Event, Plan, Step
from fakes.together import Fake, FakesSettings, RunningFakes, running_fakes
from tests.fakes.chatengine.world import JID, SETTINGS, Crm, token
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fakes.supabase.database import Row

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


def settings_of(proxied: frozenset[Fake]) -> FakesSettings:
    return FakesSettings(
        secret=SETTINGS.secret,
        instances=SETTINGS.instances,
        api_key=KEY,
        supabase_secret=SETTINGS.secret,
        proxied=proxied,
    )


@pytest.mark.parametrize(
    "proxied", [frozenset(), frozenset(("chatengine", "supabase", "evolution"))]
)
async def test_supabase_tells_what_chatengine_stores(proxied: frozenset[Fake]) -> None:
    """A message that is sent, and its statuses, become a row; directly or through the proxies."""
    async with running_fakes(settings_of(proxied)) as fakes, ClientSession() as session:
        assert set(fakes.proxies) == proxied
        crm = Crm(session, ControlClient(session, fakes.chatengine.control))
        auth = {"token": token(SETTINGS), "workspaceId": "w-1"}
        await crm.connect(fakes.url_of("chatengine"), auth)
        command = {"type": "sendMessage", "conversationId": JID, "content": "Olá!"}
        sent = await crm.client.call(events.SEND_MESSAGE, command | {"messageId": "c-1"})
        assert sent == {"ok": True}
        await until(lambda: [row["status"] for row in rows_of(fakes)] == ["read"])
        assert fakes.supabase is not None
        key = {"apikey": fakes.supabase.anon_keys["w-1"]}
        url = fakes.url_of("supabase") + "/rest/v1/messages"
        async with session.get(url, headers=key) as answer:
            (row,) = await answer.json()
        assert (row["client_message_id"], row["body"], row["status"]) == ("c-1", "Olá!", "read")
        assert all(proxy.stats.accepted for proxy in fakes.proxies.values())
        await crm.client.disconnect()


def rows_of(fakes: RunningFakes) -> list[Row]:
    """The rows of messages that Supabase holds."""
    assert fakes.supabase is not None
    return fakes.supabase.database.rows("messages")


async def test_a_proxy_fails_for_clients_and_not_for_customers() -> None:
    """While ChatEngine refuses every client, the provider's webhooks come in all the same."""
    settings = settings_of(frozenset(("chatengine",)))
    async with running_fakes(settings) as fakes, ClientSession() as session:
        fakes.proxies["chatengine"].refuse()
        with pytest.raises(ClientError):
            await session.get(fakes.url_of("chatengine") + "/api/health")
        control = ControlClient(session, fakes.evolution.control)
        written = {"instance": "sales-1", "number": "5511990000001", "text": "Olá!"}
        await control.call("POST", "/write", written)
        await until(lambda: rows_of(fakes))
