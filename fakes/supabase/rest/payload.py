"""The body of a write: rows, and the columns they name."""

import csv
import io
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from fakes.supabase.database import Row
from fakes.supabase.rest.errors import bad_body, no_written_column
from fakes.supabase.schema import Table

__all__ = ["Payload", "check_columns", "read_payload"]

_JSON: Final = "application/json"
_MOST_FORM_FIELDS: Final = 1000


class Payload(Struct, frozen=True):
    """Rows, each naming what of `columns` it gives a value to."""

    rows: tuple[Row, ...]
    columns: frozenset[str]


def read_payload(
    body: bytes, content_type: str, columns: Sequence[str] | None, *, fill: bool
) -> Payload:
    """Read a body as PostgREST does; raises `RestError` (PGRST102).

    Without `columns` (the parameter of the query) all rows must name the same ones; with it what
    is not among them is passed over, and with `fill` what a row lacks of them is NULL.
    """
    rows = _rows(body, content_type)
    if columns is None:
        named = frozenset(rows[0]) if rows else frozenset[str]()
        if any(row.keys() != named for row in rows):
            raise bad_body("All object keys must match")
        return Payload(rows, named)
    return Payload(
        tuple({name: row.get(name) for name in columns if fill or name in row} for row in rows),
        frozenset(columns),
    )


def check_columns(payload: Payload, table: Table) -> None:
    """Raise `RestError` (PGRST204) for the first column, by name, that the table does not have."""
    for name in sorted(payload.columns):
        if table.column(name) is None:
            raise no_written_column(table.name, name)


def _rows(body: bytes, content_type: str) -> tuple[Row, ...]:
    media_type = content_type.partition(";")[0].strip().lower() or _JSON
    if media_type == _JSON:
        return _json_rows(body)
    text = body.decode(errors="replace")
    match media_type:
        case "text/csv":
            return _csv_rows(text)
        case "application/x-www-form-urlencoded":
            return _form_row(text)
        case _:
            raise bad_body(f"Content-Type not acceptable: {media_type}")


def _json_rows(body: bytes) -> tuple[Row, ...]:
    """Read an object or a list of them; any other JSON is no row at all, as PostgREST has it."""
    try:
        given: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise bad_body("Empty or invalid json") from None
    if isinstance(given, dict):
        return (given,)
    rows = given if isinstance(given, list) else []
    if not all(isinstance(row, dict) for row in rows):
        raise bad_body("All object keys must match")
    return tuple(rows)


def _csv_rows(text: str) -> tuple[Row, ...]:
    try:
        header, *lines = csv.reader(io.StringIO(text), strict=True)
    except (csv.Error, ValueError):
        raise bad_body("not enough input") from None
    if any(len(line) != len(header) for line in lines):
        raise bad_body("All lines must have same number of fields")
    return tuple(
        {name: None if cell == "NULL" else cell for name, cell in zip(header, line, strict=True)}
        for line in lines
    )


def _form_row(text: str) -> tuple[Row, ...]:
    try:
        return (dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FORM_FIELDS)),)
    except ValueError:
        raise bad_body("too many fields") from None
