"""One measurement: a server, a receiver, and what the two cost while messages flow or none do."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks.contenders import RECEIVERS, SERVERS
from benchmarks.processes import Program, cpus
from benchmarks.scenario import Scenario, message
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


class _Reading(Struct, frozen=True):
    at: float
    sent: int
    events: int
    server_us: float
    receiver_us: float


def traffic(server: str, receiver: str, scenario: Scenario, log: Path) -> Traffic:
    """Let the server send and the receiver receive; raises `CouldNotRun`."""
    with _pair(server, receiver, scenario, log) as (sending, receiving):
        wanted = Connect(scenario.subscribers, scenario.at_once)
        run = receiving.ask(wanted, Connected, _CONNECT_S).run
        first, last = _readings(sending, receiving, scenario, run)
    seconds, events = last.at - first.at, max(1, last.events - first.events)
    return Traffic(
        receive_us=(last.receiver_us - first.receiver_us) / events,
        send_us=(last.server_us - first.server_us) / events,
        offered_per_s=(last.sent - first.sent) * scenario.subscribers / seconds,
        delivered_per_s=events / seconds,
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
        port = sending.hear(Listening, _START_S).port
        command = [*RECEIVERS[receiver], f"http://127.0.0.1:{port}", scenario.room]
        with Program(command, cpu=receiver_cpu, log=log) as receiving:
            receiving.ask(Count(), Counted, _START_S)
            yield sending, receiving


def _readings(
    server: Program, receiver: Program, scenario: Scenario, run: int
) -> tuple[_Reading, _Reading]:
    """Publish on a fixed schedule; read after the warm-up and at the end, between two messages."""
    start = time.monotonic()
    readings: list[_Reading] = []
    due_s = [scenario.warm_up_s, scenario.warm_up_s + scenario.window_s]
    sent = 0
    while len(readings) < len(due_s):
        _wait_until(start + sent * scenario.interval_s)
        server.tell(Publish(scenario.room, message(scenario, run, sent)))
        sent += 1
        between = start + (sent - 0.5) * scenario.interval_s
        if between - start >= due_s[len(readings)]:
            _wait_until(between)
            events = receiver.ask(Count(), Counted).events
            reading = _Reading(time.monotonic(), sent, events, server.cpu_us(), receiver.cpu_us())
            readings.append(reading)
    return readings[0], readings[1]


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
