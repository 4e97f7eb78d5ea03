"""The section `proxy`: what the fault proxy costs, beside the same without it.

An echo server, a proxy and this driver, each a process on a processor of its own.
"""

import asyncio
import socket
import time
from pathlib import Path
from statistics import quantiles
from typing import Final, cast

import uvloop
from msgspec import Struct

from benchmarks.figures import medians
from benchmarks.processes import Program, cpus, module
from benchmarks.proxy.wire import BULK_MARK, FRAME, SWITCHING, UPGRADE, WAYS, Way
from benchmarks.section import Context, Outcome
from benchmarks.table import Column, contenders_table
from benchmarks.talk import Listening

__all__ = ["run"]

_CONNECTIONS: Final = 50
_PER_S: Final = 4000
_SECONDS: Final = 2.0
_WARM_UP_S: Final = 0.5
_START_S: Final = 20.0
_BULK: Final = 128 * 1024 * 1024

_PROGRAMS: Final = module("benchmarks.proxy.programs")


class Figures(Struct, frozen=True):
    """Processor time of the proxy for each message, each way; round trips; megabytes a second."""

    cpu_us: float
    p50_us: float
    p99_us: float
    mb_per_s: float


def run(context: Context) -> Outcome:
    """Measure; raises `CouldNotRun`."""
    rounds = []
    for number in range(context.rounds):
        measured = {}
        for way in WAYS:
            context.step(number, way.name)
            measured[way.name] = _measure(way, context.log)
        rounds.append(measured)
    ways = medians(rounds)
    direct = ways[WAYS[0].name]
    columns: tuple[Column, ...] = (
        ("CPU\nus", lambda _, each: each.cpu_us, ",.0f"),
        ("p50\nus", lambda _, each: each.p50_us, ",.0f"),
        ("p99\nus", lambda _, each: each.p99_us, ",.0f"),
        ("added\np50", lambda _, each: each.p50_us - direct.p50_us, ",.0f"),
        ("added\np99", lambda _, each: each.p99_us - direct.p99_us, ",.0f"),
        ("bulk\nMB/s", lambda _, each: each.mb_per_s, ",.0f"),
        ("of\ndirect", lambda _, each: each.mb_per_s / direct.mb_per_s, ".2f"),
    )
    return Outcome(
        table=contenders_table("proxy", _CAPTION, columns, ways),
        goals=[],
        record={"proxy": {"ways": ways, "rounds": rounds}},
    )


_CAPTION: Final = (
    f"{_PER_S:,} messages/s of {len(FRAME)} bytes over {_CONNECTIONS} connections, echoed. CPU: of "
    "the proxy for each message it passes. Added: to a round trip, two passages. Bulk: one "
    f"connection, {_BULK >> 20} MiB."
)


def _measure(way: Way, log: Path) -> Figures:
    server_cpu, proxy_cpu, _ = cpus()
    with Program([*_PROGRAMS, "serve"], cpu=server_cpu, log=log) as server:
        port = server.hear(Listening, _START_S).port
        if not way.proxied:
            return _through(port, way, None)
        number = str(WAYS.index(way))
        with Program([*_PROGRAMS, "relay", str(port), number], cpu=proxy_cpu, log=log) as relay:
            return _through(relay.hear(Listening, _START_S).port, way, relay)


def _through(port: int, way: Way, relay: Program | None) -> Figures:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        trips, cpu_us = runner.run(_echoes(port, way.framed, relay))
    cuts = quantiles(trips, n=100)
    return Figures(
        cpu_us=cpu_us / (2 * len(trips)),
        p50_us=cuts[49] * 1e6,
        p99_us=cuts[98] * 1e6,
        mb_per_s=_bulk(port, way.framed),
    )


async def _echoes(port: int, framed: bool, relay: Program | None) -> tuple[list[float], float]:
    """Send on a fixed schedule; return the round trips (s) and the proxy's CPU time (us)."""
    clients = [await _connected(port, framed) for _ in range(_CONNECTIONS)]
    await _send(clients, _WARM_UP_S)
    for client in clients:
        client.trips.clear()
    before = 0.0 if relay is None else relay.cpu_us()
    await _send(clients, _SECONDS)
    after = 0.0 if relay is None else relay.cpu_us()
    for client in clients:
        client.transport.close()
    return [trip for client in clients for trip in client.trips], after - before


async def _send(clients: list["_Client"], seconds: float) -> None:
    start = time.perf_counter()
    for number in range(int(_PER_S * seconds)):
        due = start + number / _PER_S
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        clients[number % len(clients)].send()
    async with asyncio.timeout(_START_S):
        for client in clients:
            await client.all_back.wait()


class _Client(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self) -> None:
        self.sent: list[float] = []
        self.trips: list[float] = []
        self.ready = asyncio.Event()
        self.all_back = asyncio.Event()
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def send(self) -> None:
        self.all_back.clear()
        self.sent.append(time.perf_counter())
        self.transport.write(FRAME)

    def data_received(self, data: bytes) -> None:
        if data.startswith(SWITCHING):
            self.ready.set()
            return
        now = time.perf_counter()
        self._size += len(data)
        while self._size >= len(FRAME):
            self._size -= len(FRAME)
            self.trips.append(now - self.sent.pop(0))
        if not self.sent:
            self.all_back.set()


async def _connected(port: int, framed: bool) -> _Client:
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(_Client, "127.0.0.1", port)
    if framed:
        client.transport.write(UPGRADE)
        await asyncio.wait_for(client.ready.wait(), _START_S)
    return client


def _bulk(port: int, framed: bool) -> float:
    """Send a lot to a server that only counts; return megabytes a second."""
    chunk = FRAME * 256
    with socket.create_connection(("127.0.0.1", port), timeout=_START_S) as client:
        if framed:
            client.sendall(UPGRADE)
            client.recv(len(SWITCHING), socket.MSG_WAITALL)
        client.sendall(BULK_MARK if not framed else b"\x82\x01" + BULK_MARK)
        start = time.perf_counter()
        for _ in range(_BULK // len(chunk)):
            client.sendall(chunk)
        client.shutdown(socket.SHUT_WR)
        client.recv(1)
        return _BULK / (time.perf_counter() - start) / 1e6
