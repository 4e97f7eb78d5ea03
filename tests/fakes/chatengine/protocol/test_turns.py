"""A flood of one peer is taken in turns with everybody else's work, whole and in order."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from chatengine.packets.websocket import Opcode, frame_of
from fakes.chatengine.faults import Faults
from fakes.chatengine.publisher import Publisher
from fakes.chatengine.realtime import RealtimeServer
from tests.fakes.chatengine.protocol.wire import Client, echo_server, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fakes.chatengine.engineio.server import EngineServer

FLOOD = [str(number) for number in range(20_000)]


class Rounds:
    """Counts the rounds of the event loop: in each, everybody who is ready gets a turn."""

    def __init__(self) -> None:
        self.now = 0

    async def count(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.now += 1


@asynccontextmanager
async def counted() -> AsyncIterator[Rounds]:
    """Count rounds for as long as the block lasts."""
    rounds = Rounds()
    counting = asyncio.create_task(rounds.count())
    try:
        yield rounds
    finally:
        counting.cancel()


def kept(engine: EngineServer, rounds: Rounds) -> list[tuple[str | bytes, int]]:
    """What the server receives from now on, and in which round."""
    received: list[tuple[str | bytes, int]] = []
    engine.on("message", lambda sid, data: received.append((data, rounds.now)))
    return received


async def test_frames_are_taken_in_turns() -> None:
    """However many frames a read brings, a round has few of them: the end of one read and what
    the next one begins with, at most a hundred each.
    """
    async with echo_server() as (client, engine, reasons), counted() as rounds:
        received = kept(engine, rounds)
        async with client.raw_websocket() as socket:
            frames = [frame_of(Opcode.TEXT, f"4{each}".encode(), os.urandom(4)) for each in FLOOD]
            close = frame_of(Opcode.CLOSE, b"", os.urandom(4))
            socket.writer.write(b"".join([*frames, close]))
            await until(lambda: bool(reasons))
    assert [data for data, _ in received] == FLOOD
    assert max(Counter(at for _, at in received).values()) <= 200
    assert reasons == ["transport close"]


async def test_a_post_is_taken_in_turns() -> None:
    """A POST of 20,000 packets takes more than one round, and is answered when it is taken."""
    async with echo_server() as (client, engine, _), counted() as rounds:
        received = kept(engine, rounds)
        sid = await client.open_polling()
        body = "\x1e".join(f"4{each}" for each in FLOOD)
        assert await client.post(sid, body) == (200, "ok")
    assert [data for data, _ in received] == FLOOD
    assert len({at for _, at in received}) > 1


async def test_events_go_out_in_turns(realtime: tuple[Client, RealtimeServer]) -> None:
    """A long line of events takes many rounds to empty, and keeps its order."""
    client, server = realtime
    flooded, sid = await client.join()
    last, last_sid = await client.join()
    publisher = Publisher(server, Faults(), to_whole_workspace=False)
    publishing = asyncio.create_task(publisher.run())
    async with counted() as rounds:
        for each in FLOOD:
            publisher.to_room(sid, "event", each)
        publisher.to_room(last_sid, "behind them", None)
        assert await last.receive_str() == '42["behind them"]'
        assert rounds.now > 20  # an empty line, or one sent at one go: about 3
    for each in FLOOD:
        assert await flooded.receive_str() == f'42["event","{each}"]'
    publishing.cancel()
