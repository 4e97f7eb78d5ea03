"""The publishing end keeps its schedule, whatever the webhook does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import gevent
import pytest

from locustfiles.engine.publisher import Conversation, Plan, Publisher
from locustfiles.engine.stamps import Stamp, parse
from tests.locustfiles.agents import CONVERSATION, RUN, until
from tests.locustfiles.broken_server import BrokenServer, Faults, broken_server

if TYPE_CHECKING:
    from locustfiles.engine.ledger import Ledger
    from locustfiles.engine.schedule import Stream
    from locustfiles.engine.thread import Engine

RATE = 50.0


def publishing(engine: Engine, server: BrokenServer, *, conversations: int = 1) -> Publisher:
    """A publisher of 50 messages a second that has begun."""
    to = [Conversation("sales-1", f"{n}-{CONVERSATION}") for n in range(conversations)]
    url = f"{server.url}/api/webhooks/whatsapp"
    publisher = Publisher(engine, Plan(url, to, RATE, text_bytes=20, run=RUN))
    engine.run(publisher.start)
    return publisher


def posted(server: BrokenServer) -> list[tuple[float, Stamp]]:
    """When each message entered, on the run's clock in seconds, and its stamp."""
    stamps = [(moment, parse(provider_id)) for moment, provider_id in list(server.posts)]
    assert all(stamp is not None for _, stamp in stamps)
    return [(moment, stamp) for moment, stamp in stamps if stamp is not None]


def finish(engine: Engine, publisher: Publisher) -> tuple[list[Stream], Ledger]:
    return engine.run(publisher.finish), engine.take_ledger()


def test_posts_go_out_on_time_though_none_was_answered(engine: Engine) -> None:
    """Open model: every message enters at its moment while the webhook takes half a second."""
    with broken_server(Faults(answer_delay_s=0.5)) as server:
        publisher = publishing(engine, server)
        until(lambda: len(server.posts) >= 20)
        assert engine.call(lambda: engine.ledger.publishing.accepted) <= 3
        for moment, stamp in posted(server):
            assert 0 <= moment - stamp.intended_us / 1e6 < 0.1
            assert stamp.behind == stamp.sequence or stamp.sequence > 20
        finish(engine, publisher)


def test_finishing_awaits_what_is_under_way(engine: Engine) -> None:
    """Every post is answered when `finish` returns, and announced with its stream."""
    with broken_server(Faults(answer_delay_s=0.3)) as server:
        publisher = publishing(engine, server, conversations=3)
        until(lambda: len(server.posts) >= 10)
        streams, ledger = finish(engine, publisher)
        assert ledger.publishing.accepted == ledger.publishing.scheduled == len(server.posts)
        assert sum(stream.count for stream in streams) == len(server.posts)
        assert not any(stream.unaccepted for stream in streams)
        assert max(s.count for s in streams) - min(s.count for s in streams) <= 1
        posts = len(server.posts)
        gevent.sleep(0.1)
        assert len(server.posts) == posts


def test_as_many_a_second_as_asked(engine: Engine) -> None:
    """The intended moments are 20 ms apart over all conversations, whichever is next."""
    with broken_server() as server:
        publisher = publishing(engine, server, conversations=3)
        until(lambda: len(server.posts) >= 30)
        finish(engine, publisher)
        intended = sorted(stamp.intended_us for _, stamp in posted(server))
        assert len(intended) == len(set(intended))
        length_us = intended[-1] - intended[0]
        assert length_us == pytest.approx((len(intended) - 1) * 1e6 / RATE, abs=3)


def test_what_was_not_accepted_is_announced(engine: Engine) -> None:
    """Refused with 500, or hung up on: known by number, counted apart, and told why."""
    with broken_server(Faults(refuse_every=5, cut_every=7)) as server:
        publisher = publishing(engine, server)
        until(lambda: len(server.posts) >= 14)
        (stream,), ledger = finish(engine, publisher)
        entered = len(server.posts)
        refused = [n for n in range(entered) if (n + 1) % 5 == 0]
        unknown = [n for n in range(entered) if (n + 1) % 7 == 0 and n not in refused]
        assert list(stream.unaccepted) == sorted(refused + unknown)
        told = ledger.publishing
        assert (told.refused, told.unknown) == (len(refused), len(unknown))
        assert told.accepted == told.scheduled - told.refused - told.unknown
        assert ledger.errors["the webhook answered 500"] == len(refused)


def test_a_redirect_is_no_acceptance(engine: Engine) -> None:
    """A webhook that has moved takes no message, though a GET at its new place succeeds."""
    with broken_server(Faults(moved=True)) as server:
        publisher = publishing(engine, server)
        until(lambda: len(server.posts) >= 5)
        _, ledger = finish(engine, publisher)
        assert ledger.publishing.refused == ledger.publishing.scheduled == len(server.posts)
        assert set(ledger.errors) == {"the webhook answered 302"}


def test_a_late_publisher_says_so_and_catches_up(engine: Engine) -> None:
    """While its loop is blocked nothing goes out; then all of it does, each with its own lag."""
    with broken_server() as server:
        publisher = publishing(engine, server)
        until(lambda: len(server.posts) >= 5)
        engine.call(lambda: time.sleep(0.4))
        until(lambda: len(server.posts) >= 40)
        _, ledger = finish(engine, publisher)
        assert 300_000 < ledger.publisher_lag.highest < 600_000
        lags = [stamp.lag_us for _, stamp in posted(server)]
        assert max(lags) == ledger.publisher_lag.highest
        assert sum(lag > 20_000 for lag in lags) >= 15
        assert [stamp.sequence for _, stamp in posted(server)[-5:]] == sorted(
            stamp.sequence for _, stamp in posted(server)[-5:]
        )


def test_nothing_listens(engine: Engine) -> None:
    """Posts that reach nobody are unknown, and finishing still works."""
    with broken_server() as server:
        pass
    publisher = publishing(engine, server)
    until(lambda: engine.call(lambda: engine.ledger.publishing.unknown) >= 5)
    (stream,), ledger = finish(engine, publisher)
    assert ledger.publishing.accepted == 0
    assert len(stream.unaccepted) == stream.count == ledger.publishing.unknown
