"""The servers of a run: the one at a URL, or those that are started as checks ask for them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from chatengine.events import SOCKET_PATH
from conformance.outcomes import NotApplicable
from conformance.probes.webhook import Number
from conformance.targets.server import (
    OWN_FAKE,
    ServerAtUrl,
    ServerCommand,
    ServerUnderTest,
    environment_of,
)
from fakes.chatengine.settings import ChatEngineSettings, ProviderSettings
from fakes.environment import Instance, Secret

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from conformance.settings import ServerTarget

__all__ = ["INSTANCES", "ORIGINS", "SHORT_PING_MS", "Servers", "numbers_of"]

INSTANCES: Final = {
    "sales-1": Instance("w-1", "n-1"),
    "sales-2": Instance("w-1", "n-2"),
    "support-1": Instance("w-2", "n-9"),
}
"""Two numbers of one workspace, and another workspace."""

ORIGINS: Final = ("https://crm.example", "https://staging.crm.example")
"""Where a browser may come from."""

_ISSUER, _AUDIENCE = "https://login.crm.example", "chatengine"

SHORT_PING_MS: Final = (600, 1500)
"""A heartbeat that a check can wait for, its timeout beyond what a busy machine is late by."""


def usual_settings(provider: ProviderSettings) -> ChatEngineSettings:
    """How a command is started unless a check needs it otherwise: Socket.IO's own heartbeat."""
    return ChatEngineSettings(
        secret=Secret(secrets.token_urlsafe(32)),
        instances=INSTANCES,
        provider=provider,
        cors_allowed_origins=ORIGINS,
    )


def numbers_of(settings: ChatEngineSettings) -> list[Number]:
    """The WhatsApp numbers of a server."""
    return [
        Number(name, instance.workspace_id, instance.whatsapp_number_id)
        for name, instance in settings.instances.items()
    ]


class Servers:
    """Hands out servers; each command is started once for each way it is configured."""

    def __init__(
        self, target: ServerTarget, provider: ProviderSettings, http: ClientSession
    ) -> None:
        self.deployed = target.deployed
        self._target = target
        self._http = http
        self._usual = target.deployed or usual_settings(provider)
        self._at_url = None if target.url is None else ServerAtUrl(self._usual, target.url)
        self._started: dict[bytes, ServerCommand] = {}
        self._polls: bool | None = None

    async def usual(self) -> ServerUnderTest:
        """The server as it is mostly tried."""
        return await self._get(self._usual)

    async def quick(self) -> ServerUnderTest:
        """A server whose heartbeat is short; at a URL it is what it is."""
        interval_ms, timeout_ms = SHORT_PING_MS
        return await self._get(
            replace(self._usual, ping_interval_ms=interval_ms, ping_timeout_ms=timeout_ms)
        )

    async def choosy(self) -> ServerUnderTest:
        """A server that is told an issuer and an audience; at a URL it has to be one already."""
        return await self._get(replace(self._usual, issuer=_ISSUER, audience=_AUDIENCE))

    async def needs(self, capability: str) -> None:
        """Raise `NotApplicable` unless the server claims a capability."""
        if not await self.claims(capability):
            raise NotApplicable(f"The server does not claim {capability}.")

    async def claims(self, capability: str) -> bool:
        """Whether the server claims a capability, or, declaring none, is seen to have it."""
        if self._target.capabilities is not None:
            return capability in self._target.capabilities
        return await self._seems_to_have(capability)

    async def _seems_to_have(self, capability: str) -> bool:
        """What a server shows that declares nothing; what shows nothing is taken to be claimed."""
        match capability:
            case "message_scope":
                return self._usual.message_scope == "conversation"
            case "iss_aud" if self.deployed is not None:
                return (self.deployed.issuer, self.deployed.audience) != (None, None)
            case "polling":
                if self._polls is None:
                    self._polls = await self._answers_polls()
                return self._polls
        return True

    async def _answers_polls(self) -> bool:
        """Whether a polling handshake is answered at all: 4xx says that there is none."""
        server = await self.usual()
        handshake = f"{server.url}{SOCKET_PATH}/?EIO=4&transport=polling"
        async with self._http.get(handshake) as answer:
            return not 400 <= answer.status < 500

    async def _get(self, settings: ChatEngineSettings) -> ServerUnderTest:
        if self._at_url is not None:
            await self._at_url.check(self._http)
            return self._at_url
        told = msgspec.json.encode(environment_of(settings))
        command = self._started.get(told)
        if command is None:
            command = ServerCommand(self._target.command or OWN_FAKE, settings)
            await command.start()
            self._started[told] = command
            await command.check(self._http)
        elif (await command.problem(self._http)) is not None:
            await command.restart()
        return command

    async def close(self) -> None:
        """End what was started."""
        for command in self._started.values():
            await command.stop()
