"""Fetching what was missed, page after page, from ChatEngine or from Supabase.

Both hand each page on as it comes, and raise `HttpProblem`; what came before it is not lost, and
whoever asks again is given it once more, which changes nothing (C-FBK-5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from chatengine.client.http import LARGEST_PAGE, ChatEngineHttp
from chatengine.client.intake import Intake
from chatengine.client.problems import AnswerTooLong
from chatengine.client.supabase import SupabaseRest
from chatengine.moments import MomentError, to_ms

__all__ = ["ChatEngineHistory", "History", "SupabaseHistory"]

_LATEST: Final = 100
"""Messages of a conversation that is opened for the first time: some screens full."""

_ROWS: Final = 1000
"""Rows in one go, which `SupabaseRest` divides into requests."""

_PREVIEWS: Final = 200
"""Latest rows of a workspace, for the previews of its list: one request."""

_SMALLER: Final = 5
"""So much smaller is a page after one that was too long: four steps from 500 to a single one."""

_UNREADABLE: Final = None
"""Stands for a message too long to be read: malformed, and counted as that (C-MSG-7)."""


class History(Protocol):
    """Where a gap can be closed from."""

    async def conversation(self, conversation_id: str, since_ms: int, *, latest: bool) -> None:
        """Fetch what was written at `since_ms` or later; with `latest` the last messages too."""

    async def conversations(self, since_ms: int | None) -> None:
        """Fetch the list, with what its previews need of what was written since (None: lately)."""


class ChatEngineHistory:
    """Over ChatEngine's HTTP interface (contract, section 4), oldest first."""

    def __init__(self, http: ChatEngineHttp, intake: Intake) -> None:
        self._http = http
        self._intake = intake

    async def conversation(self, conversation_id: str, since_ms: int, *, latest: bool) -> None:
        """As `History` says.

        A page of fewer than 100, the contract's `limit` of one who gives none, is the last; after
        any other comes one that begins where it ended, until that brings nothing later. A server
        that pays no heed to `since` is not asked for ever. More than 500 messages of one
        millisecond cannot be told apart by `since`: what is beyond them is passed over. So is what
        follows a message that is too long to be read, up to the latest ones.
        """
        pages = _Pages(self._http, conversation_id)
        if latest and await self._latest_reach(pages, since_ms):
            return
        while (page := await self._read(pages, since_ms, LARGEST_PAGE)) is not None:
            last_ms = max(_moments(page, "createdAt"), default=-1)
            if len(page) < min(_LATEST, pages.most) or last_ms < since_ms:
                return
            if last_ms == since_ms and len(page) < pages.most:
                return
            since_ms = max(last_ms, since_ms + 1)

    async def _latest_reach(self, pages: _Pages, since_ms: int) -> bool:
        page = await self._read(pages, None, _LATEST)
        return page is not None and _reaches(page, "createdAt", since_ms, pages.most)

    async def _read(self, pages: _Pages, since_ms: int | None, limit: int) -> list[object] | None:
        page = await pages.read(since_ms, limit)
        self._intake.history([_UNREADABLE] if page is None else page)
        return page

    async def conversations(self, since_ms: int | None) -> None:
        """As `History` says; the list has its previews in it."""
        self._intake.conversations(await self._http.conversations())


class _Pages:
    """Pages of a conversation, each smaller where one before was too long to be read."""

    def __init__(self, http: ChatEngineHttp, conversation_id: str) -> None:
        self._http = http
        self._conversation_id = conversation_id
        self.most = LARGEST_PAGE

    async def read(self, since_ms: int | None, limit: int) -> list[object] | None:
        """A page of `limit` messages or, if need be, fewer; None where one alone is too long."""
        while True:
            asked = min(limit, self.most)
            try:
                return await self._http.messages(self._conversation_id, since_ms, asked)
            except AnswerTooLong:
                if asked == 1:
                    return None
                self.most = max(1, asked // _SMALLER)


class SupabaseHistory:
    """Through PostgREST (contract, section 6), newest first."""

    def __init__(
        self, rest: SupabaseRest, intake: Intake, workspace_id: str, whatsapp_number_id: str | None
    ) -> None:
        self._rest = rest
        self._intake = intake
        self._workspace_id = workspace_id
        self._number = whatsapp_number_id

    async def conversation(self, conversation_id: str, since_ms: int, *, latest: bool) -> None:
        """As `History` says."""
        if latest:
            rows = await self._rest.messages(conversation_id, None, _LATEST)
            self._intake.rows("messages", rows)
            if _reaches(rows, "created_at", since_ms):
                return
        read = 0
        while True:
            rows = await self._rest.messages(conversation_id, since_ms, _ROWS, read)
            self._intake.rows("messages", rows)
            read += len(rows)
            if len(rows) < _ROWS:
                return

    async def conversations(self, since_ms: int | None) -> None:
        """As `History` says; a row of a conversation has no text, the latest messages have."""
        listed = await self._rest.conversations(self._workspace_id, self._number)
        self._intake.rows("conversations", listed)
        most = _PREVIEWS if since_ms is None else _ROWS
        recent = await self._rest.recent_messages(self._workspace_id, since_ms or 0, most)
        self._intake.rows("messages", recent)


def _reaches(page: Sequence[object], field: str, since_ms: int, asked: int = _LATEST) -> bool:
    """Whether the latest messages are all there are, or go back to `since_ms`."""
    return (
        len(page) < min(asked, _LATEST) or min(_moments(page, field), default=since_ms) < since_ms
    )


def _moments(page: Sequence[object], field: str) -> Iterable[int]:
    """The moments of a page; what has none is malformed, which the state counts."""
    for each in page:
        try:
            yield to_ms(each.get(field) if isinstance(each, dict) else None)
        except MomentError:
            continue
