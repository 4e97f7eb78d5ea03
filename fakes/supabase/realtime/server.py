"""The handshake: who may open a WebSocket, and how everybody else is refused (over HTTP)."""

import asyncio
from http import HTTPStatus
from typing import Final

from aiohttp import web

from fakes.control import reply
from fakes.supabase.faults import HandshakeRefused
from fakes.supabase.keys import Claims, TokenProblem
from fakes.supabase.realtime import words
from fakes.supabase.realtime.frames import negotiate
from fakes.supabase.realtime.hub import Hub
from fakes.supabase.realtime.socket import Socket

__all__ = ["SOCKET_PATH", "add_realtime"]

SOCKET_PATH: Final = "/realtime/v1/websocket"

_CLOSE_S: Final = 2.0
"""How long a client may take to answer a close."""


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


def add_realtime(app: web.Application, hub: Hub) -> None:
    """Serve the project's WebSocket."""

    async def websocket(request: web.Request) -> web.StreamResponse:
        fault = hub.faults.take(HandshakeRefused)
        if fault is not None:
            return reply({"error": fault.message}, fault.status)
        version = negotiate(request.query.get("vsn"))
        if version is None:
            return reply({"error": "unknown vsn"}, HTTPStatus.FORBIDDEN)
        token = request.headers.get("x-api-key") or request.query.get("apikey")
        try:
            claims = _admit(hub, token)
        except _Refused as refused:
            await asyncio.sleep(hub.timing.refused_handshake_ms / 1000)
            return reply({"error": refused.message}, refused.status)
        ws = web.WebSocketResponse(
            timeout=_CLOSE_S, autoping=False, compress=False, max_msg_size=hub.limits.frame
        )
        if not ws.can_prepare(request).ok:
            return reply({"error": "not a WebSocket handshake"}, HTTPStatus.BAD_REQUEST)
        await ws.prepare(request)
        await Socket(hub, ws, request.transport, version, token or "", claims).run()
        return ws

    app.router.add_get(SOCKET_PATH, websocket)


def _admit(hub: Hub, token: str | None) -> Claims:
    if token is None:
        raise _Refused(HTTPStatus.UNAUTHORIZED, "API key is missing")
    try:
        claims = hub.verify(token)
    except TokenProblem as problem:
        raise _Refused(*words.at_handshake(problem)) from None
    if hub.full:
        raise _Refused(HTTPStatus.TOO_MANY_REQUESTS, "Too many connected users")
    if hub.joins.spent:
        raise _Refused(HTTPStatus.TOO_MANY_REQUESTS, "Too many joins per second")
    return claims
