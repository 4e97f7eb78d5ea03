"""Frame-aware faults over real WebSockets: aiohttp's, and Socket.IO's on the fake ChatEngine."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

from chatengine import events
from fakes.network import (
    Address,
    Corrupt,
    Cut,
    Drop,
    Duplicate,
    HalfOpen,
    Hold,
    OnFrame,
    ProxySettings,
    Release,
    Reset,
    Rule,
    RunningProxy,
    Schedule,
    Swap,
    running_proxy,
)
from fakes.serving import serving
from tests.fakes.chatengine.world import JID, running
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DEADLINE_S = 5.0
TEXTS = [f'42["message",{number}]' for number in range(5)]


async def tell(request: web.Request) -> web.WebSocketResponse:
    """Say all texts once the client has said something; echo what it says later."""
    ws = web.WebSocketResponse(compress=True)
    await ws.prepare(request)
    await ws.receive()
    for text in TEXTS:
        await ws.send_str(text)
    async for message in ws:
        await ws.send_str(f"echo {message.data}")
    return ws


@asynccontextmanager
async def proxied(*rules: Rule) -> AsyncIterator[RunningProxy]:
    app = web.Application()
    app.router.add_get("/", tell)
    async with serving(app, "127.0.0.1", 0) as port:
        target = Address("127.0.0.1", port)
        async with running_proxy(ProxySettings(target=target, schedule=Schedule(rules))) as proxy:
            yield proxy


@asynccontextmanager
async def talking(
    *rules: Rule, compress: int = 0
) -> AsyncIterator[tuple[RunningProxy, ClientWebSocketResponse]]:
    """A proxy with these rules, and a client's socket through it."""
    async with (
        proxied(*rules) as proxy,
        ClientSession() as session,
        session.ws_connect(proxy.url, compress=compress) as ws,
    ):
        assert bool(ws.compress) is bool(compress)
        yield proxy, ws


async def read(ws: ClientWebSocketResponse, count: int) -> list[str]:
    """So many texts; an end before them is "end"."""
    found: list[str] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(found) < count:
            message = await ws.receive()
            if message.type is not WSMsgType.TEXT:
                return [*found, "end"]
            found.append(message.data)
    return found


FROM_SERVER = OnFrame(direction="to_client", prefix="42", contains=",2]")
T = TEXTS


@pytest.mark.parametrize("compress", [0, 15], ids=["plain", "compressed"])
@pytest.mark.parametrize(
    ("rule", "arriving"),
    [
        (Rule(Drop(), FROM_SERVER), [T[0], T[1], T[3], T[4]]),
        (Rule(Duplicate(), FROM_SERVER), [T[0], T[1], T[2], T[2], T[3], T[4]]),
        (Rule(Swap(), FROM_SERVER), [T[0], T[1], T[3], T[2], T[4]]),
        (Rule(Hold(30), FROM_SERVER), T),
        (Rule(Corrupt(1, 1, 1), FROM_SERVER), [T[0], T[1], "43" + T[2][2:], T[3], T[4]]),
        (Rule(Cut(), FROM_SERVER), [T[0], T[1], T[2], "end"]),
        (Rule(Cut(), OnFrame(regex=r",2\]$", before=True)), [T[0], T[1], "end"]),
        (Rule(Reset(), OnFrame(contains=",0]", before=True)), ["end"]),
    ],
    ids=lambda value: value.fault.__struct_config__.tag if isinstance(value, Rule) else "",
)
async def test_a_frame_meets_its_fault(rule: Rule, arriving: list[str], compress: int) -> None:
    """What arrives is what the fault leaves of it, with and without permessage-deflate."""
    async with talking(rule, compress=compress) as (_, ws):
        await ws.send_str("begin")
        assert await read(ws, len(arriving)) == arriving
        if arriving[-1] != "end":
            await ws.send_str("more")
            assert await read(ws, 1) == ["echo more"]


@pytest.mark.parametrize("compress", [0, 15], ids=["plain", "compressed"])
async def test_a_clients_frame_meets_its_fault(compress: int) -> None:
    """Masked as they are, its frames are matched, and dropped and swapped."""
    rules = (
        Rule(Drop(), OnFrame(direction="to_target", prefix="a")),
        Rule(Swap(), OnFrame(direction="to_target", prefix="b2")),
    )
    async with talking(*rules, compress=compress) as (_, ws):
        for text in ("begin", "a1", "b2", "c3", "a4"):
            await ws.send_str(text)
        assert await read(ws, 8) == [*TEXTS, "echo c3", "echo b2", "echo a4"]


async def test_a_rule_for_one_direction_may_stop_the_other() -> None:
    """Once the client has said a word it hears nothing more, while the server still hears it."""
    rule = Rule(HalfOpen("to_client"), OnFrame(direction="to_target", prefix="hush"))
    async with talking(rule) as (proxy, ws):
        await ws.send_str("begin")
        assert await read(ws, 5) == TEXTS
        before = proxy.stats.frames.to_target
        await ws.send_str("hush")
        await ws.send_str("still there?")
        await until(lambda: proxy.stats.frames.to_target == before + 2)
        with pytest.raises(TimeoutError):
            await ws.receive(timeout=0.1)
        proxy.heal()


async def test_a_rule_may_come_when_the_socket_is_long_open() -> None:
    """With permessage-deflate, too, whose window goes back to the beginning."""
    async with talking(compress=15) as (proxy, ws):
        await ws.send_str("begin")
        assert await read(ws, 5) == TEXTS
        proxy.apply(Schedule((Rule(Drop(), OnFrame(prefix="echo", contains="no")),)))
        for text in ("no", "yes", "no again"):
            await ws.send_str(text)
        assert await read(ws, 2) == ["echo yes", "echo no again"]


async def test_what_happened_can_be_replayed() -> None:
    """The log of one proxy, given to another, has the same texts arrive."""
    rules: tuple[Rule, ...] = (
        Rule(Drop(), OnFrame(nth=2, direction="to_client", prefix="42")),
        Rule(Duplicate(2), OnFrame(nth=3, direction="to_client", prefix="42")),
        Rule(Cut(), OnFrame(contains="echo end")),
    )
    expected = [T[0], *[T[2]] * 3, T[3], T[4], "echo end", "end"]
    async with ClientSession() as session:
        for _ in range(2):
            async with proxied(*rules) as proxy, session.ws_connect(proxy.url) as ws:
                await ws.send_str("begin")
                await ws.send_str("end")
                assert await read(ws, 8) == expected
                rules = proxy.replay().rules
                assert [rule.first for rule in rules] == [1, 1, 1]
                assert [rule.last for rule in rules] == [1, 1, 1]


async def test_socketio_packets_are_duplicated_swapped_and_held() -> None:
    """What a realtime client has to stand, on the fake ChatEngine with python-socketio's client."""
    async with running() as world:
        target = Address("127.0.0.1", world.engine.port)
        async with running_proxy(ProxySettings(target=target)) as proxy:
            world.url = proxy.url
            agent = await world.agent(subscribed_to=JID)
            message = OnFrame(direction="to_client", prefix='42["message",')
            proxy.apply(
                Schedule((Rule(Duplicate(), message), Rule(Swap(), OnFrame(prefix='42["typing"'))))
            )
            await world.arrive("A1")
            received = await agent.get(events.MESSAGE, 2)
            assert [each["id"] for each in received] == ["evo-A1", "evo-A1"]
            proxy.apply(Schedule((Rule(Hold(), message),)))
            await world.arrive("A2")
            await until(lambda: proxy.stats.fired.get("hold"))
            assert len(agent.all(events.MESSAGE)) == 2
            proxy.strike(Release())
            assert (await agent.get(events.MESSAGE, 3))[-1]["id"] == "evo-A2"
            proxy.cut_all()
            await until(lambda: not agent.client.connected)
            world.url = world.engine.url
