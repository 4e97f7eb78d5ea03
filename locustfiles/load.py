"""One process's part of a run: its engine, its sockets, its share of the publishing.

Lives in every process that runs users: each worker, or the one process of a run without workers.
"""

import asyncio
import itertools
import random
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import gevent

from chatengine import tokens
from locustfiles import garbage
from locustfiles.engine.accounting import Tally
from locustfiles.engine.clock import SECOND_US
from locustfiles.engine.connection import websocket_url
from locustfiles.engine.journal import Journal
from locustfiles.engine.ledger import Ledger
from locustfiles.engine.publisher import Plan, Publisher
from locustfiles.engine.recorded import RecordedSocket
from locustfiles.engine.schedule import Stream
from locustfiles.engine.sockets import Socket, Target
from locustfiles.engine.thread import Engine
from locustfiles.options import Options

__all__ = ["Load"]

_DRAIN_STEP_S: Final = 0.25
_SOCKETS_AT_ONCE: Final = 50  # counted before the loop gets round to what arrives: a millisecond
_CLOSE_S: Final = 5.0
_RUNS: Final = 1 << 16


class Load:
    """The sockets of one process in one run, from `begin` to `end`."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.options: Options | None = None
        self.run: int | None = None
        self._tls: ssl.SSLContext | None = None
        self.on_ledger: list[Callable[[Ledger], None]] = []
        self._sockets: list[Socket] = []
        self._subscribers = 0
        self._first_index = 0
        self._names = _names(0)
        self._publisher: Publisher | None = None
        self._ticker: gevent.Greenlet[..., None] | None = None
        self._pending = Ledger()

    @staticmethod
    def new_run() -> int:
        """A tag that tells a run's messages from those of any other, kept for its whole length."""
        return random.randrange(_RUNS)

    def begin(self, options: Options, worker_index: int = 0) -> None:
        """A run begins: forget the last one, start to count. Its tag, `run`, is already set."""
        self.options = options
        self._tls = options.tls()
        self._sockets = []
        self._subscribers = 0
        # Workers cannot know of each other's subscribers; a stride keeps them from all beginning
        # with the same conversations. A prime, so that it shares no factor with their number.
        self._first_index = worker_index * 7919
        self._names = _names(worker_index)
        self._pending = Ledger()
        clock = self.engine.clock
        self.engine.began_us = clock.now_us()
        self.engine.journal = Journal(clock, options.history) if options.history else None
        garbage.rarely()
        self.engine.take_ledger()
        self._ticker = gevent.spawn(self._tick)

    @property
    def tag(self) -> int:
        """The run's tag; without one this process joined too late to take part."""
        if self.run is None:
            raise RuntimeError("this worker joined after the run had begun: its users stay out")
        return self.run

    def socket(self, workspace_id: str, user_id: str) -> Socket:
        """A socket for an agent; it counts in the run from now on."""
        options = self._begun()
        rules = options.rules

        def token() -> str:
            now = time.time()
            return tokens.mint(rules, workspace_id=workspace_id, subject=user_id, now=now)

        url = websocket_url(options.host, options.socket_path)
        target = Target(url, workspace_id, token, options.timeout_seconds, self._tls)
        run = self.tag
        socket = self.engine.call(lambda: self._new_socket(target, run))
        self._sockets.append(socket)
        return socket

    def next_subscriber(self) -> tuple[str, list[str]]:
        """The workspace and the conversations of the next subscriber of this process."""
        index = self._first_index + self._subscribers
        self._subscribers += 1
        return self._begun().subscriber(index)

    def count_error(self, text: str) -> None:
        """Count an error that a user met, by its text."""
        self.engine.call(lambda: self.engine.ledger.error(text))

    def waiting(self) -> int:
        """How many sockets are not subscribed yet."""
        return sum(not socket.was_subscribed for socket in self._sockets)

    def publish(self, share: int, of: int) -> None:
        """Begin to publish this process's share of the conversations, one in `of`."""
        options = self._begun()
        garbage.leave_alone()
        conversations = options.all_conversations()
        mine = conversations[share::of]
        if self._publisher is None and mine and options.message_rate:
            plan = Plan(
                webhook_url=options.webhook_url,
                conversations=mine,
                rate=options.message_rate * len(mine) / len(conversations),
                text_bytes=options.text_bytes,
                run=self.tag,
                seconds=options.publish_seconds,
                tls=self._tls,
            )
            self._publisher = Publisher(self.engine, plan)
            self.engine.run(self._publisher.start)

    def finish_publishing(self) -> list[Stream]:
        """End the publishing here; what was published."""
        publisher, self._publisher = self._publisher, None
        return [] if publisher is None else self.engine.run(publisher.finish)

    def drain(self, streams: Sequence[Stream]) -> tuple[Tally, Ledger]:
        """Wait until everything has arrived, at most the settling time; the final figures.

        `streams` are those of all processes. The ledger is what `take` had not handed over yet.
        """
        settle_s = self._begun().settle_seconds
        if self.engine.journal is not None:
            # The accounts wait for what was meant for a moment after an acknowledgement, a history
            # also for what was posted after it: of that a little may still be on its way.
            gevent.sleep(_DRAIN_STEP_S)
        tally = self._tally(streams, settle_s)
        with gevent.Timeout(settle_s, False):
            while tally.lost:
                gevent.sleep(_DRAIN_STEP_S)
                tally = self._tally(streams, settle_s)
        if tally.lost:  # once more, with what came in the last step
            tally = self._tally(streams, settle_s)
        self._collect()
        return tally, self.take()

    def take(self) -> Ledger:
        """What was seen since the last time, for the master."""
        taken, self._pending = self._pending, Ledger()
        return taken

    def end(self) -> None:
        """The run is over: no socket, no timer, no publisher is left."""
        if self._ticker is not None:
            self._ticker.kill()
        self.finish_publishing()
        gevent.joinall([gevent.spawn(self.engine.run, s.close, _CLOSE_S) for s in self._sockets])
        self._sockets = []
        self._pending = Ledger()
        self.engine.journal = None
        self.run = None
        garbage.look_again()

    def _begun(self) -> Options:
        if self.options is None:
            raise RuntimeError("no run has begun in this process")
        return self.options

    def _new_socket(self, target: Target, run: int) -> Socket:
        engine, journal = self.engine, self.engine.journal
        engine.ledger.requested += 1
        if journal is None:
            return Socket(engine, target, run)
        settle_us = int(self._begun().settle_seconds * SECOND_US)
        return RecordedSocket(engine, target, run, journal, next(self._names), settle_us)

    def _tally(self, streams: Sequence[Stream], settle_s: float) -> Tally:
        by_conversation: dict[str, list[Stream]] = {}
        for stream in streams:
            by_conversation.setdefault(stream.conversation_id, []).append(stream)

        async def count() -> Tally:
            total = Tally()
            settle_us = int(settle_s * SECOND_US)
            for number, socket in enumerate(self._sockets):
                total += socket.tally(by_conversation, settle_us)
                if number % _SOCKETS_AT_ONCE == 0:
                    await asyncio.sleep(0)
            return total

        return self.engine.run(count)

    def _tick(self) -> None:
        """Once a second: what was seen goes to the statistics, and waits for the master."""
        while True:
            gevent.sleep(1)
            self._collect()

    def _collect(self) -> None:
        seen = self.engine.take_ledger()
        self._pending.merge(seen)
        for listener in self.on_ledger:
            listener(seen)


def _names(worker_index: int) -> Iterator[str]:
    """The agents of a process, as the history of the run calls them."""
    return (f"agent {worker_index}.{number}" for number in itertools.count())
