"""One measurement: a server, a receiver, and what the two cost while messages flow or none do."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks.engine.contenders import RECEIVERS, SERVERS
from benchmarks.engine.scenario import Scenario, message
from benchmarks.flow import measure_flow
from benchmarks.processes import Program, cpus
from benchmarks.talk import Connect, Connected, Count, Counted, Listening, Publish

__all__ = ["Idle", "Traffic", "idle", "traffic"]

_START_S: Final = 30.0
_CONNECT_S: Final = 120.0  # Locust's SocketIOUser needs 10 s for 2,000 on a quiet machine


class Traffic(Struct, frozen=True):
    """A window of steady traffic; processor microseconds are for each event delivered."""

    receive_us: float
    send_us: float
    offered_per_s: float
    delivered_per_s: float


class Idle(Struct, frozen=True):
    """Subscribers that connect and then sit there."""

    connects_per_s: float
    idle_kib: float


def traffic(server: str, receiver: str, scenario: Scenario, log: Path) -> Traffic:
    """Let the server send and the receiver receive; raises `CouldNotRun`."""
    with _pair(server, receiver, scenario, log) as (sending, receiving):
        wanted = Connect(scenario.subscribers, scenario.at_once)
        run = receiving.ask(wanted, Connected, _CONNECT_S).run

        def publish(number: int) -> Publish:
            return Publish(scenario.room, message(scenario, run, number))

        flow = measure_flow(sending, receiving, publish, scenario.pace)
    return Traffic(
        receive_us=flow.receive_us,
        send_us=flow.send_us,
        offered_per_s=flow.sent * scenario.subscribers / flow.seconds,
        delivered_per_s=flow.events / flow.seconds,
    )


def idle(receiver: str, scenario: Scenario, log: Path) -> Idle:
    """Let users connect to our server and do nothing; raises `CouldNotRun`."""
    with _pair("ours", receiver, scenario, log) as (_, receiving):
        before = receiving.memory_kib()
        wanted = Connect(scenario.idle, scenario.at_once)
        seconds = receiving.ask(wanted, Connected, _CONNECT_S).seconds
        time.sleep(scenario.settle_s)
        grown = receiving.memory_kib() - before
    return Idle(connects_per_s=scenario.idle / seconds, idle_kib=grown / scenario.idle)


@contextmanager
def _pair(
    server: str, receiver: str, scenario: Scenario, log: Path
) -> Iterator[tuple[Program, Program]]:
    """Both programs, each on its processor and ready."""
    server_cpu, receiver_cpu, _ = cpus()
    with Program(SERVERS[server], cpu=server_cpu, log=log) as sending:
        url = sending.hear(Listening, _START_S).url
        command = [*RECEIVERS[receiver], url, scenario.room]
        with Program(command, cpu=receiver_cpu, log=log) as receiving:
            receiving.ask(Count(), Counted, _START_S)
            yield sending, receiving
