"""One process's part of a run from end to end: what a broken server did, to the message."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from locustfiles.load import Load
from locustfiles.options import Options
from tests.locustfiles.agents import until
from tests.locustfiles.broken_server import BrokenServer, Faults, broken_server
from tests.locustfiles.option_values import values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locustfiles.engine.accounting import Tally
    from locustfiles.engine.ledger import Ledger
    from locustfiles.engine.sockets import Socket

SUBSCRIBERS = 4


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATENGINE_JWT_SECRET", "s" * 32)


@pytest.fixture
def load() -> Iterator[Load]:
    """One process's part, ended and closed afterwards."""
    load = Load()
    yield load
    load.end()
    load.engine.close()


def begun(load: Load, server: BrokenServer, *, settle_s: float = 1.0) -> list[Socket]:
    """A run with subscribers of two conversations, and messages going to both."""
    line = f"--conversations 2 --message-rate 50 --settle-seconds {settle_s}"
    load.run = load.new_run()
    load.begin(Options.read(server.url, values(line)))
    sockets = [subscriber(load) for _ in range(SUBSCRIBERS)]
    load.publish(0, 1)
    return sockets


def subscriber(load: Load) -> Socket:
    workspace, (conversation,) = load.next_subscriber()
    socket = load.socket(workspace, "agent")
    load.engine.run(socket.connect)
    load.engine.run(lambda: socket.subscribe(conversation))
    return socket


def more_posts(server: BrokenServer, count: int) -> None:
    """Wait until so many more messages have entered."""
    wanted = len(server.posts) + count
    until(lambda: len(server.posts) >= wanted)


def ended(load: Load, server: BrokenServer, *, posts: int) -> tuple[Tally, Ledger]:
    """The figures once so many messages have entered."""
    until(lambda: len(server.posts) >= posts)
    return load.drain(load.finish_publishing())


def test_counts_exactly_what_was_done(load: Load) -> None:
    """Losses, repetitions and reorderings are the server's own numbers, for each subscriber."""
    with broken_server(Faults(lose_every=7, duplicate_every=5, swap_every=11)) as server:
        begun(load, server)
        tally, ledger = ended(load, server, posts=60)
        done = server.deliveries
        held_back = len(server.held) * SUBSCRIBERS // 2
        assert tally.lost == done["lost"] + held_back > 0
        assert tally.duplicates == done["duplicated"] > 0
        assert tally.received == done["delivered"] - done["duplicated"]
        assert tally.expected == len(server.posts) * SUBSCRIBERS // 2
        assert sum(tally.lost_by_second.values()) == tally.lost
        assert sum(s.received for s in ledger.seconds.values()) == tally.received
        assert (ledger.requested, ledger.subscribed) == (SUBSCRIBERS, SUBSCRIBERS)
        assert (ledger.foreign, ledger.unexpected, ledger.negative) == (0, 0, 0)


@pytest.mark.parametrize(("answer_delay_s", "counts"), [(0.0, True), (0.5, False)])
def test_order_is_owed_only_to_what_was_answered(
    load: Load, answer_delay_s: float, counts: bool
) -> None:
    """A message overtaken by one that was posted while it was unanswered is not out of order."""
    with broken_server(Faults(swap_every=6, answer_delay_s=answer_delay_s)) as server:
        begun(load, server)
        tally, _ = ended(load, server, posts=40)
        assert server.deliveries["swapped"] > 0
        assert tally.out_of_order == (server.deliveries["swapped"] if counts else 0)
        assert tally.lost == len(server.held) * SUBSCRIBERS // 2


def test_a_slow_delivery_is_not_lost(load: Load) -> None:
    """What comes within the settling time is awaited, and no longer than until all of it came."""
    with broken_server(Faults(delivery_delay_s=0.7)) as server:
        begun(load, server, settle_s=30)
        until(lambda: len(server.posts) >= 20)
        streams = load.finish_publishing()
        began = time.monotonic()
        tally, _ = load.drain(streams)
        assert tally.lost == 0
        assert tally.received == len(server.posts) * SUBSCRIBERS // 2
        assert 0.4 < time.monotonic() - began < 5


def test_what_comes_just_before_the_end_of_the_settling_time_counts(load: Load) -> None:
    """The drain looks a last time when its time is over, not only in steps."""
    with broken_server(Faults(delivery_delay_s=1.05)) as server:
        begun(load, server, settle_s=1.24)
        until(lambda: len(server.posts) >= 20)
        tally, _ = load.drain(load.finish_publishing())
        assert tally.lost == 0


def test_the_tail_counts_as_lost_after_the_settling_time(load: Load) -> None:
    """When the end of every stream is lost, the drain waits its time and counts it."""
    with broken_server(Faults(lose_from=31)) as server:
        begun(load, server, settle_s=0.5)
        until(lambda: len(server.posts) >= 50)
        streams = load.finish_publishing()
        began = time.monotonic()
        tally, _ = load.drain(streams)
        assert (
            tally.lost == (len(server.posts) - 30) * SUBSCRIBERS // 2 == server.deliveries["lost"]
        )
        assert 0.5 <= time.monotonic() - began < 2


def test_what_the_server_did_not_accept_is_not_owed(load: Load) -> None:
    """Refused posts are nobody's loss; one whose answer was lost counts when it arrives."""
    with broken_server(Faults(refuse_every=5, cut_every=7)) as server:
        begun(load, server)
        tally, ledger = ended(load, server, posts=40)
        assert ledger.publishing.refused > 0
        assert ledger.publishing.unknown > 0
        assert tally.lost == 0
        assert tally.received == tally.expected == server.deliveries["delivered"]


def test_users_that_leave_and_come_owe_and_are_owed_nothing_more(load: Load) -> None:
    """Subscribers closed and replaced in the middle of a run leave exact accounts behind."""
    with broken_server(Faults(lose_every=9)) as server:
        sockets = begun(load, server, settle_s=0.3)
        for socket in sockets:
            more_posts(server, 5)
            load.engine.run(socket.close)
            subscriber(load)
        tally, ledger = ended(load, server, posts=60)
        # A message that reaches a socket while it closes is not taken any more.
        assert 0 <= server.deliveries["delivered"] - tally.received <= SUBSCRIBERS
        assert 0 < tally.lost <= server.deliveries["lost"]
        assert tally.missed == tally.duplicates == tally.out_of_order == 0
        assert ledger.requested == 2 * SUBSCRIBERS
        until(lambda: len(server.clients) == SUBSCRIBERS)


def test_a_late_generator_shows_in_its_own_part_of_the_latency(load: Load) -> None:
    """Latency counts from the intended moment; of it, the publisher's lag is told apart."""
    with broken_server() as server:
        begun(load, server)
        until(lambda: len(server.posts) >= 10)
        load.engine.call(lambda: time.sleep(0.3))
        _, ledger = ended(load, server, posts=30)
        latency = max(s.latency.highest for s in ledger.seconds.values())
        assert latency >= 280_000
        assert ledger.publisher_lag.highest >= 250_000
        assert any(second.late_us for second in ledger.seconds.values())


def test_ending_leaves_nothing(load: Load) -> None:
    """No connection, no task and no post is left, and ending twice is ending once."""
    with broken_server() as server:
        begun(load, server)
        until(lambda: len(server.posts) >= 5)
        load.end()
        load.end()
        posts = len(server.posts)
        until(lambda: not server.clients)
        until(lambda: load.engine.call(lambda: len(asyncio.all_tasks(load.engine.loop))) == 1)
        assert len(server.posts) == posts
        assert load.run is None


def test_a_second_run_begins_from_nothing(load: Load) -> None:
    """Nothing of the first run is in the figures of the second, late messages included."""
    with broken_server() as server:
        begun(load, server)
        first, _ = ended(load, server, posts=20)
        assert first.received > 0
        load.end()
        before = len(server.posts)
        delivered = server.deliveries["delivered"]
        begun(load, server)
        tally, ledger = ended(load, server, posts=before + 20)
        assert tally.received == server.deliveries["delivered"] - delivered
        assert ledger.publishing.accepted == len(server.posts) - before
        assert ledger.requested == SUBSCRIBERS
