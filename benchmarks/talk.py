"""How the driver and the measured programs talk: one JSON object a line, on stdin and stdout.

    to a server      {"do": "publish", "room": ..., "message": {...}}            no answer
    from a server    {"port": 40123}                                             once it listens
    to a receiver    {"do": "connect", "users": 500, "at_once": 50}
    its answer       {"seconds": 0.8, "run": 4711}                               all are subscribed
    to a receiver    {"do": "count"}
    its answer       {"events": 120000}                                          received so far

A receiver gets the server's URL and the room to subscribe to as arguments. A program ends with its
stdin.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from msgspec import Struct

__all__ = [
    "Command",
    "Connect",
    "Connected",
    "Count",
    "Counted",
    "Listening",
    "Publish",
    "answers",
    "commands",
    "decode_command",
]


class Publish(Struct, tag_field="do", tag="publish", frozen=True):
    """Emit `message` as a `message` event to everyone in `room`."""

    room: str
    message: dict[str, Any]


class Connect(Struct, tag_field="do", tag="connect", frozen=True):
    """Connect `users` sockets, `at_once` at a time; each subscribes."""

    users: int
    at_once: int


class Count(Struct, tag_field="do", tag="count", frozen=True):
    """Say how many `message` events have come."""


Command = Publish | Connect | Count


class Listening(Struct, frozen=True):
    """A server is ready."""

    port: int


class Connected(Struct, frozen=True):
    """All are subscribed, after `seconds`; `run` is the tag that stamps are expected to carry."""

    seconds: float
    run: int = 0


class Counted(Struct, frozen=True):
    """Events received since the start, over all sockets."""

    events: int


decode_command: Callable[[bytes], Command] = msgspec.json.Decoder(Command).decode


def answers() -> Callable[[Struct], None]:
    """Claim stdout for answers; whatever else a program or a library prints goes to stderr."""
    channel = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def answer(value: Struct) -> None:
        os.write(channel, msgspec.json.encode(value) + b"\n")

    return answer


async def commands() -> AsyncIterator[Command]:
    """In a program on asyncio: the commands, until stdin ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield decode_command(line)
