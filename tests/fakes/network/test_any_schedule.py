"""Whatever is asked of it, the proxy lives on: schedules drawn by Hypothesis, over real sockets."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fakes.network import AfterBytes, OnFrame, Rule, Schedule
from tests.fakes.network.strategies import rules
from tests.fakes.network.wire import CLIENT_HELLO, accepted, frame
from tests.fakes.network.world import End, World, world
from tests.waiting import until

ANSWER_S = 0.02
"""Under a fault there may be no answer; then it is not waited for."""


def near(rule: Rule) -> Rule:
    """The same fault at a point that a short conversation reaches."""
    on = rule.on
    if isinstance(on, AfterBytes):
        on = AfterBytes(on.count % 300, on.direction)
    else:
        on = OnFrame(nth=on.nth % 4 + 1, times=on.times, direction=on.direction, before=on.before)
    return replace(rule, on=on, first=1, last=None, wait_ms=rule.wait_ms % 10)


schedules = st.builds(Schedule, st.lists(rules().map(near), max_size=4).map(tuple))


async def talk(client: End, target: End) -> None:
    """A WebSocket's beginning and a few frames each way, as far as they come."""
    client.send(CLIENT_HELLO)
    await some(target)
    target.send(accepted())
    await some(client)
    for number in range(4):
        client.send(frame(b'42["typing",%d]' % number, key=b"\1\2\3\4"))
        target.send(frame(b'42["message",%d]' % number))
        await asyncio.gather(some(client), some(target))


async def some(end: End) -> None:
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(ANSWER_S):
            await end.read_some()


async def heard(here: World) -> bytes:
    """What reaches the target; connections that were reset before are passed over."""
    while True:
        end = await here.accepted()
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            return await end.read(4)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(schedules, st.booleans())
async def test_no_schedule_breaks_the_proxy(schedule: Schedule, late: bool) -> None:
    """Nothing is raised; once healed, new connections pass and old ones leave nothing."""
    raised: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
    async with world(*([] if late else schedule.rules)) as here:
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(0.3):
                client, target = await here.connect()
                if late:
                    here.proxy.apply(schedule)
                await talk(client, target)
        here.proxy.heal()
        here.proxy.reset_all()
        await until(lambda: not here.proxy.connections)
        client = await here.client()
        client.send(b"pong")
        assert await heard(here) == b"pong"
    assert raised == []
