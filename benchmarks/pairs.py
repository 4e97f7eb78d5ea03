"""A whole fake and a client of it, each a process of its own, and what the client's life costs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks.flow import Pace, measure_flow
from benchmarks.processes import Program, cpus
from benchmarks.talk import Connected, Count, Counted, Listening, Open, Write

__all__ = ["CONVERSATION", "Contender", "Receiving", "pair", "receive"]

CONVERSATION: Final = "5511990000001@s.whatsapp.net"
"""The one conversation that customers write into and that clients open."""

_PACE: Final = Pace(per_s=250, warm_up_s=1, window_s=4)
"""A tenth or so of what the slowest can take: nobody is to be measured saturated."""

_START_S: Final = 30.0


class Contender(Struct, frozen=True):
    """A client's program, and how many events it is told for each message that is written."""

    command: list[str]
    events: int


class Receiving(Struct, frozen=True):
    """From opening the conversation until it is served (ms), and a window of steady traffic (us).

    `serving_ms` begins with nothing connected.
    """

    serving_ms: float
    receive_us: float
    offered_per_s: float
    delivered_per_s: float


@contextmanager
def pair(
    fake: Sequence[str], client: Sequence[str], log: Path
) -> Iterator[tuple[Program, Program, Listening]]:
    """Both programs, each on its processor and ready; raises `CouldNotRun`."""
    server_cpu, client_cpu, _ = cpus()
    with Program(fake, cpu=server_cpu, log=log) as sending:
        listening = sending.hear(Listening, _START_S)
        with Program(client, cpu=client_cpu, log=log) as receiving:
            receiving.ask(Count(), Counted, _START_S)
            yield sending, receiving, listening


def receive(fake: Sequence[str], client: Contender, log: Path) -> Receiving:
    """Let a client open the conversation, and a customer write; raises `CouldNotRun`."""
    with pair(fake, client.command, log) as (sending, receiving, listening):
        opened = receiving.ask(Open(listening.url, listening.key), Connected)
        flow = measure_flow(sending, receiving, lambda n: Write(f"Olá! {n}"), _PACE)
    return Receiving(
        serving_ms=opened.seconds * 1000,
        receive_us=flow.receive_us,
        offered_per_s=flow.sent * client.events / flow.seconds,
        delivered_per_s=flow.events / flow.seconds,
    )
