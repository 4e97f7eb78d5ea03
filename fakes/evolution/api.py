"""Evolution API v2 as ChatEngine sees it: the sends, and what a health check asks."""

import asyncio
import os
import secrets
import socket
import struct
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from fakes.control import reply
from fakes.environment import Secret
from fakes.evolution.bodies import Account
from fakes.evolution.orders import BadOrder, Order, read_media, read_text
from fakes.evolution.plans import Failure
from fakes.evolution.provider import Provider

__all__ = ["evolution_app"]

_MOST_BYTES: Final = 16 * 1024 * 1024
_HANG_S: Final = 300.0
"""How long a send hangs that is never answered: longer than any client waits, yet an end."""

_KNOWN: Final = frozenset(HTTPStatus)


class _Refused(Exception):
    """A call that Evolution answers with an error."""

    def __init__(self, status: HTTPStatus, message: object) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


def evolution_app(provider: Provider, api_key: Secret) -> web.Application:
    """Return the provider's public HTTP interface."""
    api = _Api(provider, api_key)
    app = web.Application(middlewares=[_errors], client_max_size=_MOST_BYTES)
    app.router.add_get("/", api.welcome)
    app.router.add_get("/instance/connectionState/{instance}", api.connection_state)
    app.router.add_post("/message/sendText/{instance}", api.send_text)
    app.router.add_post("/message/sendMedia/{instance}", api.send_media)
    return app


class _Api:
    def __init__(self, provider: Provider, api_key: Secret) -> None:
        self._provider = provider
        self._api_key = api_key

    async def welcome(self, request: web.Request) -> web.Response:
        return reply(
            {
                "status": HTTPStatus.OK,
                "message": "Welcome to the Evolution API, it is working!",
                "version": "2.3.6",
                "clientName": "fake",
                "documentation": "https://doc.evolution-api.com",
            }
        )

    async def connection_state(self, request: web.Request) -> web.Response:
        account = self._account(request)
        state = self._provider.connections[account.instance]
        return reply({"instance": {"instanceName": account.instance, "state": state}})

    async def send_text(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, read_text)

    async def send_media(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, read_media)

    async def _send(
        self, request: web.Request, read: Callable[[dict[str, Any]], Order]
    ) -> web.StreamResponse:
        try:
            account = self._account(request)
            order = await self._order(request, account, read)
        except _Refused as refused:
            self._provider.refuse(refused.status)
            raise
        send, plan = self._provider.take(account, order)
        await self._provider.before_answer(send, order, plan)
        try:
            await asyncio.sleep(plan.answer_after_s)
            if plan.failure is not None:
                return await _fail(request, plan.failure)
            response = reply(self._provider.answer(send, order), HTTPStatus.CREATED)
            # Written out before the first step starts: what follows the answer must not race it.
            await response.prepare(request)
            await response.write_eof()
            return response
        finally:
            self._provider.after_answer(send, order, plan)

    def _account(self, request: web.Request) -> Account:
        """Judge instance and key, in Evolution's order: a stranger's instance is 404 first."""
        name = request.match_info["instance"]
        account = self._provider.accounts.get(name)
        if account is None:
            raise _Refused(HTTPStatus.NOT_FOUND, [f'The "{name}" instance does not exist'])
        given = request.headers.get("apikey", "").encode("utf-8", "surrogateescape")
        if not any(
            secrets.compare_digest(given, key.encode()) for key in (self._api_key, account.token)
        ):
            raise _Refused(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        return account

    async def _order(
        self, request: web.Request, account: Account, read: Callable[[dict[str, Any]], Order]
    ) -> Order:
        try:
            body = msgspec.json.decode(await request.read(), type=dict[str, Any])
            order = read(body)
        except BadOrder as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, error.message) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _Refused(HTTPStatus.BAD_REQUEST, ["the body is not a JSON object"]) from None
        if self._provider.connections[account.instance] != "open":
            raise _Refused(HTTPStatus.BAD_REQUEST, ["Error: Connection Closed"])
        return order


async def _fail(request: web.Request, failure: Failure) -> web.Response:
    if failure.kind == "status":
        return _error(failure.status, ["the send failed as planned"])
    if failure.kind == "reset":
        _reset(request)
    await asyncio.sleep(_HANG_S)  # the handler is cancelled once the client has gone
    return _error(HTTPStatus.GATEWAY_TIMEOUT, ["the send hung as planned"])


def _reset(request: web.Request) -> None:
    """Close the connection with a TCP RST instead of a FIN: linger on, for no time."""
    transport = request.transport
    if transport is None:
        return
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as copy:
        copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors in Evolution's shape."""
    try:
        return await handler(request)
    except _Refused as refused:
        return _error(refused.status, refused.message)
    except web.HTTPRequestEntityTooLarge:
        return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request entity too large")
    except web.HTTPException:
        return _error(HTTPStatus.NOT_FOUND, [f"Cannot {request.method} {request.path}"])


def _error(status: int, message: object) -> web.Response:
    phrase = HTTPStatus(status).phrase if status in _KNOWN else "Error"
    return reply({"status": status, "error": phrase, "response": {"message": message}}, status)
