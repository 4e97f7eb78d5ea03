"""A request as PostgREST takes it, and what it comes to once everything it names is looked up."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Final

import msgspec
from msgspec import Struct

from fakes.supabase.database import Database, Row
from fakes.supabase.filters import Test
from fakes.supabase.keys import Claims
from fakes.supabase.policy import Policy
from fakes.supabase.rest import errors
from fakes.supabase.rest.matching import row_test
from fakes.supabase.rest.media import Media, negotiate
from fakes.supabase.rest.preferences import Preferences, read_preferences
from fakes.supabase.rest.query import Query, read_query
from fakes.supabase.rest.ranges import Window, read_window
from fakes.supabase.rest.shaping import Projection, Sort, projection, sort
from fakes.supabase.schema import SCHEMA, Table

__all__ = ["JSON", "Answer", "Call", "Request", "refusal", "understand"]

JSON: Final = "application/json; charset=utf-8"

_METHODS: Final = ("GET", "HEAD", "POST", "PATCH", "DELETE")
_LONGEST_NAME: Final = 63
"""Of anything in Postgres."""
_NEAR: Final = 0.75
"""How alike two names must be for a hint, where 1 is equal."""


class Call(Struct, frozen=True, kw_only=True):
    """A request for a table, its headers picked out; `query` is the raw query string."""

    method: str
    table: str
    claims: Claims
    query: str = ""
    body: bytes = b""
    accept: str = ""
    content_type: str = ""
    prefer: Sequence[str] = ()
    range: str = ""
    profile: str = SCHEMA


class Answer(Struct, frozen=True):
    """What is answered: status, headers and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


def refusal(error: errors.RestError) -> Answer:
    """Write an error as an answer."""
    source = f"PostgREST; error={error.body.code}"
    headers = {"Content-Type": JSON, "Proxy-Status": source, **error.headers}
    return Answer(error.status, headers, msgspec.json.encode(error.body))


class Request(Struct, frozen=True, kw_only=True):
    """A call understood: all that it names is there, and its role may use the table."""

    call: Call
    table: Table
    query: Query
    preferences: Preferences
    media: Media
    window: Window
    test: Test
    show: Projection
    sort: Sort
    policy: Policy

    @property
    def anonymous(self) -> bool:
        """Whether nobody has signed in."""
        return self.call.claims.role == "anon"

    def sees(self, row: Row) -> bool:
        """Whether the caller may see, and write, a row."""
        return self.policy.sees(self.call.claims, self.table, row)

    def matches(self, row: Row) -> bool:
        """Whether a row is one that the caller may see and asks for."""
        return self.sees(row) and self.test(row) is True


def understand(call: Call, database: Database, policy: Policy) -> Request:
    """Look up what a call names; raises `RestError` and `DatabaseError`, in PostgREST's order."""
    preferences = read_preferences(call.prefer)
    if call.profile != SCHEMA:
        raise errors.other_schema(call.profile, SCHEMA)
    if call.method not in _METHODS:
        raise errors.method_not_allowed(call.method)
    query = read_query(call.query)
    window = read_window(query.limit, query.offset, call.range if call.method == "GET" else "")
    table = database.table(call.table)
    if table is None:
        raise errors.no_table(SCHEMA, call.table, _near(call.table, database))
    media = negotiate(call.accept)
    if not policy.may_use(call.claims, table):
        raise errors.no_right(table.name, anonymous=call.claims.role == "anon")
    return Request(
        call=call,
        table=table,
        query=query,
        preferences=preferences,
        media=media,
        window=window,
        test=row_test(query.where, table),
        show=projection(query.select, table),
        sort=sort(query.order, table),
        policy=policy,
    )


def _near(name: str, database: Database) -> str | None:
    known = [table.name for table in database.tables]
    return next(iter(get_close_matches(name[:_LONGEST_NAME], known, n=1, cutoff=_NEAR)), None)
