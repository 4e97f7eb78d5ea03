"""What is printed where there is no terminal: everything once, harmless for any reader."""

from __future__ import annotations

import json

from hypothesis import given
from msgspec.structs import replace

from chatengine.status import Status
from harness.watch.journal import Entry
from harness.watch.news import News
from tests.harness.watch.examples import (
    HERE,
    NOW,
    ZONE,
    conversation,
    hostile,
    message,
    picture,
)
from tests.harness.watch.test_text import obeyed


def test_each_message_and_each_step_of_its_status_is_told_once() -> None:
    """An own message, its copies under other names, and its ticks make one line each."""
    news = News()
    own = message(1, "Olá!", id="c-1", client_id="c-1", is_outgoing=True, status=Status.PENDING)
    copy = replace(own, id="evo-K1", external_id="K1", status=Status.SENT)
    row = replace(copy, id="a-row", client_id=None)
    read = replace(copy, status=Status.READ)
    told = [
        [item.words for item in news.of(picture([each], conversations=()), HERE)]
        for each in (own, own, copy, row, read, read)
    ]
    assert told == [
        ["  < Olá! (sending)"],
        [],
        ["    sent: Olá!"],
        [],
        ["    read: Olá!"],
        [],
    ]


def test_messages_are_told_in_the_order_in_which_they_were_written() -> None:
    """A picture has the newest first; a log has them the other way round."""
    shown = picture([message(2, "second"), message(1, "first")], conversations=())
    assert [item.words for item in News().of(shown, HERE)] == ["  > first", "  > second"]


def test_conversations_typing_and_journal() -> None:
    """A conversation that moves, who types and stops, and each entry of the journal."""
    news = News()
    entry = Entry(at_ms=NOW, kind="lost", text="Lost", cause="reset", length_ms=10)
    steps = [
        picture(typing=["Maria"], journal=[entry]),
        picture(typing=["Maria"], journal=[entry]),
        picture(conversations=[conversation(last_message_ms=NOW)], journal=[entry, replace(entry)]),
    ]
    told = [[(i.event, i.words) for i in news.of(step, HERE)] for step in steps]
    called = f"Maria ({HERE}): Olá!"
    assert told == [
        [
            ("lost", "Lost after 10 ms: reset"),
            ("conversation", called),
            ("typing", "  Maria is typing"),
        ],
        [],
        [
            ("lost", "Lost after 10 ms: reset"),
            ("conversation", called),
            ("typing", "  Maria stopped typing"),
        ],
    ]


@given(hostile, hostile)
def test_a_line_is_one_line_and_nothing_in_it_is_obeyed(text: str, name: str) -> None:
    """For a person as for a program; and a program reads the text as it came."""
    shown = picture(
        [message(1, text, media_url=name, status=Status.FAILED, error_message=name)],
        conversations=[conversation(name, text, preview=text)],
        typing=[name],
        journal=[Entry(at_ms=NOW, kind="lost", text="Lost", cause=text)],
    )
    items = News().of(shown, text)
    assert len(items) == 4
    for item in items:
        line = item.as_json()
        assert obeyed(item.as_text(ZONE)) == obeyed(line) == set()
        assert line.isascii()
    assert json.loads(items[2].as_json())["body"] == text
