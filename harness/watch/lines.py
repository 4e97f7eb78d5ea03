"""Lines for a terminal: segments of text with a style, in exactly the width that is asked for.

Rich shows a segment letter by letter: nothing in it is markup. Colours are the terminal's own
sixteen, so that they suit light and dark ones, and none stands for something that a sign or a word
does not say as well.
"""

from datetime import datetime, tzinfo
from typing import Final, TypeAlias

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from harness.watch.text import fit

__all__ = [
    "BAD",
    "BAR",
    "BOLD",
    "DIM",
    "GOOD",
    "PLAIN",
    "READ",
    "WARN",
    "Line",
    "clock",
    "date",
    "filled",
]

Line: TypeAlias = list[Segment]

PLAIN: Final = Style()
DIM: Final = Style(dim=True)
BOLD: Final = Style(bold=True)
BAR: Final = Style(reverse=True)
GOOD: Final = Style(color="green")
WARN: Final = Style(color="yellow", bold=True)
BAD: Final = Style(color="red", bold=True)
READ: Final = Style(color="cyan", bold=True)


def filled(line: Line, width: int, style: Style = PLAIN) -> Line:
    """The line in exactly `width` cells: what is too long ends with an ellipsis."""
    room = max(0, width)
    cut: Line = []
    for text, its_style, _ in line:
        cells = cell_len(text)
        cut.append(Segment(text if cells <= room else fit(text, room), its_style))
        room = max(0, room - cells)
    if room:
        cut.append(Segment(" " * room, style))
    return cut


def clock(milliseconds: int, zone: tzinfo | None, *, seconds: bool = False) -> str:
    """The time of day in `zone`, None: the machine's; a moment that no clock shows is `--:--`."""
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, zone)
    except (ValueError, OverflowError, OSError):
        return "--:--:--" if seconds else "--:--"
    return moment.strftime("%H:%M:%S" if seconds else "%H:%M")


def date(milliseconds: int, zone: tzinfo | None) -> str:
    """The day in `zone`, None: the machine's, as `22 Nov 2026`."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, zone).strftime("%d %b %Y")
    except (ValueError, OverflowError, OSError):
        return "no day of ours"
