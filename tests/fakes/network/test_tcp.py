"""The proxy over real sockets: what passes, and each fault as both peers meet it."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from fakes.environment import SettingsError
from fakes.network import (
    Address,
    AfterBytes,
    Bandwidth,
    Corrupt,
    Cut,
    HalfOpen,
    Hold,
    Latency,
    ProxySettings,
    Refuse,
    Release,
    Reset,
    Rule,
    Schedule,
    Slice,
    running_proxy,
)
from fakes.serving import CouldNotListen, listening_socket
from tests.fakes.network.world import End, how_they_end, quiet, world
from tests.waiting import until


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def reset(end: End) -> None:
    """Close with a RST."""
    with socket.socket(fileno=os.dup(end.fileno)) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.abort()


async def exchange(client: End, target: End) -> None:
    """A word each way."""
    client.send(b"ping")
    assert await target.read(4) == b"ping"
    target.send(b"pong")
    assert await client.read(4) == b"pong"


async def test_bytes_pass_unchanged_both_ways_at_once() -> None:
    """Megabytes, in both directions."""
    draw = random.Random(1)
    up, down = draw.randbytes(3_000_000), draw.randbytes(3_000_000)
    async with world() as here:
        client, target = await here.connect()
        client.send(up)
        target.send(down)
        assert await target.read(len(up)) == up
        assert await client.read(len(down)) == down
        assert here.proxy.stats.bytes.to_client == len(down)
        assert here.proxy.stats.bytes.to_target == len(up)


async def test_half_a_close_passes_through() -> None:
    """A client that has said all still hears the answer."""
    async with world() as here:
        client, target = await here.connect()
        client.send(b"question")
        client.writer.write_eof()
        assert await target.read(8) == b"question"
        assert await target.end() == "FIN"
        target.send(b"answer")
        assert await client.read(6) == b"answer"
        target.close()
        assert await client.end() == "FIN"
        await until(lambda: not here.proxy.connections)


@pytest.mark.parametrize("first", ["client", "target"])
async def test_a_peers_reset_passes_through(first: str) -> None:
    """The other peer is reset, too, and not just ended."""
    async with world() as here:
        client, target = await here.connect()
        await exchange(client, target)
        one, other = (client, target) if first == "client" else (target, client)
        reset(one)
        assert await other.end() == "RST"
        await until(lambda: not here.proxy.connections)


async def test_a_peers_reset_travels_as_late_as_its_bytes() -> None:
    """It overtakes nothing in the proxy, and both ends are gone after it."""
    async with world(Rule(Latency(80))) as here:
        client, target = await here.connect()
        await exchange(client, target)
        start = time.monotonic()
        reset(target)
        assert await client.end() == "RST"
        assert time.monotonic() - start >= 0.075
        await until(lambda: not here.proxy.connections)


@pytest.mark.parametrize("held", [False, True])
async def test_who_does_not_read_is_waited_for(held: bool) -> None:
    """The sender is stopped by its own kernel, not kept in memory; nothing is lost."""
    async with world() as here:
        client, target = await here.connect()
        if held:
            here.proxy.hold()
        else:
            target.writer.transport.pause_reading()  # type: ignore[attr-defined]
        sent = await flood(client)
        assert sent < 32 * 2**20
        here.proxy.release()
        target.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert await target.read(sent) == b"x" * sent


async def flood(end: End) -> int:
    """Send until the kernel has taken nothing for a while; returns how much it took."""
    sent, taken_at = 0, time.monotonic()
    with socket.socket(fileno=os.dup(end.fileno)) as raw:
        while time.monotonic() - taken_at < 0.2 and sent < 2**26:
            try:
                sent += raw.send(b"x" * 65_536)
                taken_at = time.monotonic()
            except BlockingIOError:
                pass
            await asyncio.sleep(0)
    return sent


async def test_cut_is_a_fin_for_both_behind_what_passed() -> None:
    """After so many bytes, exactly."""
    async with world(Rule(Cut(), AfterBytes(5, "to_client"))) as here:
        client, target = await here.connect()
        target.send(b"hello, world")
        assert await client.read(5) == b"hello"
        assert await how_they_end(client, target) == ["FIN", "FIN"]
        client.close()
        target.close()
        await until(lambda: not here.proxy.connections)


async def test_a_cut_with_bytes_on_their_way_is_still_a_fin() -> None:
    """A peer that goes on sending does not turn it into a reset."""
    async with world() as here:
        client, target = await here.connect()
        await exchange(client, target)
        client.send(b"x" * 1_000_000)
        assert here.proxy.cut_all() == 1
        assert await client.end() == "FIN"


async def test_who_does_not_close_after_a_cut_is_closed() -> None:
    """Two seconds later, so that no connection is kept for ever."""
    async with world() as here:
        client, target = await here.connect()
        await exchange(client, target)
        here.proxy.cut_all()
        here.proxy.heal()  # which has nothing to say to what is over
        await until(lambda: not here.proxy.connections, within_s=4)
        assert await how_they_end(client, target) == ["FIN", "FIN"]


async def test_who_does_not_close_after_a_cut_may_be_reset() -> None:
    """Whoever does not want to wait for it."""
    async with world() as here:
        client, target = await here.connect()
        await exchange(client, target)
        here.proxy.cut_all()
        assert here.proxy.reset_all() == 1
        assert here.proxy.connections == ()


async def test_reset_is_a_rst_for_both() -> None:
    """By a rule or by a command."""
    async with world(Rule(Reset(), AfterBytes(4, "to_target"), last=1)) as here:
        client, target = await here.connect()
        client.send(b"ping")
        assert await how_they_end(client, target) == ["RST", "RST"]
        client, target = await here.connect()
        await exchange(client, target)
        assert here.proxy.reset_all() == 1
        assert await how_they_end(client, target) == ["RST", "RST"]


async def test_half_open_is_silence_for_both() -> None:
    """Bytes are swallowed, a close is not told; healing resets who still holds on."""
    async with world() as here:
        client, target = await here.connect()
        other, other_target = await here.connect()
        await exchange(client, target)
        await exchange(other, other_target)
        assert here.proxy.half_open() == 2
        client.send(b"anybody?")
        target.send(b"hello?")
        assert await quiet(client, target, other, other_target)
        client.close()
        assert await quiet(target)
        assert all(each.half_open for each in here.proxy.connections)
        await exchange(*await here.connect())
        here.proxy.heal()
        assert await how_they_end(target, other, other_target) == ["RST"] * 3


async def test_half_open_after_half_a_close() -> None:
    """A peer that had ended is closed with, for nobody is going to answer it."""
    async with world() as here:
        client, target = await here.connect()
        client.writer.write_eof()
        assert await target.end() == "FIN"
        here.proxy.half_open()
        assert await client.end() == "FIN"
        target.send(b"hello?")
        target.close()
        await until(lambda: not here.proxy.connections)


async def test_half_open_may_be_one_way() -> None:
    """The other direction goes on."""
    async with world() as here:
        client, target = await here.connect()
        here.proxy.half_open("to_client")
        target.send(b"lost")
        client.send(b"heard")
        assert await target.read(5) == b"heard"
        assert await quiet(client)


async def test_half_open_may_take_in_those_that_come() -> None:
    """New connections are accepted and silent, until the network is healed."""
    async with world() as here:
        here.proxy.half_open(new=True)
        client, target = await here.connect()
        client.send(b"hello?")
        assert await quiet(client, target)
        here.proxy.heal()
        assert await client.end() == "RST"
        await exchange(*await here.connect())


async def test_refused_connections_are_reset_at_once() -> None:
    """The target never hears of them; until the network is healed."""
    async with world() as here:
        client, target = await here.connect()
        here.proxy.refuse()
        assert await here.is_refused()
        await exchange(client, target)
        here.proxy.heal()
        await exchange(*await here.connect())
        assert (here.proxy.stats.refused, here.proxy.stats.accepted) == (1, 3)


async def test_connections_are_counted() -> None:
    """The second and third are refused, the others are not."""
    async with world(Rule(Refuse(), first=2, last=3)) as here:
        await exchange(*await here.connect())
        for _ in range(2):
            assert await here.is_refused()
        await exchange(*await here.connect())


async def test_bytes_are_corrupted_where_they_were_counted() -> None:
    """And nowhere else."""
    async with world(Rule(Corrupt(2, mask=0x20), AfterBytes(3, "to_target"))) as here:
        client, target = await here.connect()
        client.send(b"abcdefg")
        assert await target.read(7) == b"abcDEfg"


async def test_latency_and_jitter_keep_the_order() -> None:
    """A round trip takes twice as long as one way."""
    async with world(Rule(Latency(50, 20, seed=1))) as here:
        client, target = await here.connect()
        start = time.monotonic()
        await exchange(client, target)
        assert 0.1 <= time.monotonic() - start < 1
        for number in range(100):
            client.send(b"%03d" % number)
        assert await target.read(300) == b"".join(b"%03d" % number for number in range(100))


async def test_bandwidth_is_kept_to() -> None:
    """10,000 bytes at 50,000 a second take a fifth of a second."""
    async with world(Rule(Bandwidth(50_000, "to_client"))) as here:
        client, target = await here.connect()
        start = time.monotonic()
        target.send(b"x" * 10_000)
        assert await client.read(10_000) == b"x" * 10_000
        assert 0.19 <= time.monotonic() - start < 1.5


async def test_slices_arrive_one_by_one() -> None:
    """Tiny reads, and all of them."""
    async with world(Rule(Slice(2, pause_ms=5))) as here:
        client, target = await here.connect()
        client.send(b"0123456789")
        pieces: list[bytes] = []
        while len(b"".join(pieces)) < 10:
            pieces.append(await target.read_some())
        assert b"".join(pieces) == b"0123456789"
        assert len(pieces) >= 3


async def test_what_is_held_comes_once_released() -> None:
    """In order, ends included; nothing is lost."""
    async with world() as here:
        client, target = await here.connect()
        assert here.proxy.hold("to_target") == 1
        client.send(b"one")
        client.send(b"two")
        client.writer.write_eof()
        assert await quiet(target)
        target.send(b"not held")
        assert await client.read(8) == b"not held"
        assert here.proxy.release() == 1
        assert await target.read(6) == b"onetwo"
        assert await target.end() == "FIN"


async def test_a_hold_may_end_by_itself_or_by_a_rule() -> None:
    """After its time; or once the other side has said something."""
    rules = (
        Rule(Hold(60), AfterBytes(2, "to_target"), last=1),
        Rule(Hold(), AfterBytes(2, "to_target"), first=2),
        Rule(Release(), AfterBytes(4, "to_client"), first=2),
    )
    async with world(*rules) as here:
        client, target = await here.connect()
        start = time.monotonic()
        client.send(b"abcd")
        assert await target.read(4) == b"abcd"
        assert time.monotonic() - start >= 0.055
        client, target = await here.connect()
        client.send(b"abcd")
        assert await target.read(2) == b"ab"
        assert await quiet(target)
        target.send(b"word")
        assert await target.read(2) == b"cd"


async def test_a_fault_may_wait() -> None:
    """So long after its point; forgotten with its rule."""
    async with world(Rule(Cut(), AfterBytes(4, "to_target"), wait_ms=80)) as here:
        client, target = await here.connect()
        start = time.monotonic()
        await exchange(client, target)
        assert await client.end() == "FIN"
        assert time.monotonic() - start >= 0.075
        client, target = await here.connect()
        await exchange(client, target)
        here.proxy.clear()
        assert await quiet(client, target)


async def test_clearing_ends_what_shapes() -> None:
    """What waits comes at once, and what follows is not shaped."""
    async with world(Rule(Latency(3_000_000))) as here:
        client, target = await here.connect()
        client.send(b"ping")
        await until(lambda: here.proxy.stats.bytes.to_target)
        assert here.proxy.clear() == 1
        assert await target.read(4) == b"ping"
        await exchange(client, target)
        assert here.proxy.schedule == Schedule()


async def test_rules_may_come_while_connections_are_open() -> None:
    """Counted from then on; for others from their beginning."""
    async with world() as here:
        client, target = await here.connect()
        await exchange(client, target)
        here.proxy.apply(Schedule((Rule(Cut(), AfterBytes(4, "to_target")),)))
        client.send(b"more")
        assert await target.read(4) == b"more"
        assert await client.end() == "FIN"


async def test_a_target_that_is_away_resets_its_clients(caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, and once it is back; the proxy lives on."""
    caplog.set_level("INFO")
    with listening_socket("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    settings = ProxySettings(target=Address("127.0.0.1", port))
    async with running_proxy(settings) as proxy:
        for _ in range(3):
            end = End(*await asyncio.open_connection("127.0.0.1", proxy.port))
            assert await end.end() == "RST"
            end.close()
        assert proxy.stats.unreached == 3
        with listening_socket("127.0.0.1", port) as target:
            end = End(*await asyncio.open_connection("127.0.0.1", proxy.port))
            await until(lambda: proxy.connections)
            target.accept()[0].close()
            assert await end.end() == "FIN"
            end.close()
    said = [record.message for record in caplog.records if record.name == "fakes.network.target"]
    assert said == ["target away", "target back"]


async def test_it_may_end_while_it_connects() -> None:
    """A client whose target has not answered yet is closed with the proxy."""
    with socket.socket() as full, ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):  # more than it keeps: the kernel leaves the next one without an answer
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        target = Address("127.0.0.1", full.getsockname()[1])
        async with running_proxy(ProxySettings(target=target)) as proxy:
            end = End(*await asyncio.open_connection("127.0.0.1", proxy.port))
            await until(lambda: proxy.stats.accepted)
        assert await end.end() == "FIN"
        end.close()


@pytest.mark.parametrize(("listen", "target"), [("::1", "127.0.0.1"), ("127.0.0.1", "::1")])
async def test_ipv6_and_ipv4(listen: str, target: str) -> None:
    """Either may be in front of the other."""
    async with world(host=target, listen=Address(listen, 0)) as here:
        await exchange(*await here.connect())
        assert here.proxy.url == f"http://{here.proxy.address}"


async def test_localhost_is_both_loopbacks() -> None:
    """A client that tries ::1 first finds the proxy, too, on the same port."""
    async with world(listen=Address("localhost", 0)) as here:
        for host in ("127.0.0.1", "::1"):
            reader, writer = await asyncio.open_connection(host, here.proxy.port)
            await until(lambda: here.proxy.connections)
            here.proxy.reset_all()
            assert await End(reader, writer).end() == "RST"
            writer.close()
            await until(lambda: not here.proxy.connections)


def test_it_listens_on_loopback_unless_told() -> None:
    """Nobody else reaches it."""
    assert ProxySettings(target=Address("example.org", 80)).listen == Address("127.0.0.1", 0)


async def test_what_cannot_be_begun_is_told() -> None:
    """A taken port, a host that is none."""
    with listening_socket("127.0.0.1", 0) as taken:
        listen = Address("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(CouldNotListen, match="the port is taken"):
            async with running_proxy(ProxySettings(target=listen, listen=listen)):
                pytest.fail("it was served")
    with pytest.raises(SettingsError, match="TARGET has a host that cannot be found: no such:1"):
        async with running_proxy(ProxySettings(target=Address("no such", 1))):
            pytest.fail("it was served")


async def test_nothing_is_left_behind() -> None:
    """When the block ends every socket is closed, whatever was going on."""
    async with world():
        pass  # a loop opens files of its own at first
    before = open_files()
    async with world(Rule(HalfOpen(), first=2, last=2), Rule(Latency(60_000), first=3)) as here:
        for _ in range(3):
            client, _ = await here.connect()
            client.send(b"x")
        here.proxy.apply(Schedule((Rule(Cut(), wait_ms=60_000),)))
        await until(lambda: here.proxy.stats.bytes.to_target == 3)
    await until(lambda: open_files() == before)
