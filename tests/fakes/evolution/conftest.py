"""A running provider, ChatEngine's webhook, and the calls of both sides."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession, ClientTimeout

from fakes.control import ControlClient
from fakes.environment import Instance, Secret
from fakes.evolution import Evolution, EvolutionSettings, running_evolution
from fakes.evolution.plans import Plan
from fakes.evolution.settings import RetrySettings
from tests.fakes.evolution.receiver import Receiver, receiving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

API_KEY = "key-of-the-provider"
CUSTOMER = "5511990000001"
JID = f"{CUSTOMER}@s.whatsapp.net"

SETTINGS = EvolutionSettings(
    instances={"sales-1": Instance("w-1", "n-1"), "support-1": Instance("w-2", "n-2")},
    api_key=Secret(API_KEY),
    plan=Plan(),
    retry=RetrySettings(attempts=4, first_delay_s=0.01, timeout_s=2.0),
)


class Sender:
    """ChatEngine's side of the provider's API, and the test's side of its control interface."""

    def __init__(self, session: ClientSession, evolution: Evolution) -> None:
        self.evolution = evolution
        self.control = ControlClient(session, evolution.control)
        self._session = session

    async def post(
        self, path: str, body: Any, *, key: str | None = API_KEY, timeout_s: float = 5.0
    ) -> tuple[int, Any]:
        """Call the API; returns status and body."""
        headers = {} if key is None else {"apikey": key}
        timeout = ClientTimeout(total=timeout_s)
        async with self._session.post(
            self.evolution.url + path, json=body, headers=headers, timeout=timeout
        ) as response:
            return response.status, await response.json()

    async def send(self, text: str = "Olá", number: str = CUSTOMER, **how: Any) -> tuple[int, Any]:
        """Send a text by `sales-1`."""
        return await self.post("/message/sendText/sales-1", {"number": number, "text": text}, **how)

    async def get(self, path: str, *, key: str = API_KEY) -> tuple[int, Any]:
        """Read from the API; returns status and body."""
        async with self._session.get(
            self.evolution.url + path, headers={"apikey": key}
        ) as response:
            return response.status, await response.json()


@asynccontextmanager
async def sender_to(settings: EvolutionSettings) -> AsyncIterator[Sender]:
    """Run a provider with `settings`; yields its sender."""
    async with running_evolution(settings) as evolution, ClientSession() as session:
        yield Sender(session, evolution)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def sender(receiver: Receiver) -> AsyncIterator[Sender]:
    """A provider whose sends are followed by nothing until a plan says so."""
    async with sender_to(SETTINGS) as sender:
        sender.evolution.provider.caller.url = receiver.url
        yield sender
