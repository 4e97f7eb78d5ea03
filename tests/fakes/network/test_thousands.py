"""A thousand connections at once through one proxy."""

from __future__ import annotations

import asyncio

from fakes.network import Latency
from fakes.serving import raise_open_file_limit
from tests.fakes.network.world import End, world
from tests.waiting import until

CONNECTIONS = 1000
FILES = 4 * CONNECTIONS + 200
"""Client, proxy's two, target: all in this process."""


async def test_a_thousand_connections_at_once() -> None:
    """Each gets its own bytes, at once and with latency; none is left over."""
    assert raise_open_file_limit() >= FILES, f"raise the limit of open files: ulimit -n {FILES}"
    async with world() as here:
        pairs = await asyncio.gather(*(here.connect() for _ in range(CONNECTIONS)))
        clients = [client for client, _ in pairs]
        targets = [target for _, target in pairs]
        assert here.proxy.stats.open == CONNECTIONS
        await all_echo(clients, targets)
        here.proxy.strike(Latency(50))
        await all_echo(clients, targets)
        assert here.proxy.reset_all() == CONNECTIONS
        await until(lambda: not here.proxy.connections)
        assert here.proxy.stats.bytes.to_target == CONNECTIONS * 8


async def all_echo(clients: list[End], targets: list[End]) -> None:
    """Every client says its number, every target repeats what it heard."""
    for number, client in enumerate(clients):
        client.send(number.to_bytes(4, "big"))
    for target, word in zip(
        targets, await asyncio.gather(*(target.read(4) for target in targets)), strict=True
    ):
        target.send(word)
    heard = await asyncio.gather(*(client.read(4) for client in clients))
    assert [int.from_bytes(word, "big") for word in heard] == list(range(len(clients)))
