"""The Engine.IO server: routes, sessions by id, and the part of an API that python-socketio needs.

It stands where python-socketio puts `engineio.AsyncServer` (`_engineio_server_class()`), with one
difference: the handlers given to `on` are plain functions, called in the order of the wire.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import hdrs, web

from fakes.chatengine.engineio.handshake import (
    Refusal,
    cors_headers,
    is_upgrade,
    refused,
    upgrade_headers,
)
from fakes.chatengine.engineio.polling import OverlapError, PollingTransport
from fakes.chatengine.engineio.session import Reason, Session
from fakes.chatengine.engineio.websocket import WebSocketTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from aiohttp.http import WebSocketReader

    from fakes.chatengine.engineio.settings import EngineSettings

__all__ = ["EngineServer"]

log = logging.getLogger(__name__)

POLL_CHECK_S: Final = 0.1
"""How often waiting polls are checked for a client that gave up: aiohttp does not say so itself
unless its runner cancels every handler, and the webhook must not be cancelled half-way."""


class EngineServer:
    """Sessions of one path. `async_handlers` is what python-socketio passes; it changes nothing."""

    async_mode = "aiohttp"

    def __init__(self, *, settings: EngineSettings, async_handlers: bool = False) -> None:
        self.settings = settings
        self.sessions: dict[str, Session] = {}
        self._handlers: dict[str, Callable[..., None]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._poll_check: asyncio.TimerHandle | None = None
        self._polled: set[PollingTransport] = set()

    # what python-socketio uses

    def on(self, event: str, handler: Callable[..., None]) -> None:
        """Set the handler of `connect`, `message` or `disconnect`.

        They are called with the session's id and the environ, the data or the reason.
        """
        self._handlers[event] = handler

    def attach(self, app: web.Application, path: str | None = None) -> None:
        """Serve the path, with and without the slash that socket.io-client appends."""
        path = (path or self.settings.path).rstrip("/")
        for route in (path, f"{path}/"):
            app.router.add_route("*", route, self.handle_request)

    def transport(self, sid: str) -> str:
        """The name of a session's transport; KeyError for an unknown session."""
        return self.sessions[sid].transport.name

    def generate_id(self) -> str:
        """20 characters that nobody can guess, as Node's base64id makes them."""
        return secrets.token_urlsafe(15)

    def create_event(self) -> asyncio.Event:
        """What `AsyncServer.call` waits on."""
        return asyncio.Event()

    def start_background_task(
        self, target: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any
    ) -> asyncio.Task[Any]:
        """Run a coroutine function in a task that is kept until it ends; its failure is logged."""
        task = asyncio.get_running_loop().create_task(target(*args, **kwargs))
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)
        return task

    async def sleep(self, seconds: float = 0) -> None:
        """Sleep."""
        await asyncio.sleep(seconds)

    async def shutdown(self) -> None:
        """Close every session, then wait for the handlers that this set to work."""
        for session in list(self.sessions.values()):
            session.end(Reason.SERVER)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.settings.close_grace_ms / 1000)
        for task in list(self._tasks):
            task.cancel()

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a background task failed", exc_info=error)

    @property
    def waiting_polls(self) -> int:
        """How many polls are under way."""
        return len(self._polled)

    # requests

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """Answer any request to the path, in the order of checks that Node's engine.io has."""
        cors = cors_headers(request.headers.get(hdrs.ORIGIN), self.settings.cors_allowed_origins)
        if request.method == hdrs.METH_OPTIONS:
            return web.Response(status=204, headers=cors)
        try:
            response = await self._answer(request)
        except ConnectionError:
            return refused(Refusal.BAD_REQUEST)  # nobody reads it: the client is gone
        if not response.prepared:
            response.headers.update(cors)
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        query, upgrade = request.query, is_upgrade(request)
        transport, sid = query.get("transport"), query.get("sid")
        if transport not in self.settings.transports:
            return refused(Refusal.UNKNOWN_TRANSPORT)
        if upgrade and transport != "websocket":
            return refused(Refusal.BAD_REQUEST)
        if sid:
            return await self._answer_session(request, sid, upgrade)
        if request.method != hdrs.METH_GET:
            return refused(Refusal.BAD_HANDSHAKE_METHOD)
        if transport == "websocket" and not upgrade:
            return refused(Refusal.BAD_REQUEST)
        if query.get("EIO") != "4":
            return refused(Refusal.UNSUPPORTED_VERSION)
        if upgrade:
            return await self._run_websocket(request, None)
        return await self._open_polling(request)

    async def _answer_session(
        self, request: web.Request, sid: str, upgrade: bool
    ) -> web.StreamResponse:
        session = self.sessions.get(sid)
        if session is None:
            return refused(Refusal.UNKNOWN_SID)
        if upgrade:
            return await self._run_websocket(request, session)
        transport = session.transport
        if not isinstance(transport, PollingTransport) or request.query["transport"] != "polling":
            return refused(Refusal.BAD_REQUEST)
        if request.method == hdrs.METH_GET:
            return await self._poll(request, transport)
        if request.method == hdrs.METH_POST:
            return await self._post(request, session, transport)
        return refused(Refusal.BAD_REQUEST)

    # polling

    async def _open_polling(self, request: web.Request) -> web.StreamResponse:
        _wire(request)  # no session for a client that is gone
        session = self._new_session()
        transport = PollingTransport(session, self.settings.max_write_buffer)
        session.open(transport)
        self._handlers["connect"](session.sid, _environ(request))
        return await self._poll(request, transport)

    async def _poll(self, request: web.Request, transport: PollingTransport) -> web.StreamResponse:
        self._watch(transport)
        try:
            payload = await transport.poll(_wire(request))
        except OverlapError:
            return refused(Refusal.BAD_REQUEST)
        finally:
            self._polled.discard(transport)
        return _polling_answer(payload, "text/plain")

    async def _post(
        self, request: web.Request, session: Session, transport: PollingTransport
    ) -> web.StreamResponse:
        if request.headers.get(hdrs.CONTENT_TYPE) == "application/octet-stream":
            session.lost(transport, Reason.TRANSPORT_ERROR)  # that was revision 3
            return refused(Refusal.BAD_REQUEST)
        try:
            with transport.posting():
                body = await self._read(request)
                if body is None:
                    return web.Response(status=413)
                if session.transport is not transport or not await transport.take_post(body):
                    return refused(Refusal.BAD_REQUEST)
        except (OverlapError, ConnectionError, TimeoutError, web.RequestPayloadError):
            session.lost(transport, Reason.TRANSPORT_ERROR)
            return refused(Refusal.BAD_REQUEST)
        return _polling_answer("ok", "text/html")

    async def _read(self, request: web.Request) -> bytes | None:
        """The body, or None as soon as it is too large; TimeoutError if it takes a heartbeat."""
        limit = self.settings.max_payload
        if (request.content_length or 0) > limit:
            return None
        heartbeat_s = (self.settings.ping_interval_ms + self.settings.ping_timeout_ms) / 1000
        body = bytearray()
        async with asyncio.timeout(heartbeat_s):
            while chunk := await request.content.readany():
                body += chunk
                if len(body) > limit:
                    return None
        return bytes(body)

    def _watch(self, transport: PollingTransport) -> None:
        self._polled.add(transport)
        if self._poll_check is None:
            loop = asyncio.get_running_loop()
            self._poll_check = loop.call_later(POLL_CHECK_S, self._check_polls)

    def _check_polls(self) -> None:
        self._poll_check = None
        for transport in list(self._polled):
            transport.check_poll()
            self._watch(transport)

    # WebSocket

    async def _run_websocket(
        self, request: web.Request, upgrading: Session | None
    ) -> web.StreamResponse:
        """Accept the WebSocket, then wait until its connection is lost."""
        headers, deflate = upgrade_headers(request.headers, compression=self.settings.compression)
        response = web.StreamResponse(status=101, headers=headers)
        response.force_close()
        await response.prepare(request)
        wire = _wire(request)
        session = upgrading or self._new_session()
        transport = WebSocketTransport(session, wire, self.settings, deflate)
        if upgrading is None:
            session.open(transport)
            self._handlers["connect"](session.sid, _environ(request))
        elif not session.probe(transport):
            transport.close()
        # aiohttp's own WebSocketResponse takes a connection over in the same way.
        request.protocol.set_parser(cast("WebSocketReader", transport))
        await transport.lost
        return response

    # sessions

    def _new_session(self) -> Session:
        session = Session(
            self.generate_id(),
            self.settings,
            asyncio.get_running_loop(),
            on_message=lambda session, data: self._handlers["message"](session.sid, data),
            on_close=lambda session, reason: self._handlers["disconnect"](session.sid, reason),
            on_gone=self._forget,
        )
        self.sessions[session.sid] = session
        return session

    def _forget(self, session: Session) -> None:
        del self.sessions[session.sid]


def _wire(request: web.BaseRequest) -> asyncio.Transport:
    """The request's TCP connection; ConnectionError if the client is gone."""
    if request.transport is None:
        raise ConnectionResetError
    return request.transport


def _polling_answer(text: str, content_type: str) -> web.Response:
    return web.Response(
        text=text, content_type=content_type, headers={hdrs.CACHE_CONTROL: "no-store"}
    )


def _environ(request: web.BaseRequest) -> Mapping[str, str]:
    """The request as CGI describes one, which is how python-socketio's handlers know it."""
    environ = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query_string,
        "REMOTE_ADDR": request.remote or "",
    }
    for name, value in request.headers.items():
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return environ
