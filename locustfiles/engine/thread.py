"""The native thread beneath a Locust process: one uvloop loop, and the bridge to gevent.

Locust's users are gevent greenlets; their sockets live here, because a greenlet for each of
thousands of sockets costs 25 times as much for every event (architecture.md). Commands go in with
`call_soon_threadsafe`; answers come back through a hub watcher, the one object of gevent that
another thread may touch.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import gevent
import uvloop
from gevent.event import AsyncResult
from gevent.threadpool import ThreadPool

from locustfiles.engine.arrivals import Arrivals
from locustfiles.engine.clock import SECOND_US, Clock
from locustfiles.engine.errors import EngineClosed
from locustfiles.engine.journal import Journal
from locustfiles.engine.ledger import Ledger, Second

__all__ = ["Engine"]

T = TypeVar("T")

_PROBE_US: Final = 20_000
"""How often the loop's lateness is measured: 50 samples for each second of the report."""

_START_S: Final = 10.0


class Engine:
    """The loop that carries a process's sockets, its clock and its ledger.

    Made and used from gevent; what runs on the loop gets the engine passed along and may touch
    `ledger` and `loop` freely, for it is the only thread that does.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.began_us = self.clock.now_us()  # no message of a run is meant for an earlier moment
        self.arrivals = Arrivals()
        self.journal: Journal | None = None  # where the run has a history
        self._ledger = Ledger()
        self.loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self._hub = gevent.get_hub()
        self._answers: deque[Callable[[], None]] = deque()
        self._wake_hub = self._hub.loop.async_()
        self._wake_hub.start(self._deliver_answers)
        self._closed = False
        # A pool of its own: Locust's DNS look-ups use the hub's, and this thread never ends.
        self._pool = ThreadPool(1)
        self._thread = self._pool.spawn(self._run_loop)

    @property
    def ledger(self) -> Ledger:
        """The ledger, with everything in it that has arrived; on the loop alone."""
        self.arrivals.enter(self._ledger, self.clock.offset_us)
        return self._ledger

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], timeout_s: float | None = None) -> T:
        """Run a coroutine on the loop and wait for its answer, greenlet-friendly.

        Raises what it raises, `TimeoutError` after `timeout_s`, and `EngineClosed` after or during
        `close`. When the waiting greenlet is killed, or the time is over, the coroutine is
        cancelled.
        """
        if self._closed:
            raise EngineClosed
        return self._run_and_wait(work, timeout_s)

    def call(self, work: Callable[[], T]) -> T:
        """Run a plain function on the loop and wait for its answer."""

        async def once() -> T:
            return work()

        return self.run(once)

    def call_gevent(self, work: Callable[[], None]) -> None:
        """From the loop: have `work` run in gevent's hub, where it must not block."""
        self._answers.append(work)
        self._wake_hub.send()

    def second(self) -> Second:
        """The present second of the ledger; on the loop, and never kept over an await."""
        return self.ledger.second(self.clock.now_us())

    def take_ledger(self) -> Ledger:
        """Hand over what was seen since the last time, and begin anew."""

        def take() -> Ledger:
            taken, self._ledger = self.ledger, Ledger()
            if self.journal is not None:
                taken.history = self.journal.take()
            return taken

        return self.call(take)

    def close(self) -> None:
        """End the loop and its thread; what still runs on it is cancelled. Once is enough."""
        if self._closed:
            return
        self._closed = True
        self._run_and_wait(self._cancel_all)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.get()
        self._pool.kill()
        self._deliver_answers()
        self._wake_hub.close()

    def _run_and_wait(
        self, work: Callable[[], Coroutine[Any, Any, T]], timeout_s: float | None = None
    ) -> T:
        answer: AsyncResult[T] = AsyncResult()
        tasks: list[asyncio.Task[T]] = []

        def begin() -> None:
            task = self.loop.create_task(work())
            tasks.append(task)
            task.add_done_callback(lambda done: self.call_gevent(lambda: _settle(answer, done)))

        self.loop.call_soon_threadsafe(begin)
        try:
            with gevent.Timeout(timeout_s, TimeoutError(f"no answer within {timeout_s} s")):
                result: T = answer.get()
                return result
        finally:
            if not answer.ready():
                self.loop.call_soon_threadsafe(lambda: [task.cancel() for task in tasks])

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self.loop)
        self._probe(self.clock.now_us())
        self.loop.run_forever()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def _probe(self, due_us: int) -> None:
        """Measure how much later than asked for the loop got round to this.

        Not by `loop.time()`, which libuv takes once an iteration and in milliseconds.
        """
        now_us = self.clock.now_us()
        lag_us = max(0, now_us - due_us)
        self.ledger.lag(now_us, lag_us, _PROBE_US + lag_us)
        self.loop.call_later(_PROBE_US / SECOND_US, self._probe, now_us + _PROBE_US)

    async def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks(self.loop) - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _deliver_answers(self) -> None:
        while self._answers:
            self._answers.popleft()()


def _settle(answer: "AsyncResult[T]", task: "asyncio.Task[T]") -> None:
    if task.cancelled():
        answer.set_exception(EngineClosed())
    elif (error := task.exception()) is not None:
        answer.set_exception(error)
    else:
        answer.set(task.result())
