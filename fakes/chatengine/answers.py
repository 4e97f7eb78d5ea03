"""HTTP answers: JSON in and out, `{"error": text}` for whatever went wrong, CORS (section 4)."""

from collections.abc import Collection
from http import HTTPStatus
from typing import Any, Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from chatengine.events import SOCKET_PATH
from chatengine.packets.errors import PacketError
from chatengine.packets.jsontext import decode_json
from fakes.control import reply
from fakes.logs import Log

__all__ = ["SOCKET_PATHS", "Refusal", "cors", "json_errors", "read_json"]

_PREFLIGHT_S: Final = "600"
SOCKET_PATHS: Final = (SOCKET_PATH, f"{SOCKET_PATH}/")
"""Engine.IO answers in its own words, and minds CORS itself."""

_log = Log(__name__)


class Refusal(Exception):
    """A request that is answered with `status` and `{"error": message}`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


async def read_json(request: web.Request) -> Any:
    """Decode the body; raises `Refusal` (400) for what is no JSON in UTF-8."""
    body = await request.read()
    try:
        return decode_json(body.decode())
    except (PacketError, UnicodeDecodeError):
        raise Refusal(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None


@web.middleware
async def json_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors as JSON; one that nobody foresaw is logged and is 500."""
    if request.path in SOCKET_PATHS:
        return await handler(request)
    try:
        return await handler(request)
    except Refusal as refusal:
        response = reply({"error": refusal.message}, refusal.status)
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            response.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"  # RFC 9110, 15.5.2
        return response
    except web.RequestPayloadError:
        # No gzip under `Content-Encoding: gzip`, say. Left open, aiohttp would stumble over the
        # rest of that body, and over the next request on the connection.
        response = reply({"error": "the body cannot be read"}, HTTPStatus.BAD_REQUEST)
        response.force_close()
        await response.prepare(request)
        await response.write_eof()
        request.protocol.force_close()
        return response
    except web.HTTPException as error:
        response = reply({"error": error.reason}, error.status)
        if hdrs.ALLOW in error.headers:
            response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
        return response
    except Exception as error:
        _log.warning("request failed", path=request.path[:200], error=type(error).__name__)
        return reply({"error": "internal error"}, HTTPStatus.INTERNAL_SERVER_ERROR)


def cors(allowed: Collection[str]) -> Middleware:
    """Return the middleware that lets browsers on the `allowed` origins in; `*` means any."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or request.path in SOCKET_PATHS:
            return await handler(request)
        preflight = (
            request.method == hdrs.METH_OPTIONS
            and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        )
        response = web.Response(status=204) if preflight else await handler(request)
        response.headers[hdrs.VARY] = hdrs.ORIGIN
        if "*" in allowed or origin in allowed:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            if preflight:
                response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = "GET, POST, OPTIONS"
                response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = "Authorization, Content-Type"
                response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = _PREFLIGHT_S
        return response

    return middleware
