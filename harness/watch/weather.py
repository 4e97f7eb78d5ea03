"""A network that fails now and then, for the demo: which failure, when, for how long; seeded.

The first round has every failure in the order in which they are told best, the later ones in an
order that the seed draws, as it does the calm between two: whoever looks for two minutes has seen
the socket cut, reset and silent, Supabase serve, polling serve, and nothing serve.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from typing import Final

from msgspec import Struct

from fakes.control import ControlClient
from fakes.together import Fake, RunningFakes

__all__ = ["ROUND", "Failure", "forecast", "mend", "weather"]

_FIRST_CALM_S: Final = 8.0
"""Long enough to see what the screen is like before anything fails."""

_CALM_S: Final = (6.0, 14.0)


class Failure(Struct, frozen=True):
    """What is told of it, how it begins, how long it lasts; `mend` ends any."""

    told: str
    begin: Callable[[RunningFakes, ControlClient], Awaitable[object]]
    seconds: float = 0.0


async def _cut(fakes: RunningFakes, _: ControlClient) -> None:
    fakes.proxies["chatengine"].cut_all()


async def _reset(fakes: RunningFakes, _: ControlClient) -> None:
    fakes.proxies["chatengine"].reset_all()


async def _fall_silent(fakes: RunningFakes, _: ControlClient) -> None:
    fakes.proxies["chatengine"].half_open()


async def _lose_chatengine(fakes: RunningFakes, _: ControlClient) -> None:
    _lose(fakes, "chatengine")


async def _lose_both(fakes: RunningFakes, _: ControlClient) -> None:
    _lose(fakes, "chatengine")
    _lose(fakes, "supabase")


async def _lose_sockets(fakes: RunningFakes, control: ControlClient) -> None:
    """Leave nothing but ChatEngine's plain HTTP calls."""
    await control.call("PUT", "/faults/refusal", {"status": HTTPStatus.SERVICE_UNAVAILABLE})
    fakes.proxies["chatengine"].cut_all()
    _lose(fakes, "supabase")


def _lose(fakes: RunningFakes, fake: Fake) -> None:
    fakes.proxies[fake].refuse()
    fakes.proxies[fake].cut_all()


async def mend(fakes: RunningFakes, control: ControlClient) -> None:
    """End every failure."""
    await control.call("DELETE", "/faults")
    for proxy in fakes.proxies.values():
        proxy.heal()


ROUND: Final = (
    Failure("cuts every connection", _cut),
    Failure("loses ChatEngine for 10 s", _lose_chatengine, 10.0),
    Failure("swallows everything, without a word, for 8 s", _fall_silent, 8.0),
    Failure("lets plain HTTP through alone for 15 s", _lose_sockets, 15.0),
    Failure("resets every connection", _reset),
    Failure("is gone altogether for 5 s", _lose_both, 5.0),
)


def forecast(seed: int) -> Iterator[tuple[float, Failure]]:
    """Draw failures without end, each with the seconds of calm before it."""
    dice = random.Random(seed)
    failures: tuple[Failure, ...] = ROUND
    calm_s = _FIRST_CALM_S
    while True:
        for failure in failures:
            yield calm_s, failure
            calm_s = dice.uniform(*_CALM_S)
        failures = tuple(dice.sample(ROUND, len(ROUND)))


async def weather(
    fakes: RunningFakes, control: ControlClient, seed: int, tell: Callable[[str], None]
) -> None:
    """Let ChatEngine's and Supabase's networks fail as forecast, and tell so, until cancelled.

    Both stand behind proxies; `control` is ChatEngine's.
    """
    for calm_s, failure in forecast(seed):
        await asyncio.sleep(calm_s)
        tell(f"The network {failure.told}")
        await failure.begin(fakes, control)
        if failure.seconds:
            await asyncio.sleep(failure.seconds)
            await mend(fakes, control)
            tell("The network is mended")
