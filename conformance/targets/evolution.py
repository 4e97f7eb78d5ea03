"""The provider behind a server under test: the project's fake Evolution.

A server that the harness starts is told where it is. A server at a URL was told so by somebody
else: there it has to listen, which one process of a run alone can, and the others share it.
"""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Final

import msgspec
from msgspec import Struct
from yarl import URL

from conformance.deadlines import Deadline, until
from conformance.outcomes import CouldNotRun
from fakes.chatengine.settings import ChatEngineSettings, ProviderSettings
from fakes.control import ControlDoor
from fakes.environment import Instance, Secret
from fakes.evolution import EvolutionSettings, running_evolution
from fakes.evolution.plans import Plan
from fakes.serving import CouldNotListen

__all__ = ["RunningProvider", "running_provider"]

_SHARED_S: Final = 300.0
"""How long the process that runs it waits for those that share it: the rest of the run."""

_SILENT: Final = Plan()
"""A send is taken, and nothing follows: what follows is for the checks to say."""


class RunningProvider(Struct, frozen=True):
    """Where a server finds the provider, and where that is steered; None where it is another's."""

    settings: ProviderSettings
    door: ControlDoor | None


@asynccontextmanager
async def running_provider(
    instances: dict[str, Instance], deployed: ChatEngineSettings | None, folder: Path
) -> AsyncIterator[RunningProvider]:
    """Run the provider within the block, or share the one that a process of this run has begun.

    `deployed` is what a server at a URL was told; `folder` is common to the processes of the run.
    Raises `CouldNotRun` where it cannot listen as that server expects.
    """
    if deployed is None:
        settings = EvolutionSettings(
            instances=instances, api_key=Secret(secrets.token_urlsafe(32)), plan=_SILENT
        )
        async with running_evolution(settings) as evolution:
            known = ProviderSettings(url=evolution.url, api_key=settings.api_key)
            yield RunningProvider(known, evolution.control)
    elif deployed.provider.url is None:
        yield RunningProvider(deployed.provider, None)
    else:
        async with _shared(deployed, folder) as door:
            yield RunningProvider(deployed.provider, door)


@asynccontextmanager
async def _shared(deployed: ChatEngineSettings, folder: Path) -> AsyncIterator[ControlDoor]:
    """The first to come runs it and is the last to go; locks end with whoever holds them."""
    told = folder / "provider.json"
    with (
        (folder / "provider.users").open("w") as users,
        (folder / "provider.host").open("w") as host,
    ):
        await until(lambda: _locks(users, fcntl.LOCK_SH), Deadline(_SHARED_S))
        if not _locks(host, fcntl.LOCK_EX):
            await until(told.exists, Deadline(_SHARED_S))
            known = msgspec.json.decode(told.read_bytes(), type=dict[str, str])
            yield ControlDoor(known["url"], Secret(known["token"]), Path(known["file"]))
            return
        async with _listening(deployed) as door:
            scrap = told.with_suffix(".new")
            scrap.touch(mode=0o600)
            known = {"url": door.url, "token": str(door.token), "file": str(door.token_file)}
            scrap.write_bytes(msgspec.json.encode(known))
            scrap.replace(told)
            try:
                yield door
            finally:
                with suppress(TimeoutError):
                    await until(lambda: _locks(users, fcntl.LOCK_EX), Deadline(_SHARED_S))
                told.unlink()


@asynccontextmanager
async def _listening(deployed: ChatEngineSettings) -> AsyncIterator[ControlDoor]:
    """Run it where the server looks for it."""
    url = URL(deployed.provider.url or "")
    settings = EvolutionSettings(
        instances=deployed.instances,
        api_key=deployed.provider.api_key,
        host=url.host or "",
        port=url.port or 0,
        plan=_SILENT,
    )
    try:
        async with running_evolution(settings) as evolution:
            yield evolution.control
    except CouldNotListen as error:
        raise CouldNotRun(f"The provider {error}, where EVOLUTION_API_URL has it.") from None


def _locks(file: IO[str], how: int) -> bool:
    """Whether the lock was free for us."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
