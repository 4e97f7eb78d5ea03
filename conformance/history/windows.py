"""When a conversation was open, or subscribed, as a history tells it."""

from collections import defaultdict
from collections.abc import Iterable
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


Windows: TypeAlias = dict[tuple[str, str], list[Window]]
"""By who and which conversation, in the order of time."""


def opened(records: Iterable[Record]) -> Windows:
    """When the user of each client had each conversation open: until the last close (C-SUB-5)."""
    windows: Windows = defaultdict(list)
    times: dict[tuple[str, str], int] = defaultdict(int)
    for record in records:
        match record:
            case Opened(who=who, conversation=conversation):
                times[who, conversation] += 1
                _begin(windows[who, conversation], record, record.at_us)
            case Closed(who=who, conversation=conversation):
                times[who, conversation] = max(0, times[who, conversation] - 1)
                if not times[who, conversation]:
                    _end(windows[who, conversation], record.at_us)
            case Stopped(who=who):
                _end_all(windows, who, record.at_us)
                times = defaultdict(int, {key: n for key, n in times.items() if key[0] != who})
            case _:
                pass
    return windows


def subscribed(records: Iterable[Record]) -> Windows:
    """When each socket was subscribed for certain: from the answer until it asked to leave."""
    windows: Windows = defaultdict(list)
    for record in records:
        match record:
            case Subscribed(who=who, conversation=conversation, outcome="ok"):
                _begin(windows[who, conversation], record, record.at_us)
            case Unsubscribed(who=who, conversation=conversation, outcome="ok" | "unknown"):
                _end(windows[who, conversation], record.since_us)
            case Dropped(who=who) | Stopped(who=who):
                _end_all(windows, who, record.at_us)
            case _:
                pass
    return windows


def permitted(records: Iterable[Record]) -> Windows:
    """When each socket may have been subscribed: from its asking until leaving was answered."""
    windows: Windows = defaultdict(list)
    for record in records:
        match record:
            case Subscribed(who=who, conversation=conversation, outcome="ok" | "unknown"):
                _begin(windows[who, conversation], record, record.since_us)
            case Unsubscribed(who=who, conversation=conversation, outcome="ok"):
                _end(windows[who, conversation], record.at_us)
            case Dropped(who=who) | Stopped(who=who):
                _end_all(windows, who, record.at_us)
            case _:
                pass
    return windows


def _begin(windows: list[Window], record: Record, start_us: int) -> None:
    if not windows or windows[-1].end_us is not None:
        windows.append(Window(record, start_us))


def _end(windows: list[Window], end_us: int) -> None:
    if windows and windows[-1].end_us is None:
        windows[-1].end_us = end_us


def _end_all(windows: Windows, who: str, end_us: int) -> None:
    for (whose, _), theirs in windows.items():
        if whose == who:
            _end(theirs, end_us)
