"""The fault proxy put together: TCP in front of anything, over a network that fails as it is told.

async with running_proxy(ProxySettings(target=Address("127.0.0.1", 4001))) as proxy:
    ...  # clients connect to proxy.url
    proxy.apply(Schedule((Rule(Cut(), OnFrame(nth=3, prefix="42")),)))
    proxy.half_open()
    proxy.heal()
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

from fakes.control import ControlSettings, control_server
from fakes.network.addresses import LOOPBACK, Address
from fakes.network.control import control_of
from fakes.network.doors import Doors
from fakes.network.proxy import RunningProxy
from fakes.network.record import Record
from fakes.network.schedule import Schedule
from fakes.network.target import find_target

__all__ = ["ProxySettings", "running_proxy"]


class ProxySettings(Struct, frozen=True, kw_only=True):
    """In front of whom, where it listens, what goes wrong from the start, and where that is told.

    `log_file` gets an entry a line and can be replayed (`fakes.network.record`).
    """

    target: Address
    listen: Address = Address(LOOPBACK, 0)
    schedule: Schedule = Schedule()
    log_file: Path | None = None
    control: ControlSettings = ControlSettings()


@asynccontextmanager
async def running_proxy(settings: ProxySettings) -> AsyncIterator[RunningProxy]:
    """Run a proxy and its control interface within the block.

    Raises `CouldNotListen` for a port that cannot be had, `SettingsError` for a host that cannot be
    found or a log that cannot be made, `ScheduleError` for figures out of range.
    """
    target = await find_target(settings.target)
    with Record(settings.log_file) as record:
        proxy = RunningProxy(target, record)
        if settings.schedule.rules:
            proxy.apply(settings.schedule)
        try:
            with Doors(settings.listen, proxy.accepted) as port:
                proxy.address = Address(settings.listen.host, port)
                async with control_server(control_of(proxy), settings.control) as door:
                    proxy.control = door
                    yield proxy
        finally:
            await proxy.close()
