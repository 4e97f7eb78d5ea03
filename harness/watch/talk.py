"""The open conversation: messages with their ticks, the newest at the bottom; pure functions."""

from collections.abc import Sequence
from datetime import tzinfo
from itertools import islice, pairwise, zip_longest
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment

from chatengine.client.core.shapes import Message
from chatengine.status import Status
from harness.watch.lines import BAD, DIM, GOOD, PLAIN, READ, Line, clock, date, filled
from harness.watch.picture import Picture, View
from harness.watch.text import MOST_NAME, MOST_SENTENCE, fit, one_line, paragraphs, wrap

__all__ = ["lines_back", "lines_since", "message_lines"]

_TICKS: Final = {
    Status.PENDING: ("◷", DIM),
    Status.SENT: ("✓", DIM),
    Status.FAILED: ("✗", BAD),
    Status.DELIVERED: ("✓✓", DIM),
    Status.READ: ("✓✓", READ),
}

_MOST_BODY: Final = 4000
_MOST_LINES: Final = 60
"""Of one message: a hundred kilobytes are hundreds of screens, which nobody reads in a terminal."""


def message_lines(
    picture: Picture, view: View, width: int, height: int, zone: tzinfo | None
) -> list[Line]:
    """The newest messages that find room above the end, or `view.back` lines further back."""
    if view.opened is None:
        return _centred("Choose a conversation and press Enter.", width, height)
    if not picture.messages:
        return _centred("No message yet.", width, height)
    upwards = _upwards(picture, width, height + view.back, zone)
    end = max(0, min(view.back, len(upwards) - height))
    lines = upwards[end : end + height][::-1]
    return [filled([], width)] * (height - len(lines)) + lines


def lines_back(picture: Picture, back: int, width: int, height: int) -> int:
    """How many of `back` lines one can read back, before the oldest message is at the top."""
    upwards = _upwards(picture, width, height + back, None)
    return max(0, min(back, len(upwards) - height))


def lines_since(picture: Picture, last: Message, width: int) -> int:
    """How many lines there are of messages newer than `last`; none where it is not there."""
    place = next((n for n, each in enumerate(picture.messages) if each.id == last.id), 0)
    newer = islice(pairwise(picture.messages), place)
    return sum(len(_block(message, older, picture, width, None)) for message, older in newer)


def _upwards(picture: Picture, width: int, wanted: int, zone: tzinfo | None) -> list[Line]:
    """At least `wanted` lines from the newest message's last line upwards, or all there are."""
    upwards: list[Line] = []
    for message, older in zip_longest(picture.messages, islice(picture.messages, 1, None)):
        upwards += reversed(_block(message, older, picture, width, zone))
        if len(upwards) >= wanted:
            break
    return upwards


def _block(
    message: Message, older: Message | None, picture: Picture, width: int, zone: tzinfo | None
) -> list[Line]:
    return [*_day(message, older, width, zone), *_message(message, picture, width, zone)]


def _day(message: Message, older: Message | None, width: int, zone: tzinfo | None) -> list[Line]:
    """A line with the date above the first message of each day."""
    day = date(message.created_ms, zone)
    if older is not None and date(older.created_ms, zone) == day:
        return []
    return [filled([Segment(f"── {day} ".ljust(width, "─"), DIM)], width)]


def _message(message: Message, picture: Picture, width: int, zone: tzinfo | None) -> list[Line]:
    """A message: the customer's from the left edge, ours towards the right, signed and ticked."""
    room = max(4, width * 3 // 4)
    indent = width - room if message.is_outgoing else 0
    edge = Segment("▏", DIM if message.is_outgoing else GOOD)
    return [
        filled([Segment(" " * indent), edge, *line], width)
        for line in _inside(message, picture, room - 1, zone)
    ]


def _inside(message: Message, picture: Picture, room: int, zone: tzinfo | None) -> list[Line]:
    lines: list[Line] = []
    author = message.sent_by_user_id
    if message.is_outgoing and author and author != picture.user_id:
        lines.append([Segment(one_line(author, MOST_NAME), DIM)])
    if message.reply_to_id:
        quoted = _quoted(message.reply_to_id, picture.messages)
        lines.append([Segment(fit(f"↪ {quoted}", room).rstrip(), DIM)])
    if message.type != "text":
        media = f"[{message.type}] {one_line(message.media_url or '', MOST_SENTENCE)}"
        lines.append([Segment(fit(media, room).rstrip(), DIM)])
    lines += [[Segment(line)] for line in _body(message, room)]
    if message.status is Status.FAILED:
        why = one_line(message.error_message or "no reason given", MOST_SENTENCE)
        lines += [[Segment(line, BAD)] for line in wrap(f"not sent: {why}", room)]
    return _signed(lines, message, room, zone)


def _signed(lines: list[Line], message: Message, room: int, zone: tzinfo | None) -> list[Line]:
    """With the time and the ticks behind the last line, or below it where there is no room."""
    sign, style = _TICKS[message.status] if message.is_outgoing else ("", PLAIN)
    when = Segment(clock(message.created_ms, zone), DIM)
    stamp = [when, Segment(f" {sign}", style)] if sign else [when]
    used = sum(cell_len(segment.text) for segment in [*lines[-1], *stamp]) if lines else room
    if used + 2 > room:
        return [*lines, stamp]
    return [*lines[:-1], [*lines[-1], Segment("  "), *stamp]]


def _body(message: Message, room: int) -> list[str]:
    if not message.body and message.type != "text":
        return []
    lines: list[str] = []
    for paragraph in paragraphs(message.body, _MOST_BODY):
        lines += wrap(paragraph, room)
        if len(lines) > _MOST_LINES:
            break
    cut = len(message.body) > _MOST_BODY or len(lines) > _MOST_LINES
    return [*lines[:_MOST_LINES], f"… ({len(message.body):,} characters)"] if cut else lines


def _quoted(reply_to: str, messages: Sequence[Message]) -> str:
    quoted = next((m for m in messages if reply_to in (m.id, m.external_id)), None)
    return "an earlier message" if quoted is None else one_line(quoted.body, 60)


def _centred(text: str, width: int, height: int) -> list[Line]:
    above = max(0, (height - 1) // 2)
    line = filled([Segment(text.center(width), DIM)], width)
    return [filled([], width)] * above + [line]
