"""What each source may have missed, and how it catches up; a key is a conversation, or the list."""

from __future__ import annotations

from typing import Final

from chatengine.client.gaps import Gaps
from chatengine.client.history import History
from chatengine.client.intake import Intake

__all__ = ["LIST", "Books", "CatchUp"]

LIST: Final = ""
"""The list's key; no conversation has an empty id."""


class Books:
    """The gaps of both sources. What ChatEngine has told in full needs no telling by Supabase.

    Not the other way round: Supabase may lose what it pushes without a word (at most once, and no
    more than 100 changes a poll), so what it told does not close ChatEngine's gap.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.chatengine = Gaps()
        self.supabase = Gaps()
        self.opened(LIST)

    @property
    def keys(self) -> tuple[str, ...]:
        """What a user looks at: the list, and the open conversations."""
        return LIST, *self._intake.state.opened

    def opened(self, key: str) -> None:
        """Somebody looks at it."""
        is_empty = key != LIST and self.newest_ms(key) is None
        for gaps in (self.chatengine, self.supabase):
            gaps.opened(key, self._intake.now_ms(), is_empty=is_empty)

    def closed(self, conversation_id: str) -> None:
        """Nobody looks at it any more: what is told from now on is missed."""
        self.broken(conversation_id)
        for gaps in (self.chatengine, self.supabase):
            gaps.forget_all_but({LIST, *self._intake.state.shown})

    def broken(self, *keys: str) -> None:
        """From now on nobody tells of these."""
        for key in keys:
            self.chatengine.broken(key, self._intake.now_ms(), self.newest_ms(key))
            self.supabase_broken(key)

    def supabase_broken(self, key: str) -> None:
        """From now on Supabase does not tell of it."""
        self.supabase.broken(key, self._intake.now_ms(), self.newest_ms(key))

    def newest_ms(self, key: str) -> int | None:
        """When the newest message of it was written, by the servers' clocks."""
        if key != LIST:
            return self._intake.newest_ms(key)
        listed = self._intake.state.conversations()
        return listed[0].last_message_ms if listed else None


class CatchUp:
    """One source's history, asked for what a gap lacks. Every fetch raises `HttpProblem`."""

    def __init__(
        self, history: History, gaps: Gaps, books: Books, intake: Intake, overlap_ms: int
    ) -> None:
        """`gaps` is the source's own of `books`; ChatEngine's history serves for both."""
        self._history = history
        self._gaps = gaps
        self._closes = {id(each): each for each in (gaps, books.supabase)}.values()
        self._books = books
        self._intake = intake
        self._overlap_ms = overlap_ms

    async def close(self, key: str) -> None:
        """Fetch what the key lacks, while the source tells what is new: then it is complete.

        The latest messages among it: a phone that was offline for hours delivers what was written
        then, so that no overlap is long enough.
        """
        await self._fetch(key, latest=True)
        for gaps in self._closes:
            gaps.closed(key)

    async def advance(self, key: str) -> None:
        """Fetch while nobody tells what is new: the gap goes on, but begins later."""
        at_ms = self._intake.now_ms()
        await self._fetch(key, latest=False)
        for gaps in self._closes:
            if key in gaps:  # else it has been closed meanwhile
                gaps.fetched(key, at_ms, self._books.newest_ms(key))

    async def _fetch(self, key: str, *, latest: bool) -> None:
        gap = self._gaps.of(key)
        if gap is None:
            return
        if key == LIST:
            since_ms = None if gap.is_whole else gap.began_ms - self._overlap_ms
            await self._history.conversations(since_ms)
        else:
            since_ms = self._intake.state.backfill_since(key, gap.began_ms, self._overlap_ms)
            await self._history.conversation(key, since_ms, latest=latest or gap.is_whole)
