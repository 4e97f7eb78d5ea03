"""All the fakes in one process, over one set of data: each knows where the others are.

What ChatEngine stores becomes rows of Supabase as it is stored. Each fake can stand behind a fault
proxy: its clients reach it through that, and only Evolution's webhooks never do, as what tries a
CRM's network is to leave the customers alone.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct

from chatengine.events import WEBHOOK_PATH
from fakes.chatengine.app import RunningChatEngine, running_chatengine
from fakes.chatengine.settings import ChatEngineSettings, ProviderSettings
from fakes.control import ControlSettings
from fakes.environment import Instance, Secret
from fakes.evolution.running import Evolution, running_evolution
from fakes.evolution.settings import EvolutionSettings
from fakes.network.addresses import LOOPBACK, Address
from fakes.network.app import ProxySettings, running_proxy
from fakes.network.proxy import RunningProxy
from fakes.supabase.app import RunningSupabase, running_supabase
from fakes.supabase.mirror import mirror
from fakes.supabase.settings import SupabaseSettings

__all__ = ["Fake", "FakesSettings", "RunningFakes", "running_fakes"]

Fake: TypeAlias = Literal["chatengine", "supabase", "evolution"]


class FakesSettings(Struct, frozen=True, kw_only=True):
    """What the fakes share; a port of 0 is a free one, `supabase_port` None: no Supabase.

    Those in `proxied` listen on a free port of loopback, and their proxy where they would have.
    `folder` is where the tokens of the control interfaces go, None: where each fake puts its own.
    """

    secret: Secret
    instances: dict[str, Instance]
    api_key: Secret
    supabase_secret: Secret
    host: str = "127.0.0.1"
    chatengine_port: int = 0
    supabase_port: int | None = 0
    evolution_port: int = 0
    proxied: frozenset[Fake] = frozenset()
    ping_interval_ms: int = 25_000
    ping_timeout_ms: int = 20_000
    cors_allowed_origins: tuple[str, ...] = ()
    folder: Path | None = None


class RunningFakes(Struct, frozen=True):
    """The fakes while they run; their own `url` leads past the proxy, `url_of` through it."""

    chatengine: RunningChatEngine
    supabase: RunningSupabase | None
    evolution: Evolution
    proxies: dict[Fake, RunningProxy]

    def url_of(self, fake: Fake) -> str:
        """Where clients reach a fake that runs."""
        if fake in self.proxies:
            return self.proxies[fake].url
        running = {
            "chatengine": self.chatengine,
            "supabase": self.supabase,
            "evolution": self.evolution,
        }[fake]
        assert running is not None, f"{fake} does not run"
        return running.url


@asynccontextmanager
async def running_fakes(settings: FakesSettings) -> AsyncIterator[RunningFakes]:
    """Run the fakes within the block; raises `CouldNotListen`."""
    async with AsyncExitStack() as stack:
        start = _Start(settings, stack)
        evolution = await start.evolution()
        provider = await start.proxied("evolution", evolution.url, evolution.port)
        chatengine = await start.chatengine(provider)
        await start.proxied("chatengine", chatengine.url, chatengine.port)
        supabase = await start.supabase()
        if supabase is not None:
            await start.proxied("supabase", supabase.url, supabase.port)
            mirror(chatengine.store, supabase.database)
        # Each has to know the other's address, and only now both are known.
        evolution.provider.caller.url = chatengine.url + WEBHOOK_PATH
        yield RunningFakes(chatengine, supabase, evolution, start.proxies)


class _Start:
    """Starts one after the other; `stack` ends them the other way round."""

    def __init__(self, settings: FakesSettings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self.proxies: dict[Fake, RunningProxy] = {}

    async def evolution(self) -> Evolution:
        settings = self._settings
        return await self._stack.enter_async_context(
            running_evolution(
                EvolutionSettings(
                    instances=settings.instances,
                    api_key=settings.api_key,
                    host=self._listens("evolution").host,
                    port=self._listens("evolution").port,
                    control=self._control("evolution"),
                )
            )
        )

    async def chatengine(self, provider_url: str) -> RunningChatEngine:
        settings = self._settings
        return await self._stack.enter_async_context(
            running_chatengine(
                ChatEngineSettings(
                    secret=settings.secret,
                    instances=settings.instances,
                    host=self._listens("chatengine").host,
                    port=self._listens("chatengine").port,
                    provider=ProviderSettings(url=provider_url, api_key=settings.api_key),
                    ping_interval_ms=settings.ping_interval_ms,
                    ping_timeout_ms=settings.ping_timeout_ms,
                    cors_allowed_origins=settings.cors_allowed_origins,
                    control=self._control("chatengine"),
                )
            )
        )

    async def supabase(self) -> RunningSupabase | None:
        settings = self._settings
        if settings.supabase_port is None:
            return None
        return await self._stack.enter_async_context(
            running_supabase(
                SupabaseSettings(
                    instances=settings.instances,
                    secret=settings.supabase_secret,
                    host=self._listens("supabase").host,
                    port=self._listens("supabase").port,
                    control=self._control("supabase"),
                )
            )
        )

    async def proxied(self, fake: Fake, url: str, port: int) -> str:
        """Put the proxy in front where one is wanted; returns where clients reach the fake."""
        if fake not in self._settings.proxied:
            return url
        proxy = await self._stack.enter_async_context(
            running_proxy(
                ProxySettings(
                    target=Address(LOOPBACK, port),
                    listen=self._public(fake),
                    control=self._control(f"{fake}-proxy"),
                )
            )
        )
        self.proxies[fake] = proxy
        return proxy.url

    def _listens(self, fake: Fake) -> Address:
        """Where the fake itself listens."""
        return Address(LOOPBACK, 0) if fake in self._settings.proxied else self._public(fake)

    def _public(self, fake: Fake) -> Address:
        """Where its clients reach it."""
        settings = self._settings
        ports = {
            "chatengine": settings.chatengine_port,
            "supabase": settings.supabase_port or 0,
            "evolution": settings.evolution_port,
        }
        return Address(settings.host, ports[fake])

    def _control(self, name: str) -> ControlSettings:
        folder = self._settings.folder
        file = None if folder is None else folder / f"{name}-control.token"
        return ControlSettings(token_file=file)
