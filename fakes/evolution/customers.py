"""Customers that write on and on: a seeded, open-ended simulation for demonstrations.

Open model: the moments are drawn beforehand from the seed (a Poisson process), and a server that is
slow does not slow the customers down. The same seed gives the same people, moments and texts; the
message ids are fresh each time, as a server would take a repeated one for a duplicate.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Annotated, Final

from msgspec import Meta, Struct

from fakes.evolution.bodies import Contact, Content, Kind
from fakes.evolution.texts import CAPTIONS, FOLLOW_UPS, NAMES, OPENINGS

__all__ = ["Simulation", "Writing", "simulate", "writings"]

_MEDIA: Final[tuple[Kind, ...]] = ("image", "audio", "document", "video")
_MEDIA_SHARE: Final = 0.12
"""Enough for a demonstration to show each kind within a minute, at one message a second."""


class Simulation(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How many customers write to `instance`, how often altogether (messages a second), how long.

    `seconds` None: until it is ended.
    """

    instance: str
    customers: Annotated[int, Meta(ge=1, le=100_000)] = 20
    rate: Annotated[float, Meta(gt=0, le=1000)] = 1.0
    seed: int = 1
    seconds: Annotated[float, Meta(gt=0)] | None = None


class Writing(Struct, frozen=True):
    """One message of the simulation, `at` seconds after its start."""

    at: float
    contact: Contact
    content: Content


def writings(simulation: Simulation) -> Iterator[Writing]:
    """Draw what is written and when, without end or until `seconds`; the seed decides it all."""
    drawn = _drawn(simulation)
    if simulation.seconds is None:
        return drawn
    end = simulation.seconds
    return takewhile(lambda writing: writing.at < end, drawn)


def _drawn(simulation: Simulation) -> Iterator[Writing]:
    dice = random.Random(simulation.seed)
    greeted: set[int] = set()
    at = 0.0
    while True:
        at += dice.expovariate(simulation.rate)
        index = dice.randrange(simulation.customers)
        yield Writing(at, _contact(index), _content(dice, first=index not in greeted))
        greeted.add(index)


def _contact(index: int) -> Contact:
    """A made-up number, the same for each run, and a name."""
    return Contact(f"55119910{index:05d}@s.whatsapp.net", NAMES[index % len(NAMES)])


def _content(dice: random.Random, *, first: bool) -> Content:
    if not first and dice.random() < _MEDIA_SHARE:
        kind = dice.choice(_MEDIA)
        size = dice.randrange(20_000, 2_000_000)
        url = f"https://mmg.example.com/v/t62/{dice.getrandbits(64):016x}.enc"
        return Content(kind=kind, text=dice.choice(CAPTIONS), url=url, size=size)
    text = dice.choice(OPENINGS if first else FOLLOW_UPS)
    order = f"#{dice.randrange(1000, 9999)}"
    return Content(text=text.replace("{order}", order).replace("{name}", dice.choice(NAMES)))


async def simulate(simulation: Simulation, write: Callable[[Writing], object]) -> int:
    """Call `write` for each message at its moment; returns how many, once `seconds` are over."""
    began, written = time.monotonic(), 0
    for writing in writings(simulation):
        await asyncio.sleep(max(0.0, began + writing.at - time.monotonic()))
        write(writing)
        written += 1
    return written
