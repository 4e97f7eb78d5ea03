"""The ChatEngine server under test: at a URL, or a command that the harness starts itself.

A command gets its settings from the environment, says `listening <port>` when it is ready, and
ends on SIGTERM (contract, section 10).
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shlex
import signal
import socket
import sys
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout

from chatengine.events import SOCKET_PATH
from conformance.outcomes import CouldNotRun, TargetGone
from conformance.targets.logs import telling
from conformance.targets.variables import inherited

if TYPE_CHECKING:
    from fakes.chatengine.settings import ChatEngineSettings

__all__ = ["OWN_FAKE", "ServerAtUrl", "ServerCommand", "ServerUnderTest", "environment_of"]

OWN_FAKE: Final = (sys.executable, "-P", "-m", "fakes.chatengine")
"""The project's own server, which is tried where no other is named."""

_ITS_SETTINGS: Final = ("CHATENGINE_", "EVOLUTION_", "SUPABASE_", "PING_", "CONTROL_")
"""What a server would take for settings: of the harness's environment they are none of its."""

_START_S: Final = 30.0
"""From the start of a command to `listening`: a cold interpreter on a busy two-core machine takes
3 s, `npm start` twice that."""

_END_S: Final = 5.0
"""From SIGTERM to the end; the contract names no figure, and nothing is judged by it."""

_ANSWER_S: Final = 5.0
"""For an answer to `/api/health`, of a server that has just been made to swallow all sorts."""

_SETTLE_S: Final = 0.5
"""From a connection that broke to the news that the process behind it ended."""

_STARTS: Final = 3
"""A port that was free may be taken by the time a server listens on it."""

_PORTS: Final = range(20_000, 32_000)
"""Below those that systems give to outgoing connections, which would come in between."""

_LISTENING: Final = re.compile(rb"\s*listening (\d{1,5})\s*")
_KEPT_LINES: Final = 20
_LONGEST_LINE: Final = 1024 * 1024
_QUOTED: Final = 200


def environment_of(settings: ChatEngineSettings) -> dict[str, str]:
    """The environment that tells a server its settings (contract, section 10), its port apart."""
    told = {
        "HOST": settings.host,
        "CHATENGINE_JWT_SECRET": str(settings.secret),
        "CHATENGINE_JWT_ISSUER": settings.issuer,
        "CHATENGINE_JWT_AUDIENCE": settings.audience,
        "INSTANCES": msgspec.json.encode(settings.instances).decode(),
        "EVOLUTION_API_URL": settings.provider.url,
        "EVOLUTION_API_KEY": str(settings.provider.api_key),
        "CORS_ALLOWED_ORIGINS": ",".join(settings.cors_allowed_origins),
        "PING_INTERVAL": str(settings.ping_interval_ms),
        "PING_TIMEOUT": str(settings.ping_timeout_ms),
        "MAX_PAYLOAD": str(settings.max_payload),
        "MESSAGE_SCOPE": settings.message_scope,
    }
    return {name: value for name, value in told.items() if value is not None}


class ServerUnderTest:
    """A server that is there: where, and what it was told (`settings`)."""

    can_restart = False

    def __init__(self, settings: ChatEngineSettings, url: str) -> None:
        self.settings = settings
        self.url = url
        self._is_known = False

    @property
    def ending(self) -> str | None:
        """How it ended, as the end of a sentence; None while it runs, and where nobody knows."""
        return None

    async def problem(self, http: ClientSession, *, within_s: float = _ANSWER_S) -> str | None:
        """Say what keeps it from answering, as the end of a sentence; None where it answers."""
        if self.ending is not None:
            return self.ending
        timeout = ClientTimeout(total=within_s)
        try:
            async with http.get(f"{self.url}/api/health", timeout=timeout) as response:
                await response.read()
        except TimeoutError:
            return f"it did not answer within {within_s:g} s"
        except (ClientError, OSError) as error:
            await self._settle()  # if it has just ended, that tells more
            return self.ending or f"it cannot be reached ({_reason(error)})"
        return None

    async def check(self, http: ClientSession) -> None:
        """Look whether a ChatEngine is there; raises `TargetGone`, with one sentence."""
        within_s = _ANSWER_S if self._is_known else _START_S  # some load what they are when asked
        if (problem := await self.problem(http, within_s=within_s)) is not None:
            raise TargetGone(f"The server {self._name} cannot be tried: {problem}.")
        if self._is_known:
            return
        handshake = f"{SOCKET_PATH}/?EIO=4&transport=polling"
        if all([await self._is_page(http, path) for path in ("/api/health", handshake)]):
            raise TargetGone(f"The server {self._name} answers HTML: that is no ChatEngine.")
        self._is_known = True

    async def _is_page(self, http: ClientSession, path: str) -> bool:
        try:
            async with http.get(self.url + path, timeout=ClientTimeout(total=_ANSWER_S)) as answer:
                return answer.content_type == "text/html"
        except (ClientError, OSError, TimeoutError):
            return False

    async def _settle(self) -> None:
        """Wait for an end that is on its way."""

    @property
    def _name(self) -> str:
        """What to call it behind "the server"."""
        return f"at {self.url}"


class ServerAtUrl(ServerUnderTest):
    """A server that somebody else has started and configured: it cannot be stopped."""


class ServerCommand(ServerUnderTest):
    """A server that the harness starts, stops, kills and starts again, on one port."""

    can_restart = True

    def __init__(self, command: tuple[str, ...], settings: ChatEngineSettings) -> None:
        super().__init__(settings, "")
        self._command = command
        self._port: int | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._words: deque[bytes] = deque(maxlen=_KEPT_LINES)
        self._listening: asyncio.Future[int] = asyncio.Future()

    @property
    def ending(self) -> str | None:
        """How its process ended, and its last words."""
        code = None if self._process is None else self._process.returncode
        if code is None:
            return None
        how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        return f"it ended with {how}{self._last_words()}"

    async def start(self) -> None:
        """Start it and wait until it listens; raises `TargetGone`, with one sentence."""
        for left in reversed(range(_STARTS)):
            port = self._port or _free_port()
            await self._launch(port)
            if await self._is_listening():
                self._port = self._listening.result()
                self.url = f"http://{self.settings.host}:{self._port}"
                return
            ending = self.ending or f"it did not say `listening` within {_START_S:g} s"
            still = self.ending is None
            await self.kill()
            if still or not left:
                break
        raise TargetGone(f"The server {self._name} cannot be started: {ending}.")

    async def stop(self) -> None:
        """End it by SIGTERM, or by force where it does not heed that."""
        if self._process is not None and self._process.returncode is None:
            self._signal(signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(_END_S):
                    await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """End it and whatever it started, without a word."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        await self._process.wait()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    async def restart(self) -> None:
        """Kill it, as a failing machine does, and start it again on the same port."""
        await self.kill()
        await self.start()

    async def _settle(self) -> None:
        if self._process is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _SETTLE_S)

    @property
    def _name(self) -> str:
        return f"`{shlex.join(self._command)}`"

    async def _launch(self, port: int) -> None:
        environment = inherited(without=_ITS_SETTINGS) | environment_of(self.settings)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=environment | {"PORT": str(port)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=_LONGEST_LINE,
                start_new_session=True,  # so that what it starts ends with it
            )
        except OSError as error:
            raise TargetGone(
                f"The server {self._name} cannot be started: {error.strerror}."
            ) from None
        self._listening = asyncio.get_running_loop().create_future()
        self._words.clear()
        self._readers = [
            asyncio.create_task(self._read(self._process.stdout)),
            asyncio.create_task(self._read(self._process.stderr, logs=True)),
        ]

    async def _is_listening(self) -> bool:
        assert self._process is not None
        end = asyncio.create_task(self._process.wait())
        try:
            await asyncio.wait(
                (end, self._listening), timeout=_START_S, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            end.cancel()
        if self._process.returncode is not None:
            with suppress(TimeoutError):  # its last words are on their way
                await asyncio.wait_for(asyncio.gather(*self._readers), _SETTLE_S)
        return self._listening.done() and self._process.returncode is None

    async def _read(self, stream: asyncio.StreamReader | None, *, logs: bool = False) -> None:
        """Read to the end, so that nothing it writes can hold it up."""
        assert stream is not None
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # a line longer than the limit: asyncio has dropped it
                continue
            if not line:
                return
            found = _LISTENING.fullmatch(line)
            if found and not logs and not self._listening.done():
                self._listening.set_result(int(found[1]))
            elif logs and line.strip():
                self._words.append(line)

    def _last_words(self) -> str:
        """The line on stderr that tells most, if it left one, made harmless."""
        if not self._words:
            return ""
        words = telling(list(self._words)).decode(errors="replace").strip()
        return f"; its last words: {words[:_QUOTED]!r}"

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError, PermissionError):  # all of its group are gone
            os.killpg(self._process.pid, number)


def _free_port() -> int:
    for _ in range(100):
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise CouldNotRun(f"No port between {_PORTS.start} and {_PORTS.stop} is free.")


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)[:_QUOTED]
