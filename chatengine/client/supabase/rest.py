"""Reading rows through PostgREST, as the CRM does (contract, section 6)."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import ClientError, ClientResponse, ClientSession, hdrs
from msgspec import Struct
from yarl import URL

from chatengine.client.answers import TooLong, read_bounded
from chatengine.client.config import SupabaseConfig, Timing
from chatengine.client.problems import HttpProblem
from chatengine.client.supabase import refusals
from chatengine.client.supabase.topics import quoted_value
from chatengine.moments import from_ms

__all__ = ["SupabaseRest"]

_PAGE: Final = 200
"""Rows a request. Supabase gives 1,000 at most; of WhatsApp's longest texts (65,536 characters)
this many stay within `_MOST_BYTES`."""

_MOST_BYTES: Final = 32 * 1024 * 1024
"""A larger answer is not read: it would be no page of ours."""

_TOTAL: Final = re.compile(r".*/(\d{1,12})")
"""The count in `Content-Range: 0-49/1234`; `0-49/*` where it was not counted."""


class _Failure(Struct):
    """PostgREST's error body; the gateway's has a message alone."""

    message: str = ""
    hint: str | None = None


class SupabaseRest:
    """PostgREST reads with the anon key, or a user's token where `access_token` gives one.

    Every method raises `HttpProblem`, at the latest after the deadline; asking again is the
    caller's to decide. Rows come as they are: reading them is the core's.
    """

    def __init__(
        self,
        config: SupabaseConfig,
        timing: Timing,
        access_token: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        self._base = URL(config.url) / "rest/v1"
        self._key = config.anon_key
        self._deadline_s = timing.http_timeout_ms / 1000
        self._access_token = access_token
        self._http: ClientSession | None = None

    async def messages(
        self, conversation_id: str, since_ms: int | None = None, limit: int = 50, offset: int = 0
    ) -> list[object]:
        """A conversation's rows written at `since_ms` or later, newest first.

        At most `limit` of them after the first `offset`, in as many requests as that takes. A row
        that comes in between pushes others back: they may show twice, never be missed.
        """
        query = {"conversation_id": f"eq.{conversation_id}"}
        return await self._newest(query, since_ms, limit, offset)

    async def recent_messages(
        self, workspace_id: str, since_ms: int, limit: int = 1000
    ) -> list[object]:
        """The workspace's message rows written at `since_ms` or later, newest first."""
        return await self._newest({"workspace_id": f"eq.{workspace_id}"}, since_ms, limit, 0)

    async def conversations(
        self, workspace_id: str, whatsapp_number_id: str | None = None, limit: int = 1000
    ) -> list[object]:
        """The workspace's conversations, the last active first.

        With a number its own and those that name none (C-CNV-5).
        """
        query = {
            "workspace_id": f"eq.{workspace_id}",
            "order": "last_message_at.desc.nullslast,id.desc",
        }
        if whatsapp_number_id is not None:
            number = quoted_value(whatsapp_number_id)
            query["or"] = f"(whatsapp_number_id.eq.{number},whatsapp_number_id.is.null)"
        return await self._rows("conversations", query, limit, 0)

    async def close(self) -> None:
        """Close the connections; a later call opens them again."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def _newest(
        self, query: dict[str, str], since_ms: int | None, limit: int, offset: int
    ) -> list[object]:
        # With id, rows of one moment have an order, and pages do not overlap or leave gaps.
        query["order"] = "created_at.desc,id.desc"
        if since_ms is not None:
            query["created_at"] = f"gte.{from_ms(max(0, since_ms))}"
        return await self._rows("messages", query, limit, offset)

    async def _rows(
        self, table: str, query: dict[str, str], limit: int, offset: int
    ) -> list[object]:
        rows: list[object] = []
        try:
            async with asyncio.timeout(self._deadline_s):
                while len(rows) < limit:
                    asked = min(_PAGE, limit - len(rows))
                    page = {"limit": str(asked), "offset": str(offset + len(rows))}
                    found, total = await self._page(table, query | page, counted=limit > _PAGE)
                    rows += found
                    if not found or _is_last(len(found), asked, offset + len(rows), total):
                        break
        except TimeoutError:
            sentence = f"Supabase did not answer within {self._deadline_s:g} s"
            raise HttpProblem(None, sentence) from None
        except TooLong as error:
            raise HttpProblem(None, f"Supabase answered too much: {error}") from None
        except (ClientError, OSError) as error:
            raise HttpProblem(None, refusals.unreachable(error)) from None
        return rows

    async def _page(
        self, table: str, query: dict[str, str], *, counted: bool
    ) -> tuple[list[object], int | None]:
        """One request's rows, and with `counted` how many there are on all pages."""
        url = (self._base / table).with_query({"select": "*"} | query)
        headers = {
            "apikey": self._key,
            hdrs.AUTHORIZATION: f"Bearer {await self._token()}",
        }
        if counted:
            headers["Prefer"] = "count=exact"
        if self._http is None:
            self._http = ClientSession()
        async with self._http.get(url, headers=headers, allow_redirects=False) as response:
            body = await read_bounded(response, _MOST_BYTES)
        if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return [], None  # rows went while they were paged through
        if response.status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            raise HttpProblem(response.status, _sentence(table, response.status, body))
        return _decoded(table, response.status, body), _total(response)

    async def _token(self) -> str:
        if self._access_token is None:
            return self._key
        try:
            return await self._access_token()
        except Exception as error:  # whatever a caller's function may raise
            raise HttpProblem(None, refusals.no_token(error)) from None


def _is_last(found: int, asked: int, read: int, total: int | None) -> bool:
    """Whether a page was the last: by the count, for a server may give less than was asked."""
    return found < asked if total is None else read >= total


def _total(response: ClientResponse) -> int | None:
    match = _TOTAL.fullmatch(response.headers.get(hdrs.CONTENT_RANGE, ""))
    return None if match is None else int(match[1])


def _decoded(table: str, status: int, body: bytes) -> list[object]:
    try:
        rows: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        rows = None
    if not isinstance(rows, list):
        raise HttpProblem(status, f"Supabase answered no rows of {table}: check its URL")
    return rows


def _sentence(table: str, status: int, body: bytes) -> str:
    try:
        said = msgspec.json.decode(body, type=_Failure).message
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = ""
    return refusals.read(table, status, said)
