"""`watch --demo`: all fakes, customers that write, a colleague who answers, a network that fails.

Everything in this process and on loopback. The customers and the colleague take the short way, past
the proxies: what fails is the network of the CRM that is looked at, and what is written meanwhile
is what it has to catch up with.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Final

from aiohttp import ClientSession

from chatengine.client import (
    ChatEngineConfig,
    ClientConfig,
    SupabaseConfig,
    Timing,
    TokenConfig,
)
from chatengine.events import TYPING
from chatengine.tokens import TokenRules, mint
from fakes.control import ControlClient
from fakes.environment import Instance, Secret
from fakes.evolution.customers import Simulation, Writing, writings
from fakes.together import FakesSettings, RunningFakes, running_fakes
from harness.watch.weather import weather

__all__ = ["Demo", "running_demo"]

_WORKSPACE: Final = "w-1"
_INSTANCE: Final = "sales-1"
_COLLEAGUE: Final = "agent-2"
_CUSTOMERS: Final = 8
_RATE: Final = 0.7
"""Messages a second: a screen that lives, and can be read."""

_ANSWERS: Final = (
    "Olá! Já vejo isso para você.",
    "Sim, temos em estoque 😊",
    "Claro! Pode ser pelo Pix.",
    "Chega em até 3 dias úteis.",
)

_TYPES_S: Final = 1.2
_EVERY: Final = 3
"""One message in so many is answered."""

_PING_MS: Final = (3000, 2000)
"""Interval and timeout: a silent network is noticed within 5 s (C-CONN-8), not within 45."""

_ALERT_MS: Final = 8000
"""Shorter than the longest failure, so that the alert is seen."""


class Demo:
    """The demo's world: fakes that run, and what goes on in them."""

    def __init__(self, fakes: RunningFakes, secret: Secret, session: ClientSession) -> None:
        self._fakes = fakes
        self._secret = secret
        self._session = session
        self._answers = cycle(_ANSWERS)
        self._control = ControlClient(session, fakes.chatengine.control)

    def config(self, user_id: str) -> ClientConfig:
        """The configuration of a CRM that reaches the fakes through their proxies."""
        supabase = self._fakes.supabase
        assert supabase is not None
        return ClientConfig(
            workspace_id=_WORKSPACE,
            user_id=user_id,
            chatengine=ChatEngineConfig(url=self._fakes.url_of("chatengine")),
            supabase=SupabaseConfig(
                url=self._fakes.url_of("supabase"), anon_key=supabase.anon_keys[_WORKSPACE]
            ),
            token=TokenConfig(secret=self._secret),
            timing=Timing(alert_after_ms=_ALERT_MS),
        )

    def first_conversation(self, seed: int) -> str:
        """The conversation that is written in first."""
        return next(writings(_simulation(seed))).contact.jid

    async def play(self, seed: int, tell: Callable[[str], None]) -> None:
        """Let customers write and the network fail, drawn by `seed`, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(weather(self._fakes, self._control, seed, tell))
            tasks.create_task(self._customers(seed, tasks))

    async def _customers(self, seed: int, tasks: asyncio.TaskGroup) -> None:
        began = time.monotonic()
        for number, writing in enumerate(writings(_simulation(seed))):
            await asyncio.sleep(max(0.0, began + writing.at - time.monotonic()))
            tasks.create_task(self._write(writing, answered=number % _EVERY == 0))

    async def _write(self, writing: Writing, *, answered: bool) -> None:
        provider, contact = self._fakes.evolution.provider, writing.contact
        await self._type(contact.jid, contact.name)
        await provider.customer_writes(_INSTANCE, contact, writing.content)
        if answered:
            await asyncio.sleep(_TYPES_S)
            await self._type(contact.jid, _COLLEAGUE)
            await self._answer(contact.jid)

    async def _type(self, conversation_id: str, name: str) -> None:
        for is_typing in (True, False):
            typing = {"conversationId": conversation_id, "userId": name, "isTyping": is_typing}
            whom = {"workspaceId": _WORKSPACE, "conversationId": conversation_id}
            await self._control.call("POST", "/events", {"event": TYPING, "data": typing, **whom})
            if is_typing:
                await asyncio.sleep(_TYPES_S)

    async def _answer(self, conversation_id: str) -> None:
        """The colleague answers over ChatEngine's HTTP interface."""
        rules = TokenRules(self._secret)
        token = mint(rules, workspace_id=_WORKSPACE, subject=_COLLEAGUE, now=time.time())
        url = f"{self._fakes.chatengine.url}/api/chat/messages"
        headers = {"Authorization": f"Bearer {token}"}
        body = {"conversationId": conversation_id, "type": "text", "content": next(self._answers)}
        async with self._session.post(url, headers=headers, json=body):
            pass


def _simulation(seed: int) -> Simulation:
    return Simulation(instance=_INSTANCE, customers=_CUSTOMERS, rate=_RATE, seed=seed)


@asynccontextmanager
async def running_demo() -> AsyncIterator[Demo]:
    """Run the fakes within the block; raises `CouldNotListen`."""
    secret = Secret(secrets.token_urlsafe(32))
    ping_interval_ms, ping_timeout_ms = _PING_MS
    settings = FakesSettings(
        secret=secret,
        supabase_secret=Secret(secrets.token_urlsafe(32)),
        api_key=Secret(secrets.token_urlsafe(24)),
        instances={_INSTANCE: Instance(_WORKSPACE, "n-1")},
        proxied=frozenset(("chatengine", "supabase")),
        ping_interval_ms=ping_interval_ms,
        ping_timeout_ms=ping_timeout_ms,
    )
    async with running_fakes(settings) as fakes, ClientSession() as session:
        yield Demo(fakes, secret, session)
