"""What a client that was stopped leaves behind: nothing (C-CONN-7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from conformance.deadlines import Deadline, until
from conformance.outcomes import Nonconforming
from conformance.sightings import websockets
from conformance.world import World
from fakes.network.proxy import RunningProxy

__all__ = ["is_left_alone"]

_CLOSED_S: Final = 2.0
"""From the answer to `stop` until what the client has closed is closed here too."""

_KEPT_ALIVE_S: Final = 10.0
"""An idle connection of HTTP is not in every language the client's to close: Node's fetch keeps
one for 4 s."""

_QUIET_S: Final = 2.0
"""Twice the longest pause before another attempt. There is nobody left to send a fence to."""


async def is_left_alone(world: World) -> None:
    """Hold a stopped client to having no socket and causing no traffic; raises `Nonconforming`."""
    await _comes_to_none(world, "WebSockets", websockets, _CLOSED_S)
    await _comes_to_none(world, "connections", lambda p: len(p.connections), _KEPT_ALIVE_S)
    world.bring_back(world.network, world.supabase_network)
    before = _accepted(world)
    await asyncio.sleep(_QUIET_S)
    after = _accepted(world)
    if after != before:
        raise _broken(world, "no attempt to connect", _told(_less(after, before), "connections"))


async def _comes_to_none(
    world: World, what: str, count: Callable[[RunningProxy], int], within_s: float
) -> None:
    def open_now() -> dict[str, int]:
        return {name: count(proxy) for name, proxy in _proxies(world).items()}

    try:
        await until(lambda: not any(open_now().values()), Deadline(within_s))
    except TimeoutError:
        expected = f"no {what} {within_s:g} s after stop"
        raise _broken(world, expected, _told(open_now(), what)) from None


def _proxies(world: World) -> dict[str, RunningProxy]:
    return {"ChatEngine": world.network, "Supabase": world.supabase_network}


def _accepted(world: World) -> dict[str, int]:
    return {name: proxy.stats.accepted for name, proxy in _proxies(world).items()}


def _less(after: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in after}


def _told(numbers: dict[str, int], what: str) -> str:
    return ", ".join(f"{number} {what} to {name}" for name, number in numbers.items() if number)


def _broken(world: World, expected: str, seen: str) -> Nonconforming:
    """The failure, with how each connection that is left fares."""
    left = [
        {"to": name, "connection": each}
        for name, proxy in _proxies(world).items()
        for each in proxy.connections
    ]
    return Nonconforming(expected=expected, seen=seen, history=[*world.journal.tail(), *left])
