"""All the fakes in one process, over one set of data: each knows where the others are."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from msgspec import Struct

from chatengine.events import WEBHOOK_PATH
from fakes.chatengine.app import RunningChatEngine, running_chatengine
from fakes.chatengine.settings import ChatEngineSettings, ProviderSettings
from fakes.control import ControlSettings
from fakes.environment import Instance, Secret
from fakes.evolution.running import Evolution, running_evolution
from fakes.evolution.settings import EvolutionSettings

__all__ = ["FakesSettings", "RunningFakes", "running_fakes"]


class FakesSettings(Struct, frozen=True, kw_only=True):
    """What the fakes share; a port of 0 is a free one.

    `folder` is where the tokens of the control interfaces go, None: where each fake puts its own.
    """

    secret: Secret
    instances: dict[str, Instance]
    api_key: Secret
    host: str = "127.0.0.1"
    chatengine_port: int = 0
    evolution_port: int = 0
    cors_allowed_origins: tuple[str, ...] = ()
    folder: Path | None = None


class RunningFakes(Struct, frozen=True):
    """The fakes while they run."""

    chatengine: RunningChatEngine
    evolution: Evolution


@asynccontextmanager
async def running_fakes(settings: FakesSettings) -> AsyncIterator[RunningFakes]:
    """Run ChatEngine and its provider within the block; raises `CouldNotListen`."""
    async with AsyncExitStack() as stack:
        evolution = await stack.enter_async_context(
            running_evolution(
                EvolutionSettings(
                    instances=settings.instances,
                    api_key=settings.api_key,
                    host=settings.host,
                    port=settings.evolution_port,
                    control=_control(settings, "evolution"),
                )
            )
        )
        chatengine = await stack.enter_async_context(
            running_chatengine(
                ChatEngineSettings(
                    secret=settings.secret,
                    instances=settings.instances,
                    host=settings.host,
                    port=settings.chatengine_port,
                    provider=ProviderSettings(url=evolution.url, api_key=settings.api_key),
                    cors_allowed_origins=settings.cors_allowed_origins,
                    control=_control(settings, "chatengine"),
                )
            )
        )
        # Each has to know the other's address, and only now both are known.
        evolution.provider.caller.url = chatengine.url + WEBHOOK_PATH
        yield RunningFakes(chatengine, evolution)


def _control(settings: FakesSettings, name: str) -> ControlSettings:
    folder = settings.folder
    return ControlSettings(token_file=None if folder is None else folder / f"{name}-control.token")
