"""The Socket.IO server of the fake ChatEngine, bare: subscribe, and emit what the driver gives."""

import asyncio

import uvloop
from aiohttp import web

from benchmarks.engine.servers.rooms import serve_rooms
from chatengine.events import SOCKET_PATH
from fakes.chatengine.realtime import RealtimeSettings, create_realtime


async def _main() -> None:
    app = web.Application()
    await serve_rooms(create_realtime(app, RealtimeSettings(path=SOCKET_PATH)), app)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
