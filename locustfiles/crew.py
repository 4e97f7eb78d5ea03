"""The processes of a run, as who leads it sees them: alike with workers and without.

Locust distributes users; a run also has to begin everywhere with one clock, publish from every
process a share, and end everywhere in step: all stop publishing, all learn what was published, all
drain, all report. With workers these are questions to each of them, and an answer is awaited from
each (`RemoteCrew`); without, they are calls (`LocalCrew`).
"""

import logging
import signal
import time
import uuid
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

import gevent
import msgspec
from gevent.event import AsyncResult
from locust.runners import MasterRunner, WorkerRunner
from msgspec import Struct

from locustfiles.engine.accounting import Tally
from locustfiles.engine.clock import Clock
from locustfiles.engine.ledger import Ledger
from locustfiles.engine.publisher import POST_S
from locustfiles.engine.schedule import Stream
from locustfiles.load import Load

__all__ = ["Crew", "LocalCrew", "RemoteCrew", "leave_in_step", "serve"]

_ASK: Final = "chatengine_ask"
_ANSWER: Final = "chatengine_answer"

_ANSWER_S: Final = 10.0
_LOOK_S: Final = 1.0  # how soon it is noticed that Locust has given up a worker
_CLOCK_ROUNDS: Final = 5  # the quickest of them bounds the error; queues only ever add to it

_log = logging.getLogger(__name__)


class Crew(Protocol):
    """All processes that run users. `silent` counts those that did not answer in time."""

    silent: int
    hosts: int
    clock_error_us: int

    def begin(self, run: int) -> None:
        """Tell everyone the run's tag and its clock."""

    def waiting(self) -> int:
        """How many sockets are not subscribed yet."""

    def publish(self) -> None:
        """Begin to publish, each its share."""

    def finish_publishing(self) -> list[Stream]:
        """End the publishing; everything that was published."""

    def drain(self, streams: list[Stream], settle_s: float) -> tuple[Tally, Ledger]:
        """Wait until all has arrived or must count as lost; the last figures of everyone."""


class LocalCrew:
    """A run in this process alone."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self.silent = 0
        self.hosts = 1
        self.clock_error_us = 0

    def begin(self, run: int) -> None:
        """Take the tag."""
        self._load.run = run

    def waiting(self) -> int:
        """How many sockets are not subscribed yet."""
        return self._load.waiting()

    def publish(self) -> None:
        """Publish everything from here."""
        self._load.publish(0, 1)

    def finish_publishing(self) -> list[Stream]:
        """End the publishing."""
        return self._load.finish_publishing()

    def drain(self, streams: list[Stream], settle_s: float) -> tuple[Tally, Ledger]:
        """Wait for what is on its way."""
        return self._load.drain(streams)


class _Question(Struct):
    number: int
    verb: str
    body: bytes = b""


class _ClockReading(Struct):
    host: str
    now_us: int


class _WorkerClock(Struct):
    """What to add to a worker's clock to get ours, and how wrong that may be."""

    host: str
    offset_us: int
    error_us: int


class _Beginning(Struct):
    run: int
    offset_us: int
    error_us: int


class _Share(Struct):
    share: int
    of: int


class _Final(Struct):
    tally: Tally
    ledger: bytes


class RemoteCrew:
    """The workers of a master."""

    def __init__(self, runner: MasterRunner) -> None:
        self._runner = runner
        self._answers: dict[tuple[str, int], AsyncResult[bytes]] = {}
        self._questions = 0
        self._members: list[str] = []
        self.silent = 0
        self.hosts = 1
        self.clock_error_us = 0
        runner.register_message(_ANSWER, self._on_answer)

    def begin(self, run: int) -> None:
        """Measure each worker's clock against ours, and tell it the run."""
        self.silent = 0
        self.clock_error_us = 0
        self._members = self._present()
        hosts = {_host()}
        for worker in self._present():
            clock = self._clock_of(worker)
            if clock is not None:
                same_clock = clock.host == _host()
                offset_us, error_us = (0, 0) if same_clock else (clock.offset_us, clock.error_us)
                self._ask_one(worker, "begin", _Beginning(run, offset_us, error_us))
                self.clock_error_us = max(self.clock_error_us, error_us)
                hosts.add(clock.host)
        self.hosts = len(hosts)

    def waiting(self) -> int:
        """How many sockets are not subscribed yet."""
        return sum(self._ask("waiting", int))

    def publish(self) -> None:
        """Give each worker its share."""
        workers = list(self._members)
        for number, worker in enumerate(workers):
            self._ask_one(worker, "publish", _Share(number, len(workers)))

    def finish_publishing(self) -> list[Stream]:
        """End the publishing everywhere."""
        answers = self._ask("finish", list[Stream], patience_s=POST_S)
        return [stream for streams in answers for stream in streams]

    def drain(self, streams: list[Stream], settle_s: float) -> tuple[Tally, Ledger]:
        """Let every worker wait for what is on its way, all at the same time."""
        tally, ledger = Tally(), Ledger()
        for final in self._ask("drain", _Final, streams, patience_s=settle_s):
            tally += final.tally
            ledger.merge(Ledger.from_bytes(final.ledger))
        return tally, ledger

    def _clock_of(self, worker: str) -> _WorkerClock | None:
        """A worker's clock by its quickest answer (Cristian); None when it does not answer."""
        readings = []
        for _ in range(_CLOCK_ROUNDS):
            asked = Clock().now_us()
            body = self._ask_one(worker, "clock")
            answered = Clock().now_us()
            if body is None:
                return None
            reading = msgspec.msgpack.decode(body, type=_ClockReading)
            offset_us = (asked + answered) // 2 - reading.now_us
            readings.append(_WorkerClock(reading.host, offset_us, (answered - asked + 1) // 2))
        return min(readings, key=lambda clock: clock.error_us)

    def _present(self) -> list[str]:
        clients = self._runner.clients
        return [c.id for c in clients.ready + clients.spawning + clients.running]

    def _ask(
        self, verb: str, kind: type[Any], body: Any = None, patience_s: float = 0
    ) -> Iterable[Any]:
        """Ask all workers of the run at once; the answers of those that gave one."""
        asked = [gevent.spawn(self._ask_one, w, verb, body, patience_s) for w in self._members]
        gevent.joinall(asked)
        return [msgspec.msgpack.decode(a.value, type=kind) for a in asked if a.value is not None]

    def _ask_one(
        self, worker: str, verb: str, body: Any = None, patience_s: float = 0
    ) -> bytes | None:
        """A worker's answer. One that gives none in time, or is gone, is not asked again."""
        self._questions += 1
        question = _Question(self._questions, verb, msgspec.msgpack.encode(body))
        answer = self._answers[worker, question.number] = AsyncResult()
        self._runner.send_message(_ASK, _packed(question), worker)
        deadline = time.monotonic() + _ANSWER_S + patience_s
        value: bytes | None = None
        while value is None and worker in self._present() and time.monotonic() < deadline:
            value = answer.wait(_LOOK_S)
        del self._answers[worker, question.number]
        if value is None and worker in self._members:
            self._members.remove(worker)
            self.silent += 1
            _log.error("Worker %s did not answer %r: its figures are missing.", worker, verb)
        return value

    def _on_answer(self, msg: Any, **_: Any) -> None:
        number, body = msgspec.msgpack.decode(msg.data["packed"], type=tuple[int, bytes])
        waiting = self._answers.get((msg.node_id, number))
        if waiting is not None:
            waiting.set(body)


def serve(load: Load, runner: WorkerRunner) -> None:
    """In a worker: answer what the master asks."""

    def begin(body: bytes) -> None:
        beginning = msgspec.msgpack.decode(body, type=_Beginning)
        load.run = beginning.run
        load.engine.clock = Clock(beginning.offset_us, beginning.error_us)

    def publish(body: bytes) -> None:
        share = msgspec.msgpack.decode(body, type=_Share)
        load.publish(share.share, share.of)

    def drain(body: bytes) -> _Final:
        tally, ledger = load.drain(msgspec.msgpack.decode(body, type=list[Stream]))
        return _Final(tally, ledger.to_bytes())

    verbs: dict[str, Callable[[bytes], Any]] = {
        "clock": lambda _: _ClockReading(_host(), Clock().now_us()),
        "begin": begin,
        "waiting": lambda _: load.waiting(),
        "publish": publish,
        "finish": lambda _: load.finish_publishing(),
        "drain": drain,
    }

    def on_ask(msg: Any, **_: Any) -> None:
        question = msgspec.msgpack.decode(msg.data["packed"], type=_Question)
        answer = msgspec.msgpack.encode(verbs[question.verb](question.body))
        runner.send_message(_ANSWER, _packed((question.number, answer)))

    # Concurrent: Locust would else hear nothing from the master while a worker drains.
    runner.register_message(_ASK, on_ask, concurrent=True)


def leave_in_step(runner: WorkerRunner, load: Load) -> None:
    """In a worker: leave the end of a run to the master, for some time, on the first Ctrl-C.

    A terminal sends it to the master and to its workers alike, and the master still needs their
    figures. The second one ends the worker at once.
    """

    def interrupted(*_: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if load.run is None or load.options is None:
            raise KeyboardInterrupt
        gevent.spawn_later(load.options.settle_seconds + POST_S + _ANSWER_S, runner.quit)

    signal.signal(signal.SIGINT, interrupted)


def _packed(value: Any) -> dict[str, Any]:
    """A value in the dict that Locust's messages want, packed by us so that types survive."""
    return {"packed": msgspec.msgpack.encode(value)}


@cache
def _host() -> str:
    """What tells this host, and this start of it, from others: processes with it share a clock."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # not Linux: the hardware's address, and when the host started
        return f"{uuid.getnode()}-{int(time.time() - time.monotonic()) // 10}"
