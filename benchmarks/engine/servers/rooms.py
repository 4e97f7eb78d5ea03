"""What a measured Python server does: whoever asks is let in, and subscribes to a room."""

from typing import Any

import socketio
from aiohttp import web

from benchmarks.talk import Listening, Publish, answers, commands
from chatengine import events
from fakes.serving import serving

__all__ = ["serve_rooms"]


async def serve_rooms(server: socketio.AsyncServer, app: web.Application) -> None:
    """Serve until stdin ends, emitting what it says."""
    answer = answers()

    async def subscribe(sid: str, room: str) -> dict[str, Any]:
        await server.enter_room(sid, room)
        return {"ok": True}

    server.on(events.SUBSCRIBE, subscribe)
    async with serving(app, "127.0.0.1", 0) as port:
        answer(Listening(port))
        async for command in commands():
            assert isinstance(command, Publish)
            await server.emit(events.MESSAGE, command.message, room=command.room)
