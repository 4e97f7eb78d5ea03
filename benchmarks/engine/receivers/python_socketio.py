"""python-socketio's AsyncClient as it comes, one for each user, on asyncio."""

import asyncio
import sys
import time

import socketio

from benchmarks.talk import Connect, Connected, Counted, answers, commands
from chatengine import events


class _Receiver:
    def __init__(self, url: str, room: str) -> None:
        self._url, self._room = url, room
        self.events = 0
        self._clients: list[socketio.AsyncClient] = []

    async def connect(self, wanted: Connect) -> Connected:
        began = time.perf_counter()
        gate = asyncio.Semaphore(wanted.at_once)

        async def one() -> None:
            async with gate:
                await self._connect_one()

        await asyncio.gather(*(one() for _ in range(wanted.users)))
        return Connected(time.perf_counter() - began)

    async def _connect_one(self) -> None:
        client = socketio.AsyncClient(handle_sigint=False)
        client.on(events.MESSAGE, self._on_message)
        await client.connect(self._url, transports=["websocket"], socketio_path=events.SOCKET_PATH)
        await client.call(events.SUBSCRIBE, self._room)
        self._clients.append(client)

    async def _on_message(self, message: object) -> None:
        self.events += 1


async def _main() -> None:
    answer = answers()
    receiver = _Receiver(*sys.argv[1:])
    async for command in commands():
        if isinstance(command, Connect):
            answer(await receiver.connect(command))
        else:
            answer(Counted(receiver.events))


if __name__ == "__main__":
    asyncio.run(_main())
