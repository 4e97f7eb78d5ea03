"""`python -m benchmarks.proxy`: what the fault proxy costs, beside the same without it.

An echo server, a proxy and this driver, each a process on a processor of its own. Every way is
measured in every round, one after the other, and the medians are shown. Exit codes: 0, 3 could not
run, 130 interrupted.
"""

import asyncio
import socket
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Final, cast

import uvloop
from msgspec import Struct
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.processes import CouldNotRun, Program, cpus
from benchmarks.talk import Listening, answers
from fakes.network import (
    Address,
    Drop,
    OnFrame,
    ProxySettings,
    Rule,
    Schedule,
    running_proxy,
)

_ROUNDS: Final = 3
_CONNECTIONS: Final = 50
_PER_S: Final = 4000
_SECONDS: Final = 2.0
_WARM_UP_S: Final = 0.5
_START_S: Final = 20.0
_BULK: Final = 128 * 1024 * 1024

_UPGRADE: Final = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
_SWITCHING: Final = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
_PAYLOAD: Final = b'42["message",{"id":"' + b"x" * 376 + b'"}]'
_FRAME: Final = b"\x81\x7e" + len(_PAYLOAD).to_bytes(2, "big") + _PAYLOAD
_BULK_MARK: Final = b"\x00"

_MATCHED: Final = Schedule((Rule(Drop(), OnFrame(prefix="42", contains='"never"')),))
"""A rule that looks into every frame and finds nothing."""


class Way(Struct, frozen=True):
    """A way to the server: directly, or through a proxy with this schedule."""

    name: str
    proxied: bool = True
    framed: bool = True
    schedule: Schedule = Schedule()


_WAYS: Final = (
    Way("direct", proxied=False),
    Way("proxied bytes", framed=False),
    Way("proxied WebSocket"),
    Way("frames matched", schedule=_MATCHED),
)


class Figures(Struct, frozen=True):
    """Processor time of the proxy for each message, each way; round trips; megabytes a second."""

    cpu_us: float
    p50_us: float
    p99_us: float
    mb_per_s: float


def main() -> int:
    """Measure, print the table; returns the exit code."""
    console = Console()
    rounds: dict[str, list[Figures]] = {way.name: [] for way in _WAYS}
    try:
        with TemporaryDirectory() as folder:
            for _ in range(_ROUNDS):
                for way in _WAYS:
                    rounds[way.name].append(_measure(way, Path(folder) / "programs.log"))
    except CouldNotRun as error:
        console.print(str(error), style="red", markup=False)
        return 3
    except KeyboardInterrupt:
        return 130
    console.print(_table({name: _medians(found) for name, found in rounds.items()}))
    return 0


def _medians(found: list[Figures]) -> Figures:
    return Figures(
        *(median(getattr(each, name) for each in found) for name in Figures.__struct_fields__)
    )


def _table(found: dict[str, Figures]) -> Table:
    direct = found["direct"]
    caption = (
        f"Medians of {_ROUNDS} rounds. {_PER_S:,} messages/s of {len(_FRAME)} bytes over "
        f"{_CONNECTIONS} connections, echoed. CPU: of the proxy for each message it passes. Added: "
        f"to a round trip, two passages. Bulk: one connection, {_BULK >> 20} MiB."
    )
    table = Table(caption=caption, caption_justify="left", box=SIMPLE)
    table.add_column("", no_wrap=True)
    headings = ("CPU\nus", "p50\nus", "p99\nus", "added\np50", "added\np99", "bulk\nMB/s")
    for heading in (*headings, "of\ndirect"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, each in found.items():
        added = (each.p50_us - direct.p50_us, each.p99_us - direct.p99_us)
        figures = (each.cpu_us, each.p50_us, each.p99_us, *added, each.mb_per_s)
        row = [f"{figure:,.0f}" for figure in figures]
        table.add_row(name, *row, f"{each.mb_per_s / direct.mb_per_s:.2f}")
    return table


def _measure(way: Way, log: Path) -> Figures:
    server_cpu, proxy_cpu, _ = cpus()
    me = [sys.executable, "-m", "benchmarks.proxy"]
    with Program([*me, "serve"], cpu=server_cpu, log=log) as server:
        port = server.hear(Listening, _START_S).port
        if not way.proxied:
            return _through(port, way, None)
        number = str(_WAYS.index(way))
        with Program([*me, "relay", str(port), number], cpu=proxy_cpu, log=log) as relay:
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
        self.transport.write(_FRAME)

    def data_received(self, data: bytes) -> None:
        if data.startswith(_SWITCHING):
            self.ready.set()
            return
        now = time.perf_counter()
        self._size += len(data)
        while self._size >= len(_FRAME):
            self._size -= len(_FRAME)
            self.trips.append(now - self.sent.pop(0))
        if not self.sent:
            self.all_back.set()


async def _connected(port: int, framed: bool) -> _Client:
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(_Client, "127.0.0.1", port)
    if framed:
        client.transport.write(_UPGRADE)
        await asyncio.wait_for(client.ready.wait(), _START_S)
    return client


def _bulk(port: int, framed: bool) -> float:
    """Send a lot to a server that only counts; return megabytes a second."""
    chunk = _FRAME * 256
    with socket.create_connection(("127.0.0.1", port), timeout=_START_S) as client:
        if framed:
            client.sendall(_UPGRADE)
            client.recv(len(_SWITCHING), socket.MSG_WAITALL)
        client.sendall(_BULK_MARK if not framed else b"\x82\x01" + _BULK_MARK)
        start = time.perf_counter()
        for _ in range(_BULK // len(chunk)):
            client.sendall(chunk)
        client.shutdown(socket.SHUT_WR)
        client.recv(1)
        return _BULK / (time.perf_counter() - start) / 1e6


class _Echo(asyncio.Protocol):
    """Echoes; after a mark of its own it only reads, and says when it has read all."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._counts = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if data.startswith(_UPGRADE):
            self.transport.write(_SWITCHING)
        elif data.startswith((_BULK_MARK, b"\x82\x01" + _BULK_MARK)):
            self._counts = True
        elif not self._counts:
            self.transport.write(data)

    def eof_received(self) -> None:
        if self._counts:
            self.transport.write(_BULK_MARK)


async def _serve() -> None:
    answer = answers()
    server = await asyncio.get_running_loop().create_server(_Echo, "127.0.0.1", 0)
    answer(Listening(server.sockets[0].getsockname()[1]))
    await asyncio.Event().wait()


async def _relay(port: int, way: Way) -> None:
    answer = answers()
    settings = ProxySettings(target=Address("127.0.0.1", port), schedule=way.schedule)
    async with running_proxy(settings) as proxy:
        answer(Listening(proxy.port))
        await asyncio.Event().wait()


def _program(arguments: list[str]) -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        match arguments:
            case ["serve"]:
                runner.run(_serve())
            case ["relay", port, number]:
                runner.run(_relay(int(port), _WAYS[int(number)]))
    return 0


if __name__ == "__main__":
    sys.exit(_program(sys.argv[1:]) if sys.argv[1:] else main())
