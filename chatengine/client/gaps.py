"""Since when a conversation's messages may be missing, for one source; no I/O (C-FBK-4).

A conversation is *complete* while the source pushes its messages and what came before has been
fetched. Whatever ends that begins a gap; only a fetch that succeeded ends it, so that a gap which
could not be closed before the next loss keeps its beginning.

A gap begins at the loss or at the newest message known then, whichever is earlier: the first is of
this machine's clock, which may be ahead of the servers', and a half-open connection has been deaf
for a while when its loss is noticed.
"""

from __future__ import annotations

from collections.abc import Container

from msgspec import Struct

__all__ = ["Gap", "Gaps"]


class Gap(Struct, frozen=True):
    """`began_ms` since the epoch; `is_whole`: nothing was fetched before, so the latest are too."""

    began_ms: int
    is_whole: bool = False


class Gaps:
    """The gaps of one source; None stands for complete, no entry for never looked at."""

    def __init__(self) -> None:
        self._gaps: dict[str, Gap | None] = {}

    def __contains__(self, conversation_id: str) -> bool:
        """Whether it may lack messages."""
        return self.of(conversation_id) is not None

    def of(self, conversation_id: str) -> Gap | None:
        """The gap of a conversation, None where it is complete."""
        return self._gaps.get(conversation_id)

    def opened(self, conversation_id: str, now_ms: int, *, is_empty: bool) -> None:
        """A conversation is looked at; one of which nothing is kept (any more) lacks everything."""
        if is_empty or conversation_id not in self._gaps:
            self._gaps[conversation_id] = Gap(now_ms, is_whole=True)

    def broken(self, conversation_id: str, now_ms: int, newest_ms: int | None) -> None:
        """From now on it may miss something, if it was complete."""
        if self._gaps.get(conversation_id, _UNKNOWN) is None:
            self._gaps[conversation_id] = Gap(_earlier(now_ms, newest_ms))

    def closed(self, conversation_id: str) -> None:
        """What was missed has been fetched, and the source pushes what is new."""
        self._gaps[conversation_id] = None

    def fetched(self, conversation_id: str, at_ms: int, newest_ms: int | None) -> None:
        """What was missed until `at_ms` has been fetched, and nothing is pushed."""
        self._gaps[conversation_id] = Gap(_earlier(at_ms, newest_ms))

    def forget_all_but(self, kept: Container[str]) -> None:
        """Give up what nobody can see any more."""
        self._gaps = {each: gap for each, gap in self._gaps.items() if each in kept}


_UNKNOWN = Gap(0)


def _earlier(now_ms: int, newest_ms: int | None) -> int:
    return now_ms if newest_ms is None else min(now_ms, newest_ms)
