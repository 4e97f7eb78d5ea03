"""The Realtime source over a network that breaks: cut, silent, out of order, in pieces."""

import pytest

from chatengine.client.core.shapes import ConnectionState
from fakes.network import (
    AfterBytes,
    Corrupt,
    Cut,
    Drop,
    Duplicate,
    HalfOpen,
    Hold,
    OnFrame,
    Reset,
    Rule,
    Slice,
    Swap,
)
from tests.chatengine.client.supabase.world import TOPIC, running
from tests.waiting import until


def at(contains: str) -> OnFrame:
    """The first frame from the server with this in it."""
    return OnFrame(direction="to_client", contains=contains)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (Rule(Cut(), at("phx_reply"), last=1), ["lost", "serving"]),
        (Rule(Reset(), at("phx_reply"), last=1), ["lost", "serving"]),
        (Rule(Cut(), at("Subscribed"), last=1), ["serving", "lost", "serving"]),
        (Rule(HalfOpen(), at("phx_reply"), last=1), ["refused", "lost", "serving"]),
        (Rule(Drop(), at("phx_reply"), last=1), ["refused", "serving"]),
        (Rule(Drop(), at("Subscribed"), last=1), ["refused", "serving"]),
        (Rule(Duplicate(), at("phx_reply")), ["serving"]),
        (Rule(Duplicate(), at("Subscribed")), ["serving", "gap"]),
        (Rule(Swap(), at("phx_reply")), ["serving"]),
        (Rule(Hold(100), at("phx_reply")), ["serving"]),
        (Rule(Slice(16), AfterBytes(0)), ["serving"]),
        (Rule(Corrupt(), at("phx_reply"), last=1), ["refused", "serving"]),
    ],
    ids=lambda value: type(value.fault).__name__ if isinstance(value, Rule) else str(value),
)
async def test_a_broken_network(rule: Rule, told: list[str]) -> None:
    """C-FBK-4: whatever breaks while joining, it serves in the end, and says so when it does."""
    async with running(rules=(rule,)) as world:
        await until(lambda: [what for what, _ in world.heard.told] == told, within_s=10)
        assert world.source.serving == {TOPIC}
        world.write("after all")
        await until(lambda: world.bodies == ["after all"])
        assert world.source.state is ConnectionState.CONNECTED
        newest = [*world.fake.hub.sockets.values()][-1]
        assert [each.name for each in newest.channels.values()] == [TOPIC]


async def test_a_corrupted_row() -> None:
    """C-MSG-7: a row that was corrupted on its way is dropped and counted, the next one comes."""
    rule = Rule(Corrupt(offset=40), at('"spoilt"'))
    async with running(rules=(rule,)) as world:
        await world.serves()
        world.write("spoilt")
        world.write("whole")
        await until(lambda: world.bodies == ["whole"])
        assert world.source.malformed == 1


async def test_half_open() -> None:
    """C-CONN-8's measure: a connection that went silent is noticed by its heartbeat."""
    async with running(rules=()) as world:
        await world.serves()
        world.proxy.half_open()
        await world.hears("serving", 2)
        assert world.heard.told[1] == ("lost", "Supabase did not answer a heartbeat")


async def test_stopping_a_half_open_connection() -> None:
    """C-CONN-7's measure: a peer that is gone holds no stop up."""
    async with running(rules=()) as world:
        await world.serves()
        world.proxy.half_open()
        world.source.unwatch(TOPIC)
        await until(lambda: world.source.state is ConnectionState.DISCONNECTED)
        await world.source.stop()


async def test_refused_connections() -> None:
    """C-CONN-3's measure: refused connections are tried again until one is not."""
    async with running(rules=()) as world:
        await world.serves()
        world.proxy.refuse()
        world.proxy.reset_all()
        await world.hears("lost", 5)
        world.proxy.heal()
        await world.hears("serving", 2)


async def test_flapping_through_the_proxy() -> None:
    """C-FBK-8: thirty losses in a row leave one connection and one channel."""
    async with running(rules=()) as world:
        for number in range(30):
            await world.hears("serving", number + 1)
            (world.proxy.cut_all if number % 2 else world.proxy.reset_all)()
        await world.hears("serving", 31)
        await until(lambda: len(world.fake.hub.sockets) == 1)
        assert len([*world.fake.hub.channels()]) == 1
