"""POST, PATCH and DELETE: each is done as a whole or not at all.

What is written goes through the `Database`, so that Realtime tells of it. The rows' rule is kept
as Postgres keeps it: what the caller may not see it cannot change, and what it writes must be its
own afterwards.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from fakes.supabase.database import Change, Conflict, Database, Row
from fakes.supabase.rest import errors
from fakes.supabase.rest.calls import Answer, Request
from fakes.supabase.rest.payload import Payload, check_columns, read_payload
from fakes.supabase.rest.ranges import content_range
from fakes.supabase.rest.values import as_text
from fakes.supabase.schema import SCHEMA

__all__ = ["create_rows", "delete_rows", "update_rows"]

_CONFLICTS: Final[dict[str | None, Conflict]] = {
    None: "error",
    "merge-duplicates": "merge",
    "ignore-duplicates": "ignore",
}


def create_rows(request: Request, database: Database) -> Answer:
    """Insert or upsert the rows of the body; raises `RestError` and `DatabaseError`."""
    payload = _payload(request)
    _check_owner(request, payload.rows)
    resolution = request.preferences.resolution
    look = _Look(request)
    database.insert(
        request.table.name,
        payload.rows,
        conflict=_CONFLICTS[resolution],
        on=request.query.on_conflict if resolution else None,
        check=look,
    )
    headers = {"Content-Range": content_range(0, 0, look.total)}
    location = _location(request, look.rows)
    if location is not None:
        headers["Location"] = location
    merged = resolution == "merge-duplicates" and look.rows and not look.inserted
    status = HTTPStatus.OK if merged else HTTPStatus.CREATED
    return look.answer(status, status, headers, "resolution", "missing", "return")


def update_rows(request: Request, database: Database) -> Answer:
    """Change the rows asked for; raises `RestError` and `DatabaseError`."""
    payload = _payload(request)
    if not request.query.where:
        raise errors.no_where("UPDATE")
    values = payload.rows[0] if payload.rows else {}
    look = _Look(request)
    if values:
        database.update(request.table.name, request.matches, values, check=look)
    else:
        look(())
    headers = {"Content-Range": content_range(0, len(look.rows), look.total)}
    kinds = ("missing", "return", "max-affected")
    return look.answer(HTTPStatus.OK, HTTPStatus.NO_CONTENT, headers, *kinds)


def delete_rows(request: Request, database: Database) -> Answer:
    """Delete the rows asked for; raises `RestError` and `DatabaseError`."""
    if not request.query.where:
        raise errors.no_where("DELETE")
    look = _Look(request)
    database.delete(request.table.name, request.matches, check=look)
    headers = {"Content-Range": content_range(0, 0, look.total)}
    return look.answer(HTTPStatus.OK, HTTPStatus.NO_CONTENT, headers, "return", "max-affected")


class _Look:
    """Looks at what a statement changes, before it is done, and answers when it is."""

    def __init__(self, request: Request) -> None:
        self.rows: Sequence[Row] = ()
        self.inserted = False
        self._request = request
        self._shown: list[dict[str, Any]] = []

    def __call__(self, changes: Sequence[Change]) -> None:
        """Raise `RestError` or `DatabaseError` for what must not be done or cannot be shown."""
        for change in changes:
            self._check_rows_rule(change)
        self._check_number(len(changes))
        self.inserted = any(change.kind == "INSERT" for change in changes)
        rows = [change.record or change.old_record or {} for change in changes]
        self.rows = self._request.sort(rows)
        if self._request.preferences.returns == "representation":
            self._shown = [self._request.show(row) for row in self.rows]

    @property
    def total(self) -> int | None:
        """How many rows were changed, where the client wants them counted."""
        return len(self.rows) if self._request.preferences.count else None

    def answer(self, full: int, empty: int, headers: dict[str, str], *kinds: str) -> Answer:
        """Answer with `full` and the rows, where they are wanted back, else with `empty`."""
        preferences, media = self._request.preferences, self._request.media
        applied = preferences.applied(*kinds)
        if applied:
            headers["Preference-Applied"] = applied
        if preferences.returns != "representation":
            return Answer(empty, headers)
        headers["Content-Type"] = media.content_type
        headers["Content-Profile"] = SCHEMA
        return Answer(full, headers, media.write(self._shown))

    def _check_rows_rule(self, change: Change) -> None:
        request = self._request
        for row in (change.old_record, change.record):
            if row is not None and not request.sees(row):
                raise errors.refused_by_policy(
                    request.table.name,
                    anonymous=request.anonymous,
                    existing=row is change.old_record,
                )

    def _check_number(self, count: int) -> None:
        if self._request.media.single and count != 1:
            raise errors.not_one_row(count)
        preferences = self._request.preferences
        most = preferences.max_affected if preferences.handling == "strict" else None
        if most is not None and count > most and self._request.call.method != "POST":
            raise errors.too_many_affected(count)


def _payload(request: Request) -> Payload:
    call, fill = request.call, request.preferences.missing != "default"
    payload = read_payload(call.body, call.content_type, request.query.columns, fill=fill)
    check_columns(payload, request.table)
    return payload


def _check_owner(request: Request, rows: Sequence[Row]) -> None:
    """Refuse rows of other workspaces first: Postgres looks at nulls and keys only after that."""
    name = request.table.workspace_column
    column = None if name is None else request.table.column(name)
    if column is None:
        return
    if not all(request.sees({column.name: row.get(column.name, column.default)}) for row in rows):
        raise errors.refused_by_policy(request.table.name, anonymous=request.anonymous)


def _location(request: Request, rows: Sequence[Row]) -> str | None:
    """Return where a new row is, for a client that wants no more than that."""
    if request.preferences.returns != "headers-only" or len(rows) != 1:
        return None
    keys = {name: f"eq.{as_text(rows[0][name])}" for name in request.table.primary_key}
    return f"/{request.table.name}?{urlencode(keys)}"
