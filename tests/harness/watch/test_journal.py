"""The journal of the connection: every loss, switch and alert, once, with cause and length."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chatengine.client.core.shapes import ConnectionState, Source
from chatengine.client.monitoring import Alert, Reconnect
from harness.watch.journal import Journal, duration
from tests.harness.watch.examples import DOWN, NOW, UP


def test_a_loss_a_switch_and_the_return_are_told_as_they_happen() -> None:
    """Each step once, with what it lasted and why it came; then nothing while nothing changes."""
    journal = Journal(NOW)
    back = [Reconnect(NOW + 9000, "the server closed the socket", 4000)]
    steps = [
        (0, UP, []),
        (5000, DOWN, []),
        (5600, replace(DOWN, source=Source.SUPABASE), []),
        (9000, UP, back),
        (9100, UP, back),
    ]
    told = [
        [entry.sentence() for entry in journal.observe(NOW + after, connection, known)]
        for after, connection, known in steps
    ]
    assert told == [
        ["Connected", "WebSocket serves"],
        ["Connection lost after 5 s: the server closed the socket"],
        ["Supabase serves"],
        ["Connected again after 4 s: the server closed the socket", "WebSocket serves"],
        [],
    ]
    assert journal.since_ms == NOW + 9000
    assert [entry.kind for entry in journal.entries][2:] == [
        "lost",
        "switch",
        "connected",
        "switch",
    ]


def test_it_is_told_that_nothing_serves_any_more() -> None:
    """While the socket was down already, the end of Supabase is news of its own."""
    journal = Journal(NOW)
    steps = (replace(DOWN, source=Source.SUPABASE), DOWN)
    told = [entry.text for step in steps for entry in journal.observe(NOW, step, [])]
    assert told == ["Supabase serves", "Nothing serves"]


def test_an_alert_begins_and_ends() -> None:
    """It is told when it is raised and when it is over."""
    journal = Journal(NOW)
    told = [
        journal.alerted(NOW, Alert(raised, "the server is gone", 30_000)).sentence()
        for raised in (True, False)
    ]
    assert told == [
        "ALERT: still disconnected after 30 s: the server is gone",
        "The alert is over",
    ]
    assert [entry.kind for entry in journal.entries] == ["alert", "calm"]


def test_a_refusal_says_why() -> None:
    """A token that ChatEngine does not take is told once, in its words."""
    journal = Journal(NOW)
    refused = replace(DOWN, state=ConnectionState.UNAUTHORIZED, last_error="token expired")
    told = [entry.sentence() for _ in range(2) for entry in journal.observe(NOW, refused, [])]
    assert told == ["Refused: token expired"]


def test_the_journal_is_bounded() -> None:
    """A night of flapping keeps the newest entries alone."""
    journal = Journal(NOW)
    for second in range(5000):
        journal.observe(NOW + second, (UP, DOWN)[second % 2], [])
    assert len(journal.entries) == 200
    assert journal.entries[-1].at_ms == NOW + 4999


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1 s"),
        (2140, "2.1 s"),
        (200_000, "3 min 20 s"),
        (7_500_000, "2 h 5 min"),
    ],
)
def test_lengths_as_a_person_says_them(milliseconds: int, words: str) -> None:
    """The two largest units say enough."""
    assert duration(milliseconds) == words
