"""C-MON and C-CAC: the client watches itself, and remembers."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from conformance.checks import shows
from conformance.client.stages import (
    bodies,
    connected,
    fence,
    found,
    is_back,
    notices_the_loss,
)
from conformance.deadlines import Deadline, until
from conformance.outcomes import Nonconforming, beginning
from conformance.targets.client import PATIENCE_S, SLACK_S, ClientUnderTest
from conformance.targets.protocol import Metrics, Reconnect, Snapshot, Timing, at_ms
from conformance.world import ANNA, BRUNO, World

AT_ONCE_S: Final = SLACK_S

ALERT_S: Final = 30.0
"""A time that somebody could set; a client that has another one says so in its greeting."""


def metrics(snapshot: Snapshot) -> Metrics | None:
    """What the client knows of itself."""
    return snapshot.metrics


async def measured(client: ClientUnderTest) -> Metrics:
    """The metrics now; who claims them has them."""
    found_now = metrics(await client.look())
    if found_now is None:
        raise Nonconforming(expected="metrics in the snapshot", seen="none", capability="metrics")
    return found_now


@shows("C-MON-1")
async def test_delivery_latency_is_measured(world: World, client: ClientUnderTest) -> None:
    """Deliveries count, and have a latency that is a number of milliseconds."""
    client.needs("websocket")
    await connected(world, client, ANNA)
    before = (await measured(client)).latency_ms.count

    async def grows() -> bool:  # what a history brings before its push may be measured by nobody
        await world.write("one more")
        return (await measured(client)).latency_ms.count >= before + 5

    try:
        await until(grows, Deadline(PATIENCE_S), pause_s=0.1)
    except TimeoutError:
        raise client.broken(f"{before + 5} latencies", metrics) from None
    latency = (await measured(client)).latency_ms
    p50, p99 = latency.p50, latency.p99
    if p50 is None or p99 is None or not 0 <= p50 <= p99:
        raise client.broken("0 <= p50 <= p99", metrics)


@shows("C-MON-2")
async def test_every_reconnect_has_cause_and_length(world: World, client: ClientUnderTest) -> None:
    """Every reconnect is logged once, with cause and length."""
    client.needs("websocket")
    await connected(world, client, ANNA)
    before = len((await measured(client)).reconnects)
    began = time.monotonic()
    world.take_down()
    await notices_the_loss(client)
    await asyncio.sleep(DOWN_S)
    world.bring_back()
    await is_back(world, client, ANNA)
    longest_ms = (time.monotonic() - began) * 1000
    sids = [agent["sid"] for agent in await world.agents()]
    await world.lose("server disconnect")
    with beginning("another connection (C-CONN-4)"):
        await until(lambda: is_other(world, sids), Deadline(PATIENCE_S))
    await is_back(world, client, ANNA)
    await client.until(
        "two more reconnects, each with its cause",
        lambda s: _are_told(s.metrics, before + 2),
        view=metrics,
    )
    first: Reconnect = (await measured(client)).reconnects[before]
    if first.down_ms is None or not DOWN_S * 900 <= first.down_ms <= longest_ms + 1:
        raise client.broken(f"down for {DOWN_S * 900:.0f} to {longest_ms:.0f} ms", metrics)


@shows("C-MON-3")
async def test_a_long_disconnection_raises_an_alert(world: World, client: ClientUnderTest) -> None:
    """A disconnection longer than a set time raises an alert."""
    client.needs("websocket")
    await connected(world, client, ANNA, timing=Timing(alert_after_ms=500))
    if (await measured(client)).alert:
        raise client.broken("no alert while it is connected", metrics)
    world.take_down()
    within_s = client.own_figure_s("alertAfterMs", ALERT_S) + PATIENCE_S
    await client.until(
        "an alert",
        lambda s: s.metrics is not None and s.metrics.alert,
        within_s=within_s,
        view=metrics,
    )


@shows("C-CAC-1")
async def test_a_reopened_conversation_shows_at_once(world: World, client: ClientUnderTest) -> None:
    """A reopened conversation shows from the cache at once, with nobody there to ask."""
    client.needs("websocket")
    await connected(world, client, ANNA, BRUNO)
    await world.write("remembered")
    await fence(world, client)
    await client.close(ANNA)
    world.take_down(world.network, world.supabase_network)
    await notices_the_loss(client)
    await client.open(ANNA)
    await client.until(
        "what was known shows",
        lambda snapshot: bool(found(snapshot, "remembered")),
        within_s=AT_ONCE_S,
        view=bodies,
    )


# how

DOWN_S: Final = 0.6


async def is_other(world: World, sids: list[str]) -> bool:
    """Whether there is another socket than these."""
    return any(agent["sid"] not in sids for agent in await world.agents())


def _are_told(told: Metrics | None, number: int) -> bool:
    if told is None or len(told.reconnects) != number:
        return False
    return all(each.cause and at_ms(each.at) is not None for each in told.reconnects)
