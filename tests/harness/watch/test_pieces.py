"""The pieces of the screen: what they say, how wide they are, and that no text can change them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chatengine.client.core.shapes import Connection, ConnectionState, Counters, Source
from chatengine.status import Status
from harness.watch.journal import Entry
from harness.watch.picture import Latency, Picture, View
from harness.watch.pieces import (
    conversation_lines,
    help_line,
    journal_lines,
    status_lines,
    title_line,
    typing_line,
)
from harness.watch.talk import lines_back, message_lines
from tests.harness.watch.examples import (
    DOWN,
    HERE,
    NOW,
    ZONE,
    conversation,
    hostile,
    message,
    picture,
    text_of,
    view,
    widths,
)
from tests.harness.watch.test_text import obeyed

if TYPE_CHECKING:
    from harness.watch.lines import Line


def everything(shown: Picture, at: View, width: int, height: int) -> list[Line]:
    return [
        *status_lines(shown, width, ZONE),
        *conversation_lines(shown, at, width, height, ZONE),
        title_line(at, shown, width),
        *message_lines(shown, at, width, height, ZONE),
        typing_line(shown, width),
        *journal_lines(shown, width, height, ZONE),
        help_line(width),
    ]


@given(
    text=hostile,
    name=hostile,
    width=st.integers(0, 120),
    height=st.integers(1, 40),
    status=st.sampled_from(Status),
    out=st.booleans(),
)
def test_no_text_gets_out_of_its_place(
    text: str, name: str, width: int, height: int, status: Status, out: bool
) -> None:
    """Whatever a message, a name, an id or an error holds: no control, no line of another width."""
    talk = [
        message(2, text, status=status, is_outgoing=out, sent_by_user_id=name, error_message=text),
        message(1, name, id=text, type="image", media_url=text, reply_to_id=text),
    ]
    shown = picture(
        talk,
        user_id=name,
        connection=replace(DOWN, last_error=text),
        conversations=[conversation(name, text, preview=text), conversation(None, name)],
        typing=[name, text],
        journal=[Entry(at_ms=NOW, kind="lost", text="Lost", cause=text)],
    )
    lines = everything(shown, view(text), width, height)
    assert widths(lines) == {width}
    assert obeyed("".join(segment.text for line in lines for segment in line)) == set()


def test_markup_is_shown_as_it_was_written() -> None:
    """What would be colours or a link in Rich or Textual are letters."""
    markup = "[bold red]not red[/] [@click=app.quit]x[/] :smile:"
    shown = picture([message(1, markup)], conversations=[conversation(markup, preview=markup)])
    for lines in (
        message_lines(shown, view(), 120, 4, ZONE),
        conversation_lines(shown, view(), 120, 4, ZONE),
    ):
        assert any(markup in line for line in text_of(lines))


def test_the_status_says_what_serves_since_when_and_how_fast() -> None:
    """In 80 columns: source, socket, since when, latency; below who looks and what was counted."""
    shown = picture(latency=Latency(2.4, 17.6), counters=Counters(received=5, reconnects=1))
    assert text_of(status_lines(shown, 82, ZONE)) == [
        "● WebSocket · socket connected · since 14:58:59 (1 min 1 s) · p50 2 ms, p99 18 ms",
        "  agent-1 in w-1 · 1 reconnect · 5 pushed · 0 duplicates · 0 malformed",
    ]


@pytest.mark.parametrize(
    ("connection", "first", "second"),
    [
        (DOWN, "○ nothing · socket connecting", "the server closed the socket"),
        (replace(DOWN, source=Source.SUPABASE), "◐ Supabase", "the server closed the socket"),
        (replace(DOWN, source=Source.POLLING), "◔ polling", "the server closed the socket"),
        (Connection(source=Source.SUPABASE), "◐ Supabase · no ChatEngine", "0 reconnects"),
        (
            replace(DOWN, state=ConnectionState.UNAUTHORIZED, last_error="the token is refused"),
            "○ nothing · socket unauthorized",
            "the token is refused",
        ),
    ],
)
def test_the_status_says_what_is_wrong(connection: Connection, first: str, second: str) -> None:
    """Each source has its sign, and while the socket is down its error is there."""
    above, below = text_of(status_lines(picture(connection=connection), 80, ZONE))
    assert above.startswith(first)
    assert second in below


def test_ticks_tell_how_far_a_message_came() -> None:
    """A clock, one tick, two, two in another style, a cross with its reason."""
    ticks = {status: message(1, "x", is_outgoing=True, status=status) for status in Status}
    drawn = {
        status: message_lines(picture([each]), view(), 40, 1, ZONE)
        for status, each in ticks.items()
    }
    signs = {status: text_of(lines)[0].split()[-1] for status, lines in drawn.items()}
    assert signs == {
        Status.PENDING: "◷",
        Status.SENT: "✓",
        Status.FAILED: "✗",
        Status.DELIVERED: "✓✓",
        Status.READ: "✓✓",
    }
    styles = [
        next(segment.style for segment in drawn[status][0] if "✓✓" in segment.text)
        for status in (Status.DELIVERED, Status.READ)
    ]
    assert styles[0] != styles[1]
    why = message(1, "x", is_outgoing=True, status=Status.FAILED, error_message="no provider")
    assert any(
        "not sent: no provider" in line
        for line in text_of(message_lines(picture([why]), view(), 60, 5, ZONE))
    )


def test_ours_stand_on_the_right_and_name_a_colleague() -> None:
    """The customer's begin at the left edge; another agent's message has his name above it."""
    shown = picture(
        [
            message(2, "ours", is_outgoing=True, sent_by_user_id="agent-2"),
            message(1, "theirs"),
        ]
    )
    lines = text_of(message_lines(shown, view(), 40, 6, ZONE))
    theirs, name, ours = lines[-3:]
    assert theirs == "▏theirs  14:45"
    assert name.endswith("▏agent-2")
    assert ours == " " * 10 + "▏ours  14:45 ✓✓"


def test_a_huge_message_is_cut_and_says_its_length() -> None:
    """A hundred kilobytes take a few screens, not hundreds."""
    shown = picture([message(1, "words " * 17_000)])
    lines = text_of(message_lines(shown, view(), 80, 200, ZONE))
    assert "102,000 characters" in lines[-1]
    assert len([line for line in lines if line]) <= 70


def test_the_newest_message_is_at_the_bottom_and_one_can_read_back() -> None:
    """Reading back shows older lines, and ends where the oldest message is at the top."""
    shown = picture([message(n, f"number {n}") for n in range(100, 0, -1)])
    bottom = text_of(message_lines(shown, view(), 40, 10, ZONE))
    assert bottom[-1].startswith("▏number 100 ")
    back = text_of(message_lines(shown, view().reading(5), 40, 10, ZONE))
    assert back[-1].startswith("▏number 95 ")
    furthest = lines_back(shown, 10_000, 40, 10)
    top = text_of(message_lines(shown, view().reading(furthest), 40, 10, ZONE))
    assert top[:2] == ["── 22 Nov 2026 " + "─" * 25, "▏number 1  14:45"]


def test_each_day_has_its_line() -> None:
    """The first message of a day stands below the date."""
    shown = picture([message(1), message(2, created_ms=NOW - 86_400_000)])
    lines = text_of(message_lines(shown, view(), 30, 4, ZONE))
    assert [line for line in lines if line.startswith("──")] == [
        "── 21 Nov 2026 " + "─" * 15,
        "── 22 Nov 2026 " + "─" * 15,
    ]


def test_a_conversation_shows_its_name_time_preview_and_whether_it_is_new() -> None:
    """What came since the user last looked has a mark, which goes when he looks."""
    entries = [conversation(), conversation(None, "c-2", last_message_ms=NOW - 2 * 86_400_000)]
    shown = picture(conversations=entries)
    somewhere = view(None).moved(entries, 1)
    first, preview, second, _ = text_of(conversation_lines(shown, somewhere, 30, 4, ZONE))
    assert first == "● Maria                  14:59"
    assert preview == "  Olá!"
    assert second == "  c-2                   20 Nov"
    looked = somewhere.opening(HERE).looking(entries).opening(None)
    assert text_of(conversation_lines(shown, looked, 30, 4, ZONE))[0].startswith("  Maria")


def test_the_bar_stays_in_sight_and_in_the_list() -> None:
    """Wherever it goes, its conversation is among those shown; it ends at the list's ends."""
    entries = [conversation(f"name {n}", f"c-{n}") for n in range(100)]
    at, shown = view(None).moved(entries, 1), picture(conversations=entries)
    for _ in range(3):
        at = at.moved(entries, 45)
        lines = text_of(conversation_lines(shown, at, 30, 10, ZONE))
        assert any(f"name {(at.selected or '')[2:]} " in line for line in lines)
    assert at.selected == "c-99"
    assert at.moved(entries, -500).selected == "c-0"


def test_who_types_is_named() -> None:
    """One or several."""
    assert text_of([typing_line(picture(typing=["Maria"]), 40)]) == [" Maria is typing …"]
    assert text_of([typing_line(picture(typing=["a", "b"]), 40)]) == [" a, b are typing …"]


def test_the_journal_shows_its_newest_entries() -> None:
    """Moment, what happened, for how long, and why."""
    journal = [
        Entry(at_ms=NOW, kind="switch", text="Supabase serves"),
        Entry(at_ms=NOW, kind="connected", text="Connected again", length_ms=1234, cause="reset"),
    ]
    lines = journal_lines(picture(journal=journal), 60, 1, ZONE)
    assert text_of(lines) == [" 15:00:00 Connected again after 1.2 s: reset"]


def test_the_empty_screen_says_what_to_do() -> None:
    """Nothing open, or nothing there: a hint, not an empty pane."""
    empty = picture(conversations=())
    assert "No conversation yet." in text_of(conversation_lines(empty, view(None), 30, 4, ZONE))[0]
    assert any(
        "press Enter" in line for line in text_of(message_lines(empty, view(None), 60, 5, ZONE))
    )
    assert "Ctrl+Q" in text_of([help_line(80)])[0]
