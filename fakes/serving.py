"""Listening, ending on a signal, and the exit codes that go with both."""

import asyncio
import errno
import gc
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import uvloop
from aiohttp import web
from yarl import URL

from fakes.environment import SettingsError
from fakes.logs import log_json_lines

__all__ = [
    "EXIT_COULD_NOT_RUN",
    "EXIT_USAGE",
    "CouldNotListen",
    "listening_socket",
    "prepare_for_thousands",
    "raise_open_file_limit",
    "reachable_url",
    "run",
    "serving",
    "signalled",
]

EXIT_USAGE: Final = 2
EXIT_COULD_NOT_RUN: Final = 3

_BACKLOG: Final = 4096
"""Connections the kernel keeps until they are accepted: a herd of thousands arrives at once."""

_SHUTDOWN_S: Final = 1.0
"""How long requests under way may take when a server ends; what hangs on purpose is cut then."""

_MOST_FILES: Final = 1_048_576
"""Linux's own ceiling (`fs.nr_open`); some systems call their hard limit infinite."""

_WHY: Final = {
    errno.EADDRINUSE: "the port is taken",
    errno.EACCES: "not permitted",
    errno.EADDRNOTAVAIL: "not an address of this machine",
}


class CouldNotListen(Exception):
    """A port that cannot be had; its text is the sentence to show (exit code 3)."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(host, port, reason)
        self.host = host
        self.port = port
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot listen on {self.host}:{self.port}: {self.reason}"


def listening_socket(host: str, port: int) -> socket.socket:
    """Open a listening TCP socket, `port` 0 for a free one; raises `CouldNotListen`."""
    try:
        family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = _WHY.get(error.errno or 0, error.strerror or "unknown")
        raise CouldNotListen(host, port, reason) from None


def reachable_url(host: str, port: int) -> str:
    """Return the base URL that reaches a server bound to `host` from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return str(URL.build(scheme="http", host=host, port=port))


@asynccontextmanager
async def serving(
    app: web.Application, host: str, port: int, *, handler_cancellation: bool = False
) -> AsyncIterator[int]:
    """Serve `app` within the block; yields the port. Raises `CouldNotListen`.

    With `handler_cancellation` a handler ends with its client, wherever it stands; without it
    what a client has sent whole is handled whole.
    """
    listener = listening_socket(host, port)
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=_SHUTDOWN_S,
        handler_cancellation=handler_cancellation,
    )
    try:
        await runner.setup()
        await web.SockSite(runner, listener, backlog=_BACKLOG).start()
        yield listener.getsockname()[1]
    finally:
        await runner.cleanup()
        listener.close()


def raise_open_file_limit() -> int:
    """Raise the soft limit of open files as far as the hard one allows; returns the soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def prepare_for_thousands() -> None:
    """Make this process fit for thousands of sockets: open files, and a calm garbage collector.

    A look at every object took 60 to 100 ms with 2,000 sockets, in which nothing is delivered;
    young garbage is still collected, and the rest after 50 million objects.
    """
    raise_open_file_limit()
    gc.set_threshold(10_000, 50, 100)


@asynccontextmanager
async def signalled() -> AsyncIterator[asyncio.Event]:
    """Yield an event that SIGTERM or SIGINT sets, for as long as the block lasts."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    ends = (signal.SIGTERM, signal.SIGINT)
    for number in ends:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in ends:
            loop.remove_signal_handler(number)


def run(open_fake: Callable[[], AbstractAsyncContextManager[int]]) -> int:
    """Run a fake in the foreground until SIGTERM or SIGINT; returns the exit code.

    `open_fake` makes the context manager that serves and yields the port; once it has,
    `listening <port>` is printed (contract, section 10). A `SettingsError` is 2, a
    `CouldNotListen` 3, each with its sentence on stderr.
    """
    log_json_lines()
    prepare_for_thousands()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_signalled(open_fake))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    except CouldNotListen as error:
        print(error, file=sys.stderr)
        return EXIT_COULD_NOT_RUN
    return 0


async def _until_signalled(open_fake: Callable[[], AbstractAsyncContextManager[int]]) -> None:
    async with signalled() as stop, open_fake() as port:
        print(f"listening {port}", flush=True)
        await stop.wait()
