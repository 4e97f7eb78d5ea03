"""What stands around the open conversation: connection, list, title, typing, journal, keys.

Pure functions from a picture to lines; every stranger's text has been through `harness.watch.text`.
"""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from chatengine.client.core.shapes import ConversationEntry, Source
from harness.watch.journal import SOURCE_NAMES, Entry, Kind, duration
from harness.watch.lines import BAD, BAR, BOLD, DIM, GOOD, PLAIN, WARN, Line, clock, date, filled
from harness.watch.picture import Picture, View
from harness.watch.text import MOST_NAME, MOST_SENTENCE, fit, one_line

__all__ = [
    "conversation_lines",
    "help_line",
    "journal_lines",
    "status_lines",
    "title_line",
    "typing_line",
]

_SOURCES: Final = {
    Source.WEBSOCKET: ("●", GOOD),
    Source.SUPABASE: ("◐", WARN),
    Source.POLLING: ("◔", WARN),
    Source.NONE: ("○", BAD),
}
_KINDS: Final[dict[Kind, Style]] = {
    "connected": GOOD,
    "lost": WARN,
    "refused": BAD,
    "switch": PLAIN,
    "alert": BAD,
    "calm": GOOD,
    "note": DIM,
}
_HELP: Final = (
    ("↑↓", "choose"),
    ("Enter", "open, send"),
    ("Esc", "leave"),
    ("PgUp PgDn", "read back"),
    ("Ctrl+Q", "quit"),
)


def status_lines(picture: Picture, width: int, zone: tzinfo | None) -> list[Line]:
    """What serves, since when and how fast; below, who looks, how often it broke, what hurts.

    What finds no room is left out.
    """
    connection = picture.connection
    sign, style = _SOURCES[connection.source]
    source = Segment(f"{sign} {SOURCE_NAMES[connection.source]}", style)
    seconds = max(0, picture.now_ms - picture.since_ms) // 1000
    lasted = f" ({duration(seconds * 1000)})" if seconds else ""
    above = [
        f"socket {connection.state.value}" if connection.is_enabled else "no ChatEngine",
        f"since {clock(picture.since_ms, zone, seconds=True)}{lasted}",
        _latency(picture),
    ]
    who = one_line(f"{picture.user_id} in {picture.workspace_id}", MOST_NAME)
    error = "" if connection.is_connected else one_line(connection.last_error or "", MOST_SENTENCE)
    counters = picture.counters
    below = [
        _counted(counters.reconnects, "reconnect"),
        f"{counters.received} pushed",
        _counted(counters.duplicates, "duplicate"),
        f"{counters.malformed} malformed",
    ]
    return [
        filled(_facts([source], above, width), width),
        filled(
            [*_facts([Segment(f"  {who}")], below[:1] if error else below, width)]
            + [Segment(f" · {error}", BAD)] * bool(error),
            width,
        ),
    ]


def _facts(line: Line, facts: Sequence[str], width: int) -> Line:
    """The line with those of the facts behind it that find room."""
    room = width - sum(cell_len(segment.text) for segment in line)
    for fact in facts:
        if cell_len(fact) + 3 <= room:
            line = [*line, Segment(" · ", DIM), Segment(fact, PLAIN)]
            room -= cell_len(fact) + 3
    return line


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _latency(picture: Picture) -> str:
    latency = picture.latency
    if latency.p50 is None or latency.p99 is None:
        return "no latency yet"
    return f"p50 {latency.p50:.0f} ms, p99 {latency.p99:.0f} ms"


def conversation_lines(
    picture: Picture, view: View, width: int, height: int, zone: tzinfo | None
) -> list[Line]:
    """Two lines for each conversation, the window of the list in which the bar stands."""
    entries = picture.conversations
    if not entries:
        return [filled([Segment(" No conversation yet.", DIM)], width)]
    shown = max(1, height // 2)
    place = view.place(entries) or 0
    first = min(max(0, place - shown // 2), max(0, len(entries) - shown))
    lines: list[Line] = []
    for entry in entries[first : first + shown]:
        lines += _conversation(entry, view, width, zone, picture.now_ms)
    return lines


def _conversation(
    entry: ConversationEntry, view: View, width: int, zone: tzinfo | None, now_ms: int
) -> list[Line]:
    unread = view.unread(entry)
    when = "" if entry.last_message_ms is None else _when(entry.last_message_ms, now_ms, zone)
    name = one_line(entry.name or entry.id, MOST_NAME)
    bar = BAR if entry.id == view.selected else PLAIN
    sign = "●" if unread else "▸" if entry.id == view.opened else " "
    room = width - 2 - len(when) - 1
    top = [
        Segment(f"{sign} ", (GOOD if unread else PLAIN) + bar),
        Segment(fit(name, room), (BOLD if unread else PLAIN) + bar),
        Segment(f" {when}", DIM + bar),
    ]
    preview = one_line(entry.preview or "", width)
    below = [Segment(f"  {preview}", DIM + bar)]
    return [filled(top, width, bar), filled(below, width, bar)]


def title_line(view: View, picture: Picture, width: int) -> Line:
    """The name of the open conversation."""
    entry = next((each for each in picture.conversations if each.id == view.opened), None)
    name = view.opened if entry is None or entry.name is None else f"{entry.name} ({entry.id})"
    back = f"  ↑ {view.back} lines back" if view.back else ""
    return filled([Segment(f" {one_line(name or '', MOST_NAME)}", BOLD), Segment(back, DIM)], width)


def typing_line(picture: Picture, width: int) -> Line:
    """Who else writes in the open conversation."""
    if not picture.typing:
        return filled([], width)
    names = ", ".join(one_line(name, 40) for name in picture.typing[:5])
    verb = "is" if len(picture.typing) == 1 else "are"
    return filled([Segment(f" {names} {verb} typing …", Style(italic=True))], width)


def journal_lines(picture: Picture, width: int, height: int, zone: tzinfo | None) -> list[Line]:
    """The newest entries, the last one at the bottom."""
    return [
        filled(
            [
                Segment(f" {clock(entry.at_ms, zone, seconds=True)} ", DIM),
                Segment(_sentence(entry), _KINDS[entry.kind]),
            ],
            width,
        )
        for entry in picture.journal[-height:]
    ]


def _sentence(entry: Entry) -> str:
    return one_line(entry.sentence(), MOST_SENTENCE)


def help_line(width: int) -> Line:
    """The keys, as many as find room."""
    line: Line = []
    room = width
    for key, does in _HELP:
        room -= len(key) + len(does) + 4
        if room >= 0:
            line += [Segment(f" {key} ", BAR), Segment(f" {does} ", DIM)]
    return filled(line, width)


def _when(milliseconds: int, now_ms: int, zone: tzinfo | None) -> str:
    """The time of what was today, else the day."""
    day = date(milliseconds, zone)
    return clock(milliseconds, zone) if day == date(now_ms, zone) else day[:6]
