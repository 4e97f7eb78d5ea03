"""`python -m chatengine.client.adapter`: this client behind the adapter protocol.

One JSON object a line on stdin is asked, one on stdout answers, in order; logs go to stderr. The
protocol is read and written by the main thread, so that nothing it waits for holds up the client,
whose event loop has a thread of its own.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, BinaryIO, Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from chatengine.client.client import CrmClient
from chatengine.client.config import Timing, read_config
from chatengine.client.core.shapes import Connection, Counters
from chatengine.client.monitoring import Monitor
from chatengine.packets.errors import PacketError
from chatengine.packets.jsontext import decode_json

__all__ = ["Adapter", "Refusal", "main"]

PROTOCOL: Final = 1

_CAPABILITIES: Final = (
    "websocket",
    "supabase",
    "polling",
    "send",
    "typing",
    "reconfigure",
    "cache",
    "metrics",
)

_LONGEST_LINE: Final = 64 * 1024 * 1024
"""Bytes of a line that is read; none of the protocol's comes near."""

_EXIT_S: Final = 4.0
"""The process ends within 5 s of `exit`, and the interpreter takes a part of that."""

_UNHEARD: Final = 1
"""The exit code where nobody takes the answers."""

_log: Final = logging.getLogger(__name__)

T = TypeVar("T")


class Refusal(Exception):
    """A request that was not carried out: `unsupported`, `invalid` or `failed`, and why.

    `indefinite`: it may have been carried out all the same.
    """

    def __init__(
        self,
        code: Literal["unsupported", "invalid", "failed"],
        message: str,
        *,
        indefinite: bool = False,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.indefinite = indefinite

    def to_wire(self) -> dict[str, Any]:
        """The protocol's error object."""
        error = {"code": self.code, "message": self.message}
        return error | {"indefinite": True} if self.indefinite else error


class _Arguments(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a verb is asked with; unknown fields are ignored."""


class _Hello(_Arguments, frozen=True, kw_only=True):
    protocol: int


class _Configured(_Arguments, frozen=True, kw_only=True):
    config: Any


class _OfConversation(_Arguments, frozen=True, kw_only=True):
    conversation_id: str


class _Send(_Arguments, frozen=True, kw_only=True):
    conversation_id: str
    content: str
    client_message_id: str
    reply_to_message_id: str | None = None


class _Typing(_Arguments, frozen=True, kw_only=True):
    conversation_id: str
    is_typing: bool


class _Nothing(_Arguments, frozen=True, kw_only=True):
    pass


class Adapter:
    """Carries verbs out on one client after the other; every method runs on the client's loop."""

    def __init__(self) -> None:
        self._client: CrmClient | None = None
        self._snapshot = _before_start()
        self._verbs: dict[str, tuple[type[_Arguments], Callable[[Any], Awaitable[Any]]]] = {
            "hello": (_Hello, self._hello),
            "start": (_Configured, self._start),
            "configure": (_Configured, self._configure),
            "open": (_OfConversation, self._open),
            "close": (_OfConversation, self._close),
            "send": (_Send, self._send),
            "typing": (_Typing, self._typing),
            "snapshot": (_Nothing, self._take_snapshot),
            "stop": (_Nothing, self._stop),
            "exit": (_Nothing, self._exit),
        }

    async def carry_out(self, request: dict[str, Any]) -> Any:
        """Return the result of a request; raises `Refusal`."""
        verb = request.get("verb")
        if not isinstance(verb, str):
            raise Refusal("invalid", "verb is missing, or no text")
        if verb not in self._verbs:
            raise Refusal("unsupported", f"there is no verb {verb[:40]!r}")
        kind, method = self._verbs[verb]
        try:
            return await method(msgspec.convert(request, kind))
        except ValueError as error:  # msgspec's and ours are, for what cannot be read
            raise Refusal("invalid", str(error)) from None
        except Refusal:
            raise
        except Exception as error:
            _log.exception("the verb %s failed", verb)
            sentence = f"{verb} ended in {type(error).__name__}"
            raise Refusal("failed", sentence, indefinite=True) from error

    async def end(self) -> None:
        """Stop the client, if one runs."""
        client, self._client = self._client, None
        if client is not None:
            await client.stop()
            self._snapshot = client.snapshot()

    # the verbs

    async def _hello(self, arguments: _Hello) -> dict[str, Any]:
        if arguments.protocol != PROTOCOL:
            raise Refusal("unsupported", f"this adapter speaks protocol {PROTOCOL}")
        return {
            "name": "chatengine-client",
            "version": importlib.metadata.version("chatengine-harness"),
            "language": "python",
            "capabilities": _CAPABILITIES,
            "timing": Timing(),
        }

    async def _start(self, arguments: _Configured) -> dict[str, Any]:
        config = read_config(arguments.config)
        if self._client is not None:
            raise Refusal("failed", "the client is running")
        client = CrmClient(config)
        await client.start()
        self._client = client
        return {}

    async def _configure(self, arguments: _Configured) -> dict[str, Any]:
        config = read_config(arguments.config)
        await self._running().configure(config)
        return {}

    async def _open(self, arguments: _OfConversation) -> dict[str, Any]:
        self._running().open(arguments.conversation_id)
        return {}

    async def _close(self, arguments: _OfConversation) -> dict[str, Any]:
        self._running().close(arguments.conversation_id)
        return {}

    async def _send(self, arguments: _Send) -> dict[str, Any]:
        self._running().send(
            arguments.conversation_id,
            arguments.content,
            client_message_id=arguments.client_message_id,
            reply_to=arguments.reply_to_message_id,
        )
        return {}

    async def _typing(self, arguments: _Typing) -> dict[str, Any]:
        self._running().typing(arguments.conversation_id, arguments.is_typing)
        return {}

    async def _take_snapshot(self, _: _Nothing) -> dict[str, Any]:
        return self._snapshot if self._client is None else self._client.snapshot()

    async def _stop(self, _: _Nothing) -> dict[str, Any]:
        self._running()
        await self.end()
        return {}

    async def _exit(self, _: _Nothing) -> dict[str, Any]:
        return {}

    def _running(self) -> CrmClient:
        if self._client is None:
            raise Refusal("failed", "the client is not running: start comes first")
        return self._client


def _before_start() -> dict[str, Any]:
    return {
        "connection": Connection().to_snapshot(),
        "conversations": [],
        "messages": {},
        "typing": {},
        "counters": Counters().to_snapshot(),
        "metrics": Monitor(lambda _: None).to_snapshot(),
    }


class _LoopThread:
    """An event loop in a thread of its own, for as long as the block lasts."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="client", daemon=True)

    def __enter__(self) -> _LoopThread:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_EXIT_S)

    def run(self, work: Coroutine[Any, Any, T], within_s: float | None = None) -> T:
        """Return what `work` returns, and raise what it raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(within_s)

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.close()


def main() -> int:
    """Answer stdin until `exit`, its end, or stdout's; returns the exit code."""
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    if sys.stdin is None or sys.stdout is None:  # closed before we began
        _log.error("the adapter protocol needs stdin and stdout")
        return _UNHEARD
    requests, answers = sys.stdin.buffer, _protocol_alone()
    adapter = Adapter()
    with _LoopThread() as loop:
        code = _converse(requests, answers, lambda asked: loop.run(adapter.carry_out(asked)))
        try:
            loop.run(adapter.end(), _EXIT_S)
        except TimeoutError:
            _log.error("the client did not stop within %g s", _EXIT_S)
    return code


def _converse(
    requests: BinaryIO, answers: BinaryIO, carry_out: Callable[[dict[str, Any]], Any]
) -> int:
    """Answer line by line; returns the exit code."""
    for line in _lines(requests):
        answer, is_last = _answer(line, carry_out)
        try:
            answers.write(msgspec.json.encode(answer) + b"\n")
            answers.flush()
        except BrokenPipeError:
            _log.error("nobody takes the answers any more")
            os.dup2(os.open(os.devnull, os.O_WRONLY), answers.fileno())  # for what is buffered
            return _UNHEARD
        if is_last:
            break
    return 0


def _protocol_alone() -> BinaryIO:
    """Take stdout for the protocol; what anything else prints from now on goes to stderr."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    r"""Yield lines, which end at `\n` and nowhere else; one that is too long is cut short."""
    while line := stream.readline(_LONGEST_LINE):
        rest = line
        while len(rest) == _LONGEST_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(_LONGEST_LINE)
        yield line


def _answer(line: bytes, carry_out: Callable[[dict[str, Any]], Any]) -> tuple[dict[str, Any], bool]:
    """Return the answer to a line, and whether it is the last."""
    request: dict[str, Any] = {}
    try:
        request = _request(line)
        answer = {"id": request.get("id"), "ok": True, "result": carry_out(request)}
    except Refusal as refusal:
        return {"id": request.get("id"), "ok": False, "error": refusal.to_wire()}, False
    return answer, request["verb"] == "exit"


def _request(line: bytes) -> dict[str, Any]:
    try:
        request = decode_json(line.decode())
    except (PacketError, UnicodeDecodeError):
        raise Refusal("invalid", "the line is no JSON") from None
    if not isinstance(request, dict):
        raise Refusal("invalid", "the line is no JSON object")
    return request


if __name__ == "__main__":
    sys.exit(main())
