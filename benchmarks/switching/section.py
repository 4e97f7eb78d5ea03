"""The section `switching`: from one source to another and back, and the closing of a gap."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from statistics import median
from typing import Final

import uvloop
from msgspec import Struct

from benchmarks.figures import Goal
from benchmarks.section import Context, Outcome
from benchmarks.switching.world import running_world, serves, shows, when
from benchmarks.table import Column, contenders_table
from chatengine.client import CrmClient, Source, Timing
from fakes.together import Fake

__all__ = ["goals", "run"]

_CLIENTS: Final = 10
"""Of each timing, in one outage: their pauses differ by chance, and the slowest one counts."""

_OUTAGE_S: Final = 8.0
"""0.5 + 1 + 2 + 4 s: by then even the default backoff has grown as long as it gets."""

_GAP: Final = 1000

_QUICK: Final = Timing(
    reconnect_delay_ms=100, reconnect_delay_max_ms=1000, fallback_after_ms=300, poll_interval_ms=500
)
"""The timing that the adapter protocol gives as its example."""


class Round(Struct, frozen=True):
    """Milliseconds, of each client; `quick` is the timing of a test."""

    to_supabase: list[float]
    to_supabase_quick: list[float]
    to_socket: list[float]
    to_socket_quick: list[float]
    gap_chatengine: list[float]
    gap_supabase: list[float]


class Figure(Struct, frozen=True):
    """Over all clients and rounds."""

    median_ms: float
    worst_ms: float


def run(context: Context) -> Outcome:
    """Measure; raises `CouldNotRun`."""
    rounds = []
    for number in range(context.rounds):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            rounds.append(runner.run(_round(partial(context.step, number))))
    figures = {name: _figure(rounds, name) for name in Round.__struct_fields__}
    rows = {_LABELS[name]: figure for name, figure in figures.items()}
    return Outcome(
        table=contenders_table("switching", _CAPTION, _COLUMNS, rows),
        goals=goals(rounds),
        record={"switching": {"figures": figures, "rounds": rounds}},
    )


async def _round(step: Callable[[str], None]) -> Round:
    step("the socket is lost")
    away = [await _away(timing) for timing in (Timing(), _QUICK)]
    step("the server returns")
    back = await _back()
    step("a gap is closed")
    return Round(
        to_supabase=away[:1],
        to_supabase_quick=away[1:],
        to_socket=back[:_CLIENTS],
        to_socket_quick=back[_CLIENTS:],
        gap_chatengine=[await _gap(Source.WEBSOCKET)],
        gap_supabase=[await _gap(Source.SUPABASE)],
    )


async def _away(timing: Timing) -> float:
    """One client alone: nothing in it is left to chance, and others would only be in its way."""
    async with running_world() as world, world.clients(1, timing) as clients:
        lost = time.monotonic()
        world.down("chatengine")
        (away,) = await _served(clients, Source.SUPABASE, lost)
        return away


async def _back() -> list[float]:
    """Many clients, first those with the usual timing, whose pauses differ by chance."""
    async with (
        running_world() as world,
        world.clients(_CLIENTS, Timing()) as usual,
        world.clients(_CLIENTS, _QUICK) as quick,
    ):
        world.down("chatengine")
        await asyncio.sleep(_OUTAGE_S)
        returned = time.monotonic()
        world.up("chatengine")
        return await _served([*usual, *quick], Source.WEBSOCKET, returned)


async def _served(clients: Iterable[CrmClient], by: Source, since: float) -> list[float]:
    moments = await asyncio.gather(*(when(each, serves(each, by)) for each in clients))
    return [(moment - since) * 1000 for moment in moments]


async def _gap(source: Source) -> float:
    """From the server's return until the messages that it had no chance to tell of are shown."""
    by_socket = source is Source.WEBSOCKET
    fake: Fake = "chatengine" if by_socket else "supabase"
    async with (
        running_world() as world,
        world.clients(1, _QUICK, chatengine=by_socket, supabase=not by_socket) as (client,),
    ):
        world.down(fake)
        await when(client, lambda: client.connection.source is not source)
        texts = [f"{source.value} {number}" for number in range(_GAP)]
        world.write(texts)
        returned = time.monotonic()
        world.up(fake)
        return (await when(client, shows(client, texts)) - returned) * 1000


def _figure(rounds: Sequence[Round], name: str) -> Figure:
    seen = [each for measured in rounds for each in getattr(measured, name)]
    return Figure(round(median(seen), 1), round(max(seen), 1))


def goals(rounds: Sequence[Round]) -> list[Goal]:
    """Each promise is about the slowest client of all rounds: it is given to every user."""
    return [
        Goal.of(f"ms, {_LABELS[name]}", limit, rounds, _worst(name), judge=max)
        for name, limit in _LIMITS.items()
    ]


def _worst(name: str) -> Callable[[Round], float]:
    return lambda each: max(getattr(each, name))


_LABELS: Final = {
    "to_supabase": "loss of the socket to Supabase serving",
    "to_supabase_quick": "loss of the socket to Supabase serving, test timing",
    "to_socket": "return of the server to the socket serving",
    "to_socket_quick": "return of the server to the socket serving, test timing",
    "gap_chatengine": f"a gap of {_GAP:,} messages, from ChatEngine",
    "gap_supabase": f"a gap of {_GAP:,} messages, from Supabase",
}

_LIMITS: Final = {
    "to_supabase": 2000.0,
    "to_supabase_quick": 500.0,
    "to_socket": 5000.0,
    "gap_chatengine": 2000.0,
    "gap_supabase": 2000.0,
}

_COLUMNS: Final[tuple[Column, ...]] = (
    ("median\nms", lambda _, each: each.median_ms, ",.0f"),
    ("worst\nms", lambda _, each: each.worst_ms, ",.0f"),
)

_CAPTION: Final = (
    f"Over all rounds. Return: {_CLIENTS} clients of each timing, after {_OUTAGE_S:g} s. A gap: "
    "from the server's return, test timing, until all is shown, in order. The fakes are in the "
    "same process; the fake Supabase takes 100 ms for a subscription. Test timing: "
    f"fallbackAfterMs {_QUICK.fallback_after_ms}, reconnectDelayMaxMs "
    f"{_QUICK.reconnect_delay_max_ms}."
)
