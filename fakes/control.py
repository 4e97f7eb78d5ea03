"""The control interface of a fake: what a test or a demo asks of it, on a port of its own.

Loopback only, and behind a bearer token of its own: nobody who can reach the fake's public port
can steer it. The token is written to a file only its owner can read, and is never logged.
"""

import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import ClientSession, hdrs, web
from aiohttp.typedefs import Handler
from msgspec import Struct

from fakes.environment import Environment, Secret, SettingsError
from fakes.logs import Log
from fakes.serving import serving

__all__ = [
    "ControlClient",
    "ControlDoor",
    "ControlError",
    "ControlSettings",
    "control_app",
    "control_server",
    "read_body",
    "reply",
]

_LOOPBACK: Final = "127.0.0.1"
_MOST_BYTES: Final = 16 * 1024 * 1024
"""A recording to be replayed comes in one body."""

_log: Final = Log(__name__)

T = TypeVar("T")


class ControlSettings(Struct, frozen=True):
    """Port (0: a free one), token (None: a fresh one) and its file (None: a fresh private one)."""

    port: int = 0
    token: Secret | None = None
    token_file: Path | None = None

    @classmethod
    def read(cls, environment: Environment) -> "ControlSettings":
        """Read `CONTROL_PORT`, `CONTROL_TOKEN`, `CONTROL_TOKEN_FILE`; raises `SettingsError`."""
        token = environment.optional("CONTROL_TOKEN")
        file = environment.optional("CONTROL_TOKEN_FILE")
        return cls(
            port=environment.port("CONTROL_PORT"),
            token=None if token is None else Secret(token),
            token_file=None if file is None else Path(file),
        )


class ControlDoor(Struct, frozen=True):
    """Where a running fake is controlled: base URL, the token, and the file that holds it."""

    url: str
    token: Secret
    token_file: Path


def control_app() -> web.Application:
    """Return an application to add the control routes to; `control_server` locks it."""
    return web.Application(middlewares=[_only_with_token], client_max_size=_MOST_BYTES)


@asynccontextmanager
async def control_server(
    app: web.Application, settings: ControlSettings
) -> AsyncIterator[ControlDoor]:
    """Serve a `control_app` on loopback within the block.

    Raises `CouldNotListen`, and `SettingsError` for a token file that cannot be made.
    """
    token = settings.token or Secret(secrets.token_urlsafe(32))
    app[_TOKEN] = token
    async with serving(app, _LOOPBACK, settings.port) as port:
        token_file = _write_token(token, settings.token_file)
        url = f"http://{_LOOPBACK}:{port}"
        _log.info("control ready", url=url, token_file=str(token_file))
        try:
            yield ControlDoor(url, token, token_file)
        finally:
            token_file.unlink(missing_ok=True)


_TOKEN: Final = web.AppKey("control_token", Secret)


def _write_token(token: Secret, path: Path | None) -> Path:
    if path is None:
        descriptor, name = tempfile.mkstemp(prefix="fake-control-", suffix=".token")
        path = Path(name)
    else:
        descriptor = _made_anew(path)
    with os.fdopen(descriptor, "w") as file:
        file.write(token)
    return path


def _made_anew(path: Path) -> int:
    """Open a file that only its owner can read; an older one, with its wider mode, goes."""
    try:
        path.unlink(missing_ok=True)
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise SettingsError(f"the token file {path} cannot be made: {error.strerror}") from None


@web.middleware
async def _only_with_token(request: web.Request, handler: Handler) -> web.StreamResponse:
    given = request.headers.get(hdrs.AUTHORIZATION, "").encode("utf-8", "surrogateescape")
    if not secrets.compare_digest(given, b"Bearer " + request.app[_TOKEN].encode()):
        return reply({"error": "no control token"}, HTTPStatus.UNAUTHORIZED)
    try:
        return await handler(request)
    except web.HTTPException as error:
        return reply({"error": error.text or error.reason}, error.status)


async def read_body(request: web.Request, kind: type[T]) -> T:
    """Decode a control call's JSON body; answers 400 with what is wrong (`web.HTTPBadRequest`)."""
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise web.HTTPBadRequest(text=str(error)) from None


def reply(body: object, status: int = HTTPStatus.OK) -> web.Response:
    """Answer with JSON; structs and their field names as msgspec writes them."""
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )


class ControlError(Exception):
    """A control call that was refused: its status and the fake's sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(status, sentence)
        self.status = status
        self.sentence = sentence

    def __str__(self) -> str:
        return f"{self.status}: {self.sentence}"


class ControlClient:
    """Calls a fake's control interface; `session` stays its owner's to close."""

    def __init__(self, session: ClientSession, door: ControlDoor) -> None:
        self._session = session
        self._door = door

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """Return the decoded answer of one call; raises `ControlError` for any but 2xx."""
        async with self._session.request(
            method,
            self._door.url + path,
            data=None if body is None else msgspec.json.encode(body),
            headers={hdrs.AUTHORIZATION: f"Bearer {self._door.token!s}"},
        ) as response:
            answer: Any = msgspec.json.decode(await response.read())
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise ControlError(response.status, answer["error"])
        return answer
