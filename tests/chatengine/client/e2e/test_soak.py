"""C-FBK-8 at length: a network and servers that flap while messages flow, and nothing left over."""

from __future__ import annotations

import asyncio
import gc
import random
import time
import tracemalloc
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import pytest
from msgspec.structs import replace

from chatengine.client import Source
from fakes.network.schedule import Latency, Rule, Schedule
from fakes.supabase.faults import HandshakeRefused, JoinUnanswered, SystemDelayed
from tests.chatengine.client.e2e.world import (
    JID,
    OTHER_JID,
    QUICK,
    World,
    bodies,
    running_world,
    tasks_of,
)
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from chatengine.client import CrmClient

FLAP_S = 120.0
"""Half an hour, as all that flaps is fifteen times as quick as with the default timing, or more."""

FLAPS = 360
"""Faults that half an hour has room for: with the default timing it takes 5 s from a loss over the
grace, the join and the return to the release. As a rule it is twice as many."""

FAST = replace(
    QUICK,
    fallback_after_ms=25,
    release_after_ms=150,
    poll_interval_ms=100,
    join_timeout_ms=500,
    connect_timeout_ms=2000,
    http_timeout_ms=3000,
    heartbeat_ms=1000,
)


async def reset(world: World) -> None:
    world.network.reset_all()


async def cut(world: World) -> None:
    world.network.cut_all()


async def silence(world: World) -> None:
    world.network.half_open()


async def down(world: World) -> None:
    world.take_chatengine_down()


async def slow(world: World) -> None:
    world.network.apply(Schedule((Rule(Latency(40)),)))


async def kicked(world: World) -> None:
    await world.engine.call("POST", "/connections/drop", {"how": "socket"})


async def supabase_down(world: World) -> None:
    world.supabase.faults.add(HandshakeRefused(count=3))
    world.supabase_network.reset_all()


async def supabase_slow(world: World) -> None:
    world.supabase.faults.add(SystemDelayed(ms=100, count=3))
    world.supabase.faults.add(JoinUnanswered(count=1))


async def healed(world: World) -> None:
    world.network.heal()
    world.supabase_network.heal()


FAULTS: tuple[Callable[[World], Awaitable[None]], ...] = (
    reset,
    cut,
    silence,
    down,
    slow,
    kicked,
    supabase_down,
    supabase_slow,
    healed,
    healed,
    healed,
)


@pytest.mark.slow
@pytest.mark.timeout(900)  # on however slow a machine
async def test_c_fbk_8_soak_flapping_leaves_nothing_behind() -> None:
    """Half an hour of faults of every kind, in two minutes: nothing is lost, twice or out of order,
    and neither task, socket, channel nor memory is left over.
    """
    fate = random.Random(1)
    quick = running_world(ping_interval_ms=1500, ping_timeout_ms=1500)
    with traced():
        await soak(quick, fate)


async def soak(quick: AbstractAsyncContextManager[World], fate: random.Random) -> None:
    async with quick as world, world.client(timing=FAST) as client:
        await flap(world, client, fate, 3.0, 10)  # what is made once and kept is made now
        await at_rest(world, client)
        before = held()
        texts = await flap(world, client, fate, FLAP_S, FLAPS)
        left = await at_rest(world, client)
        after = held()
        for jid, written in texts.items():
            shown = [each for each in bodies(client, jid) if each in written]
            assert shown == written[::-1]
            assert len(set(bodies(client, jid))) == len(bodies(client, jid))
        assert client.counters.reconnects > FLAPS / 10  # not every fault is the socket's end
        assert left == Left(TASKS, 1, left.connections)
        assert left.connections <= 1 + 2 * MOST_FETCHES
        assert after - before < MOST_BYTES_A_MESSAGE * sum(map(len, texts.values()))


TASKS = ("RealtimeSource._run", "SocketSource._run", "_Engine._read_loop_websocket")
"""Realtime's loop waits until it is wanted."""

MOST_FETCHES = 4
"""At once from each source, and each may keep its connection alive for some seconds."""

MOST_BYTES_A_MESSAGE = 4000
"""A message takes about 1 kB with its place in the timeline and its names."""


@contextmanager
def traced() -> Iterator[None]:
    """Keep account of who allocates what."""
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def held() -> int:
    """Bytes that the client's own code holds, without the fakes in the same process."""
    gc.collect()
    ours = tracemalloc.Filter(inclusive=True, filename_pattern="*/chatengine/client/*")
    snapshot = tracemalloc.take_snapshot().filter_traces([ours])
    return sum(trace.size for trace in snapshot.traces)


@dataclass(frozen=True)
class Left:
    """What a client at rest has, when its socket serves and every gap is closed."""

    tasks: tuple[str, ...]
    agents: int
    connections: int


async def at_last(look: Callable[[], object]) -> None:
    """Wait for what is not measured here, on however slow a machine."""
    await until(look, within_s=30)


async def at_rest(world: World, client: CrmClient) -> Left:
    """Heal everything, and wait for rest; returns what is left when there is none in time, too.

    On a loaded machine a heartbeat comes late now and then, and the client is busy for a moment.
    """
    await healed(world)
    world.supabase.faults.clear()
    await at_last(lambda: client.connection.source is Source.WEBSOCKET)
    world.network.reset_all()  # what HTTP keeps alive goes too
    world.supabase_network.reset_all()
    deadline_s = time.monotonic() + 30
    while True:
        await at_last(lambda: client.connection.source is Source.WEBSOCKET)
        await at_last(lambda: not world.channels and not world.supabase.hub.sockets)
        await at_last(lambda: not tasks_of("filling.py"))
        agents = len(await world.agents())
        tasks = tuple(sorted(getattr(each.get_coro(), "__qualname__", "") for each in tasks_of("")))
        left = Left(tasks, agents, len(connections(world)))
        if (left.tasks, left.agents) == (TASKS, 1) or time.monotonic() > deadline_s:
            return left
        await asyncio.sleep(0.05)


def connections(world: World) -> list[object]:
    """The client's own ends of what goes to the network."""
    ports = (world.network.port, world.supabase_network.port)
    opened = psutil.Process().net_connections("tcp")
    return [each for each in opened if each.raddr and each.raddr.port in ports]


async def flap(
    world: World, client: CrmClient, fate: random.Random, seconds: float, faults: int
) -> dict[str, list[str]]:
    """Let faults happen while both customers write, for so long, and so many; returns the texts."""
    texts: dict[str, list[str]] = {JID: [], OTHER_JID: []}
    client.open(OTHER_JID)
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s or faults > 0:
        fault = fate.choice(FAULTS)
        faults -= fault is not healed
        await fault(world)
        for _ in range(fate.randint(1, 6)):
            jid = fate.choice((JID, OTHER_JID))
            text = f"{len(texts[jid])} of {until_s}"
            texts[jid].append(text)
            await world.write(text, jid)
            await asyncio.sleep(fate.uniform(0.0, 0.08))
    client.close(OTHER_JID)
    await healed(world)
    world.supabase.faults.clear()
    await at_last(lambda: client.connection.source is Source.WEBSOCKET)
    client.open(OTHER_JID)
    await at_last(lambda: all(set(texts[jid]) <= set(bodies(client, jid)) for jid in texts))
    return texts
