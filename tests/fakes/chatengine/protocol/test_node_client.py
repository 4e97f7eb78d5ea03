"""Node's official socket.io-client, on each of its transports."""

import asyncio
from typing import Any

import pytest

from fakes.chatengine.realtime import RealtimeServer
from tests.fakes.chatengine.protocol.wire import realtime_server, until
from tests.node_peers import RunNode


def _prepare(server: RealtimeServer, reasons: list[str]) -> None:
    """The handlers that `tests/node/client.mjs` talks to."""

    async def connect(sid: str, environ: object, auth: Any) -> None:
        await server.save_session(sid, {"auth": auth})
        server.start_background_task(count, sid)

    async def count(sid: str) -> None:
        """Number after number, while the client upgrades its transport."""
        for number in range(200):
            await server.emit("number", number, room=sid)
            await asyncio.sleep(0.001)

    async def ask(sid: str, data: bytes) -> Any:
        return (await server.call("question", data, to=sid),)

    async def auth(sid: str) -> Any:
        return (await server.get_session(sid))["auth"]

    async def cut(sid: str) -> None:
        server.cut(server.connection_of(sid).id)

    server.on("connect", connect)
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    server.on("auth", auth)
    server.on("ask me", ask)
    server.on("cut me", cut)
    server.on("kick me", server.disconnect)
    server.on("echo", lambda sid, *arguments: [*arguments])
    server.on("echo", lambda sid, *arguments: [*arguments], namespace="/custom")


@pytest.mark.parametrize(
    ("transports", "first", "last"),
    [
        ("websocket", "websocket", "websocket"),
        ("polling", "polling", "polling"),
        ("polling,websocket", "polling", "websocket"),
    ],
)
async def test_the_official_client_is_at_home(
    node: RunNode, transports: str, first: str, last: str
) -> None:
    """Auth, acks, binary, namespaces, order across the upgrade, and every way to part."""
    async with realtime_server() as (client, server):
        reasons: list[str] = []
        _prepare(server, reasons)
        url = client.url.removesuffix("/api/ws/")
        seen = await node("client.mjs", url, "/api/ws", transports)
        await until(lambda: len(reasons) == 3)
        await until(lambda: not server.connections())
    assert seen == {
        "first": first,
        "last": last,
        "auth": {"token": "secret"},
        "echo": [True, "010203", "text €"],
        "asked": ["answer to 010203", {"type": "Buffer", "data": [1, 2, 3]}],
        "numbers": list(range(200)),
        "custom": ["custom"],
        "random": "Invalid namespace",
        "cut": "transport close" if last == "websocket" else "transport error",
        "reconnected": True,
        "kicked": "io server disconnect",
        "left": True,
    }
    assert reasons == ["transport error", "server disconnect", "client disconnect"]
