"""The requests that open a session or a WebSocket: what is granted, what is refused and how."""

from __future__ import annotations

import base64
import binascii
import hashlib
from enum import Enum
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web

from chatengine.packets.websocket import Deflate

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Refusal", "cors_headers", "is_upgrade", "refused", "upgrade_headers"]

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


class Refusal(Enum):
    """Why a request is refused; code and words are those of Node's engine.io."""

    UNKNOWN_TRANSPORT = (0, "Transport unknown")
    UNKNOWN_SID = (1, "Session ID unknown")
    BAD_HANDSHAKE_METHOD = (2, "Bad handshake method")
    BAD_REQUEST = (3, "Bad request")
    UNSUPPORTED_VERSION = (5, "Unsupported protocol version")


def refused(refusal: Refusal) -> web.Response:
    """400 with the refusal as JSON."""
    code, message = refusal.value
    return web.json_response({"code": code, "message": message}, status=400)


def is_upgrade(request: web.BaseRequest) -> bool:
    """Whether the client asks for a WebSocket (RFC 6455, 4.2.1)."""
    return (
        request.method == hdrs.METH_GET
        and _has_token(request.headers.get(hdrs.UPGRADE, ""), "websocket")
        and _has_token(request.headers.get(hdrs.CONNECTION, ""), "upgrade")
    )


def upgrade_headers(
    headers: Mapping[str, str], *, compression: bool
) -> tuple[dict[str, str], Deflate | None]:
    """The headers of the 101 answer (RFC 6455, 4.2.2), and the compression granted.

    Raises HTTPBadRequest or HTTPUpgradeRequired where the handshake is no valid one.
    """
    if headers.get(hdrs.SEC_WEBSOCKET_VERSION) != "13":
        raise web.HTTPUpgradeRequired(headers={hdrs.SEC_WEBSOCKET_VERSION: "13"})
    key = headers.get(hdrs.SEC_WEBSOCKET_KEY, "").strip()
    if not _is_key(key):
        raise web.HTTPBadRequest(text="Sec-WebSocket-Key is not 16 bytes in base64")
    digest = hashlib.sha1(key.encode("ascii") + _GUID, usedforsecurity=False).digest()
    answer: dict[str, str] = {
        hdrs.UPGRADE: "websocket",
        hdrs.CONNECTION: "Upgrade",
        hdrs.SEC_WEBSOCKET_ACCEPT: base64.b64encode(digest).decode("ascii"),
    }
    if not (compression and _offers_deflate(headers.get(hdrs.SEC_WEBSOCKET_EXTENSIONS, ""))):
        return answer, None
    answer[hdrs.SEC_WEBSOCKET_EXTENSIONS] = (
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    )
    return answer, Deflate()


def cors_headers(origin: str | None, allowed: tuple[str, ...]) -> dict[str, str]:
    """What lets a browser read the answer; nothing for an origin that is not allowed."""
    if origin is None or not ("*" in allowed or origin in allowed):
        return {}
    return {
        hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin,
        hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS: "true",
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, POST",
        hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Authorization, Content-Type",
        hdrs.VARY: hdrs.ORIGIN,
    }


def _has_token(header: str, token: str) -> bool:
    return token in (part.strip().lower() for part in header.split(","))


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _offers_deflate(extensions: str) -> bool:
    """Whether one of the offers can be granted as we answer it (RFC 7692, 7.1).

    An offer that limits the server's window would bind our compressor: that one is not taken up.
    """
    for offer in extensions.split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        asks_window = any(part.startswith("server_max_window_bits") for part in parameters)
        if name == "permessage-deflate" and not asks_window:
            return True
    return False
