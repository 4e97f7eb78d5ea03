"""python-socketio's AsyncServer as it comes, on aiohttp and uvloop like ours."""

import asyncio

import socketio
import uvloop
from aiohttp import web

from benchmarks.engine.servers.rooms import serve_rooms
from chatengine.events import SOCKET_PATH


async def _main() -> None:
    app = web.Application()
    server = socketio.AsyncServer(async_mode="aiohttp")
    server.attach(app, SOCKET_PATH)
    await serve_rooms(server, app)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
