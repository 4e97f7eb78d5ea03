"""`serve`: an echo server; `relay <port> <way>`: a proxy in front of it."""

import asyncio
import sys
from typing import cast

import uvloop

from benchmarks.proxy.wire import BULK_MARK, SWITCHING, UPGRADE, WAYS, Way
from benchmarks.talk import Listening, answers
from fakes.network import Address, ProxySettings, running_proxy


class _Echo(asyncio.Protocol):
    """Echoes; after a mark of its own it only reads, and says when it has read all."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._counts = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if data.startswith(UPGRADE):
            self.transport.write(SWITCHING)
        elif data.startswith((BULK_MARK, b"\x82\x01" + BULK_MARK)):
            self._counts = True
        elif not self._counts:
            self.transport.write(data)

    def eof_received(self) -> None:
        if self._counts:
            self.transport.write(BULK_MARK)


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


def _main(arguments: list[str]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        match arguments:
            case ["serve"]:
                runner.run(_serve())
            case ["relay", port, number]:
                runner.run(_relay(int(port), WAYS[int(number)]))


if __name__ == "__main__":
    _main(sys.argv[1:])
