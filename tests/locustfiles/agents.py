"""Sockets of the engine against a server, and waiting for them greenlet-friendly."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Final, TypeVar

import gevent

from locustfiles.engine.accounting import Tally
from locustfiles.engine.connection import websocket_url
from locustfiles.engine.schedule import Schedule, Stream
from locustfiles.engine.sockets import Socket, Target
from locustfiles.engine.stamps import Stamp

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from locustfiles.engine.thread import Engine
    from tests.locustfiles.broken_server import BrokenServer

__all__ = ["CONVERSATION", "RUN", "STREAM", "agent", "joined", "stamped", "tally", "until"]

T = TypeVar("T")

CONVERSATION: Final = "5500000000001@s.whatsapp.net"
RUN: Final = 7
STREAM: Final = 5
_LOOK_EVERY_S: Final = 0.005


def until(look: Callable[[], T], *, within_s: float = 10.0) -> T:
    """Return the first truthy value of `look()`, letting gevent run; fails after `within_s`."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing within {within_s} s"
        gevent.sleep(_LOOK_EVERY_S)
    return found


def agent(
    engine: Engine,
    server: BrokenServer,
    *,
    timeout_s: float = 5.0,
    tls: ssl.SSLContext | None = None,
) -> Socket:
    """An agent's socket that is not connected yet; each attempt carries a token of its own."""
    tokens = (f"token-{n}" for n in itertools.count())
    url = websocket_url(server.url, "/api/ws")
    target = Target(url, "w-1", lambda: next(tokens), timeout_s, tls)
    return Socket(engine, target, RUN)


def joined(engine: Engine, server: BrokenServer) -> Socket:
    """An agent's socket, connected and subscribed to `CONVERSATION`."""
    socket = agent(engine, server)
    engine.run(socket.connect)
    engine.run(lambda: socket.subscribe(CONVERSATION))
    return socket


def stamped(engine: Engine, sequence: int, *, behind: int = 0, run: int = RUN) -> str:
    """The provider id of a message of `STREAM`, meant for this moment."""
    return Stamp(run, STREAM, sequence, engine.clock.now_us(), 0, behind).provider_id()


def tally(
    engine: Engine,
    socket: Socket,
    count: int,
    *,
    start_us: int,
    interval_us: float,
    unaccepted: Sequence[int] = (),
    settle_us: int = 0,
) -> Tally:
    """What a stream of `count` messages owed the socket, and what became of it."""
    schedule = Schedule(start_us, interval_us)
    stream = Stream(STREAM, CONVERSATION, schedule, count, tuple(unaccepted))
    return engine.call(lambda: socket.tally({CONVERSATION: [stream]}, settle_us))
