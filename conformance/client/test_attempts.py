"""C-CONN-3, C-CONN-6: how often a client tries while it is not let in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import Final

import pytest

from conformance.checks import shows
from conformance.client.stages import all_show, connected, served_by
from conformance.deadlines import Deadline, until
from conformance.outcomes import Nonconforming, beginning
from conformance.sightings import Refusals
from conformance.targets.client import PATIENCE_S, SLACK_S, ClientUnderTest
from conformance.targets.protocol import Timing
from conformance.world import ANNA, World

RETURN_S: Final = 5.0 + SLACK_S
"""C-CONN-3."""

MANY: Final = 12
"""Attempts: more than a client makes that gives up at some time."""

GROWN: Final = 7
"""The last of them, with pauses that have grown for as long as they do."""

FEW: Final = 2
"""Attempts whose pauses grow yet."""


@shows("C-CONN-3")
async def test_never_gives_up_and_backs_off(world: World, client: ClientUnderTest) -> None:
    """It never gives up: backoff and jitter between attempts, and none is the last."""
    await connected(world, client, ANNA, supabase=False)
    pauses = await _pauses_of_a_loss(world, MANY)
    await _let_in(world, client)
    if fmean(pauses[-GROWN:]) < _GROWTH * fmean(pauses[:2]):
        await _grow_from_what_they_begin_with(world, client, pauses)
    if not _vary(pauses[-GROWN:]):
        await _vary_from_loss_to_loss(world, client)
    await world.write("once it was connected again")
    await all_show(client, "once it was connected again")


@shows("C-CONN-6")
@pytest.mark.parametrize("code", ["unauthorized", "forbidden"])
async def test_a_refused_token_is_not_hammered(
    world: World, client: ClientUnderTest, code: str
) -> None:
    """At most one CONNECT a second."""
    refusals = await world.refuse_sockets(code=code)
    await client.start(world.config())
    moments, late_s = await _moments(refusals, within_s=3.5)
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    if any(gap < _SECOND - late_s for gap in gaps):
        raise Nonconforming(
            expected="at most one CONNECT a second",
            seen=f"{len(moments)} in 3.5 s, " + _told(gaps),
            history=world.journal.tail(),
        )


# how


_GROWTH: Final = 1.4
"""From the first two pauses to the last: they are made twice as long each time as a rule, up
to a bound that may be as little as twice the first."""

_GROWTH_OF_SEVERAL: Final = 1.2
"""Where the first pauses are those of several losses: what grows at all grows by more. Of 20,000
draws of decorrelated jitter 2 % do not."""

_JITTER: Final = 0.02
"""Of a pause: jitter is ten times as much at least."""

_LONG_PAUSES: Final = Timing(reconnect_delay_ms=500, reconnect_delay_max_ms=1300)
"""Two pauses grow, and the third is the bound, or longer than it."""

_LOSSES: Final = (5, 10, 15)
"""Losses after which is looked for jitter: what is small may hide in the noise of five."""

_LOOKING_S: Final = 40.0
"""For that, of a client that keeps long pauses of its own: those leave less to hide."""

_NOISE_S: Final = 0.035
"""What a timer, and we, add to a pause on a loaded machine."""

_SECOND: Final = 0.95
"""A second as it is seen here: what left a second apart may arrive a little closer."""

_FINE_S: Final = 0.002
"""Between two looks where the moment matters."""

_BURST_S: Final = 0.03
"""One attempt may try two transports, right after each other; backoff begins far above it."""


async def _grow_from_what_they_begin_with(
    world: World, client: ClientUnderTest, pauses: Sequence[float]
) -> None:
    """Hold the last pauses to being longer than the first ones of several losses: those of one may
    be long by chance (jitter).
    """
    firsts = list(pauses[:2])
    for _ in range(_LOSSES[0]):
        firsts += await _pauses_of_a_loss(world, 2)
        await _let_in(world, client)
    if fmean(pauses[-GROWN:]) < _GROWTH_OF_SEVERAL * fmean(firsts):
        seen = f"{_told(pauses)}; at the beginning {_told(firsts)}"
        raise Nonconforming(expected="pauses that grow (backoff)", seen=seen)


async def _vary_from_loss_to_loss(world: World, client: ClientUnderTest) -> None:
    """Hold the first pauses to jitter, where those at the bound are all alike.

    socket.io-client varies a pause first and cuts it then, so that what has grown beyond its
    `reconnectionDelayMax` is exactly that. The pauses are longer here: what a loaded machine adds
    to one is not.
    """
    await client.stop()
    await connected(world, client, ANNA, supabase=False, timing=_LONG_PAUSES)

    async def lose() -> list[float]:
        pauses = await _pauses_of_a_loss(world, FEW)
        await _let_in(world, client)
        return pauses

    await lose()  # where a connection has to last, the next losses begin at the bound
    losses: list[list[float]] = []
    deadline = Deadline(_LOOKING_S)
    while len(losses) < _LOSSES[-1] and not deadline.is_over:
        losses.append(await lose())
        if len(losses) in _LOSSES and _differ(losses):
            return
    if _differ(losses):
        return
    seen = "; ".join(_told(pauses) for pauses in losses)
    raise Nonconforming(expected="pauses that differ (jitter)", seen=seen)


def _differ(losses: Sequence[Sequence[float]]) -> bool:
    """Whether each of the pauses of a loss varies from loss to loss."""
    return all(_vary(same, 1 / 2) for same in zip(*losses, strict=True))


def _vary(pauses: Sequence[float], share: float = 2 / 3) -> bool:
    """Whether the rest is longer than the shortest: noise makes one so, or two, and jitter all."""
    shortest, *_, longest = ordered = sorted(pauses)
    return ordered[int(len(ordered) * share)] - shortest > max(_JITTER * longest, _NOISE_S)


def _told(pauses: Sequence[float]) -> str:
    return "pauses of " + ", ".join(f"{pause:.2f}" for pause in pauses) + " s"


async def _pauses_of_a_loss(world: World, number: int) -> list[float]:
    """Lose the socket, refuse so many attempts, and return the pause before each.

    Raises `Nonconforming` where one does not come in time.
    """
    refusals = await world.refuse_sockets(status=503)
    moments = [time.monotonic()]
    await world.lose("server close")  # which ends a session that polls, or is being upgraded, too
    while len(moments) <= number:
        now_s = await _next(refusals, len(moments) - 1)
        if now_s - moments[-1] > _BURST_S:
            moments.append(now_s)
    return [later - earlier for earlier, later in pairwise(moments)]


async def _next(refusals: Refusals, seen_before: int) -> float:
    """When the next attempt came."""
    seen = refusals.count
    try:
        await until(lambda: refusals.count > seen, Deadline(RETURN_S), pause_s=_FINE_S)
    except TimeoutError:
        told = f"none after {seen_before} attempts"
        raise Nonconforming(expected="another attempt within 5 s", seen=told) from None
    return time.monotonic()


async def _let_in(world: World, client: ClientUnderTest) -> None:
    """Have it connected again."""
    await world.admit_sockets()
    await client.until("connected again", served_by("websocket"), within_s=RETURN_S)


async def _moments(refusals: Refusals, *, within_s: float) -> tuple[list[float], float]:
    """When attempts came, in so many seconds from the first, and how late we looked at most."""
    with beginning("an attempt to connect (C-CONN-1)"):
        await until(lambda: refusals.count, Deadline(PATIENCE_S), pause_s=_FINE_S)
    deadline, moments = Deadline(within_s), [time.monotonic()]
    seen, late_s, looked = refusals.count, 0.0, time.monotonic()
    while not deadline.is_over:
        await asyncio.sleep(_FINE_S)
        now_s = time.monotonic()
        late_s = max(late_s, now_s - looked - _FINE_S)
        looked = now_s
        moments += [now_s] * (refusals.count - seen)
        seen = refusals.count
    return moments, late_s
