"""When a conversation was open, or subscribed, as a history tells it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from msgspec import Struct

from chatengine.history import (
    Closed,
    Dropped,
    Opened,
    Record,
    Stopped,
    Subscribed,
    Unsubscribed,
)

__all__ = ["Window", "Windows", "opened", "permitted", "subscribed"]


class Window(Struct):
    """A time, begun by a record, until `end_us` or for ever."""

    began: Record
    start_us: int
    end_us: int | None = None

    def covers(self, from_us: int, until_us: int) -> bool:
        """Whether it lasted from one moment to the other."""
        return self.start_us <= from_us and (self.end_us is None or until_us <= self.end_us)


Windows: TypeAlias = Mapping[tuple[str, str], list[Window]]
"""By who and which conversation, in the order of time."""


class _Book:
    """Windows while they are found; of each observer they are at hand, for all may end at once."""

    def __init__(self) -> None:
        self.windows: dict[tuple[str, str], list[Window]] = {}
        self._of: dict[str, list[list[Window]]] = defaultdict(list)

    def begin(self, who: str, conversation: str, began: Record, start_us: int) -> None:
        """A window begins, unless one is open."""
        windows = self.windows.get((who, conversation))
        if windows is None:
            windows = self.windows[who, conversation] = []
            self._of[who].append(windows)
        if not windows or windows[-1].end_us is not None:
            windows.append(Window(began, start_us))

    def end(self, who: str, conversation: str, end_us: int) -> None:
        """The window that is open ends."""
        _end(self.windows.get((who, conversation)), end_us)

    def end_all(self, who: str, end_us: int) -> None:
        """All windows of an observer end."""
        for windows in self._of.get(who, ()):
            _end(windows, end_us)


def _end(windows: list[Window] | None, end_us: int) -> None:
    if windows and windows[-1].end_us is None:
        windows[-1].end_us = end_us


def opened(records: Iterable[Record]) -> Windows:
    """When the user of each client had each conversation open: until the last close (C-SUB-5)."""
    book = _Book()
    times: dict[tuple[str, str], int] = defaultdict(int)
    for record in records:
        match record:
            case Opened(who=who, conversation=conversation):
                times[who, conversation] += 1
                book.begin(who, conversation, record, record.at_us)
            case Closed(who=who, conversation=conversation):
                times[who, conversation] = max(0, times[who, conversation] - 1)
                if not times[who, conversation]:
                    book.end(who, conversation, record.at_us)
            case Stopped(who=who):
                book.end_all(who, record.at_us)
                times = defaultdict(int, {key: n for key, n in times.items() if key[0] != who})
            case _:
                pass
    return book.windows


def subscribed(records: Iterable[Record]) -> Windows:
    """When each socket was subscribed for certain: from the answer until it asked to leave."""
    book = _Book()
    for record in records:
        match record:
            case Subscribed(who=who, conversation=conversation, outcome="ok"):
                book.begin(who, conversation, record, record.at_us)
            case Unsubscribed(who=who, conversation=conversation, outcome="ok" | "unknown"):
                book.end(who, conversation, record.since_us)
            case Dropped(who=who) | Stopped(who=who):
                book.end_all(who, record.at_us)
            case _:
                pass
    return book.windows


def permitted(records: Iterable[Record]) -> Windows:
    """When each socket may have been subscribed: from its asking until leaving was answered."""
    book = _Book()
    for record in records:
        match record:
            case Subscribed(who=who, conversation=conversation, outcome="ok" | "unknown"):
                book.begin(who, conversation, record, record.since_us)
            case Unsubscribed(who=who, conversation=conversation, outcome="ok"):
                book.end(who, conversation, record.at_us)
            case Dropped(who=who) | Stopped(who=who):
                book.end_all(who, record.at_us)
            case _:
                pass
    return book.windows
