"""The bridge between gevent and the engine's thread: answers, limits, the end."""

from __future__ import annotations

import asyncio
import threading

import gevent
import pytest

from locustfiles.engine.errors import EngineClosed
from locustfiles.engine.thread import Engine
from tests.locustfiles.agents import until


async def _forever() -> None:
    await asyncio.Event().wait()


def test_answers_come_back_and_errors_too(engine: Engine) -> None:
    """What runs on the loop returns or raises to the greenlet that asked."""

    def fail() -> None:
        raise KeyError("x")

    assert engine.call(threading.get_ident) != threading.get_ident()
    with pytest.raises(KeyError, match="x"):
        engine.call(fail)


def test_waiting_blocks_no_other_greenlet(engine: Engine) -> None:
    """While one greenlet waits for an answer, others run."""
    waiting = gevent.spawn(engine.run, lambda: asyncio.sleep(0.2, "late"))
    assert engine.call(lambda: "at once") == "at once"
    assert not waiting.ready()
    assert waiting.get() == "late"


def test_patience_ends_with_the_work(engine: Engine) -> None:
    """After `timeout_s` the greenlet gets a TimeoutError and the coroutine is cancelled."""
    with pytest.raises(TimeoutError, match=r"^no answer within 0\.05 s$"):
        engine.run(_forever, 0.05)
    until(lambda: engine.call(lambda: len(asyncio.all_tasks(engine.loop))) == 1)


def test_the_callers_own_timeout_is_left_to_the_caller(engine: Engine) -> None:
    """A `gevent.Timeout` around a call arrives as itself, and the coroutine is cancelled."""
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
        engine.run(_forever)
    until(lambda: engine.call(lambda: len(asyncio.all_tasks(engine.loop))) == 1)


def test_a_killed_greenlet_takes_its_work_along(engine: Engine) -> None:
    """Killing who waits cancels what it waits for."""
    waiting = gevent.spawn(engine.run, _forever)
    until(lambda: engine.call(lambda: len(asyncio.all_tasks(engine.loop))) == 2)
    waiting.kill()
    until(lambda: engine.call(lambda: len(asyncio.all_tasks(engine.loop))) == 1)


def test_the_hub_may_not_wait(engine: Engine) -> None:
    """A call on gevent's hub fails at once: waiting there would stop every greenlet."""
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            engine.call(lambda: None)
        except BaseException as error:
            failures.append(error)

    gevent.get_hub().loop.run_callback(ask)
    until(lambda: failures)


def test_closing_ends_the_thread_and_everyone_who_waits() -> None:
    """After `close` no thread is left, who waited is told, and nothing can be asked any more."""
    before = threading.active_count()
    engine = Engine()
    waiting = gevent.spawn(_outcome, engine)
    until(lambda: engine.call(lambda: len(asyncio.all_tasks(engine.loop))) == 2)
    engine.close()
    engine.close()
    assert isinstance(waiting.get(), EngineClosed)
    with pytest.raises(EngineClosed, match=r"^the engine was closed$"):
        engine.call(lambda: None)
    until(lambda: threading.active_count() == before)


def _outcome(engine: Engine) -> BaseException | None:
    try:
        engine.run(_forever)
    except EngineClosed as error:
        return error
    return None


def test_no_second_is_lost_between_two_ledgers(engine: Engine) -> None:
    """Taking the ledger again and again takes everything once."""
    for _ in range(50):
        engine.call(lambda: engine.ledger.error("seen"))
        gevent.sleep(0)
    taken = engine.take_ledger().errors["seen"]
    assert taken == 50
    assert "seen" not in engine.take_ledger().errors


def test_a_blocked_loop_is_seen(engine: Engine) -> None:
    """The loop's own lateness is measured: blocking it for 0.1 s makes a late second."""
    engine.call(lambda: threading.Event().wait(0.1))
    until(lambda: any(s.late_us for s in engine.take_ledger().seconds.values()))
