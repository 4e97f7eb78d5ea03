"""The fake provider in one piece: its settings in, a running provider out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from fakes.control import ControlDoor, control_server
from fakes.evolution.api import evolution_app
from fakes.evolution.background import background
from fakes.evolution.controls import controls_app
from fakes.evolution.provider import Provider
from fakes.evolution.settings import EvolutionSettings
from fakes.evolution.webhook import calling
from fakes.serving import reachable_url, serving

__all__ = ["Evolution", "running_evolution", "serving_evolution"]


class Evolution(Struct, frozen=True):
    """A provider that runs: where ChatEngine reaches it, where it is controlled, and itself."""

    url: str
    port: int
    control: ControlDoor
    provider: Provider


@asynccontextmanager
async def running_evolution(settings: EvolutionSettings) -> AsyncIterator[Evolution]:
    """Run the fake provider within the block; raises `CouldNotListen` for a taken port.

    When the block ends, its ports are closed, what was planned is dropped, and nothing runs on.
    """
    async with (
        calling(settings.webhook_url, settings.retry, settings.kept) as caller,
        background() as tasks,
    ):
        provider = Provider(settings, caller, tasks)
        async with (
            # A send that hangs as planned ends with its caller.
            serving(
                evolution_app(provider, settings.api_key),
                settings.host,
                settings.port,
                handler_cancellation=True,
            ) as port,
            control_server(controls_app(provider), settings.control) as door,
        ):
            url = reachable_url(settings.host, port)
            provider.server_url = url
            yield Evolution(url, port, door, provider)


@asynccontextmanager
async def serving_evolution(settings: EvolutionSettings) -> AsyncIterator[int]:
    """Run the fake provider within the block and yield its port, as `fakes.serving.run` wants."""
    async with running_evolution(settings) as evolution:
        yield evolution.port
