"""A Realtime server that does what a script says, and else behaves: for exact misbehaviour."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from fakes.serving import serving

__all__ = ["Peer", "ScriptedServer", "accept", "refuse", "running_script", "say_nothing"]

Frame = list[Any]
"""join_ref, ref, topic, event, payload."""

Behaviour = Callable[["Peer", Frame], Awaitable[None]]


@dataclass
class Peer:
    """One client's connection: what it sent, and the means to answer."""

    socket: web.WebSocketResponse
    request: web.Request
    frames: list[Frame] = field(default_factory=list)

    async def says(self, *frame: object) -> None:
        await self.socket.send_str(json.dumps(frame))

    async def replies(self, frame: Frame, response: object, status: str = "ok") -> None:
        payload = {"status": status, "response": response}
        await self.says(frame[0], frame[1], frame[2], "phx_reply", payload)

    async def binds(self, join: Frame) -> None:
        asked = join[4]["config"]["postgres_changes"]
        bound = [binding | {"id": number} for number, binding in enumerate(asked)]
        await self.replies(join, {"postgres_changes": bound})

    async def tells(
        self, join: Frame, status: str = "ok", message: str = "", of: str = "postgres_changes"
    ) -> None:
        payload = {"status": status, "extension": of, "message": message, "channel": "t"}
        await self.says(join[0], None, join[2], "system", payload)

    async def changes(self, topic: str, record: object, ids: tuple[int, ...] = (0,)) -> None:
        data = {"table": "messages", "type": "INSERT", "record": record}
        await self.says(
            None, None, f"realtime:{topic}", "postgres_changes", {"ids": ids, "data": data}
        )

    def breaks(self) -> None:
        """End the connection without a word."""
        assert self.request.transport is not None
        self.request.transport.abort()

    def of(self, event: str) -> list[Frame]:
        """The frames of one event that came."""
        return [frame for frame in self.frames if frame[3] == event]


async def accept(peer: Peer, join: Frame) -> None:
    """Answer a join as a good server does."""
    await peer.binds(join)
    await peer.tells(join)


async def say_nothing(peer: Peer, join: Frame) -> None:
    """Answer a join not at all."""


def refuse(reason: str) -> Behaviour:
    """Answer a join with an error."""

    async def answer(peer: Peer, join: Frame) -> None:
        await peer.replies(join, {"reason": reason}, "error")

    return answer


class ScriptedServer:
    """What it does with the next handshakes and joins; what is not scripted goes well."""

    def __init__(self) -> None:
        self.url = ""
        self.peers: list[Peer] = []
        self.attempts: list[tuple[float, dict[str, str]]] = []
        self.handshakes: deque[int] = deque()
        self.joins: deque[Behaviour] = deque()
        self.heartbeats = True

    @property
    def open(self) -> list[Peer]:
        """The connections there are."""
        return [peer for peer in self.peers if not peer.socket.closed]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        now = asyncio.get_running_loop().time()
        self.attempts.append((now, dict(request.query)))
        if self.handshakes:
            return web.json_response({"error": "no"}, status=self.handshakes.popleft())
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        peer = Peer(socket, request)
        self.peers.append(peer)
        async for message in socket:
            assert message.type is WSMsgType.TEXT
            frame = json.loads(message.data)
            peer.frames.append(frame)
            await self._answer(peer, frame)
        return socket

    async def _answer(self, peer: Peer, frame: Frame) -> None:
        match frame[3]:
            case "phx_join":
                await (self.joins.popleft() if self.joins else accept)(peer, frame)
            case "heartbeat" if self.heartbeats:
                await peer.replies(frame, {})
            case "phx_leave":
                await peer.replies(frame, {})
                await peer.says(frame[0], frame[0], frame[2], "phx_close", {})


@asynccontextmanager
async def running_script() -> AsyncIterator[ScriptedServer]:
    """Serve a script on a free port."""
    server = ScriptedServer()
    app = web.Application()
    app.router.add_get("/realtime/v1/websocket", server.handle)
    async with serving(app, "127.0.0.1", 0) as port:
        server.url = f"http://127.0.0.1:{port}"
        yield server
