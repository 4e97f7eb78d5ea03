"""How the driver and the measured programs talk: one JSON object a line, on stdin and stdout.

    from a server    {"port": 40123, "key": ...}                                 once it listens
    to a bare server {"do": "publish", "room": ..., "message": {...}}            no answer
    to a whole fake  {"do": "write", "text": ...}                                no answer
    to a load        {"do": "connect", "users": 500, "at_once": 50}
    to a client      {"do": "open", "url": ..., "key": ..., "sockets": 1}
    their answer     {"seconds": 0.8, "run": 4711}                               all are subscribed
    to a receiver    {"do": "count"}
    its answer       {"events": 120000}                                          received so far
    to a client      {"do": "weigh"}
    its answer       {"bytes": 3600000}                                          over TCP, so far

A load gets the server's URL and the room to subscribe to as arguments. A program ends with its
stdin.
"""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Protocol

import msgspec
import psutil
from msgspec import Struct

__all__ = [
    "Client",
    "Command",
    "Connect",
    "Connected",
    "Count",
    "Counted",
    "Listening",
    "Open",
    "Publish",
    "Weigh",
    "Weighed",
    "Write",
    "answers",
    "commands",
    "decode_command",
    "obey",
]

_RECEIVED_AT: Final = slice(128, 136)
"""Where `tcpi_bytes_received` stands in Linux's `struct tcp_info` (linux/tcp.h)."""


class Publish(Struct, tag_field="do", tag="publish", frozen=True):
    """Emit `message` as a `message` event to everyone in `room`."""

    room: str
    message: dict[str, Any]


class Connect(Struct, tag_field="do", tag="connect", frozen=True):
    """Connect `users` sockets, `at_once` at a time; each subscribes."""

    users: int
    at_once: int


class Write(Struct, tag_field="do", tag="write", frozen=True):
    """Let a customer write `text`."""

    text: str


class Open(Struct, tag_field="do", tag="open", frozen=True):
    """Connect `sockets` clients, each of which opens the one conversation there is.

    `key` is what the server's `Listening` said. `compression`: offer permessage-deflate.
    """

    url: str
    key: str
    sockets: int = 1
    compression: bool = False


class Count(Struct, tag_field="do", tag="count", frozen=True):
    """Say how many events have come."""


class Weigh(Struct, tag_field="do", tag="weigh", frozen=True):
    """Say how many bytes have come."""


Command = Publish | Write | Connect | Open | Count | Weigh


class Listening(Struct, frozen=True):
    """A server is ready; `key` is what its clients need, a token's secret or an API key."""

    port: int
    key: str = ""

    @property
    def url(self) -> str:
        """Where."""
        return f"http://127.0.0.1:{self.port}"


class Connected(Struct, frozen=True):
    """All are subscribed, after `seconds`; `run` is the tag that stamps are expected to carry."""

    seconds: float
    run: int = 0


class Counted(Struct, frozen=True):
    """Events received since the start, over all sockets."""

    events: int


class Weighed(Struct, frozen=True):
    """Bytes that TCP handed over since the connections began, over those that are open."""

    bytes: int


decode_command: Callable[[bytes], Command] = msgspec.json.Decoder(Command).decode


def answers() -> Callable[[Struct], None]:
    """Claim stdout for answers; whatever else a program or a library prints goes to stderr."""
    channel = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def answer(value: Struct) -> None:
        os.write(channel, msgspec.json.encode(value) + b"\n")

    return answer


class Client(Protocol):
    """A measured client: `events` counts what it has received."""

    @property
    def events(self) -> int:
        """So far."""

    async def open(self, wanted: Open) -> None:
        """Return once what is written from now on will come."""


async def obey(client: Client) -> None:
    """In a client's program: do what stdin says until it ends."""
    answer = answers()
    async for command in commands():
        match command:
            case Open():
                began = time.perf_counter()
                await client.open(command)
                answer(Connected(time.perf_counter() - began))
            case Weigh():
                answer(Weighed(_bytes_received()))
            case _:
                answer(Counted(client.events))


def _bytes_received() -> int:
    total = 0
    for each in psutil.Process().net_connections("tcp"):
        with socket.socket(fileno=os.dup(each.fd)) as tcp:
            info = tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED_AT.stop)
            total += int.from_bytes(info[_RECEIVED_AT], sys.byteorder)
    return total


async def commands() -> AsyncIterator[Command]:
    """In a program on asyncio: the commands, until stdin ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield decode_command(line)
