"""What a change looks like on the wire (`realtime.apply_rls`, `Adapters.Changes` of the source)."""

from typing import Any, Final

import msgspec

from chatengine import moments
from fakes.supabase.database import Change, Row
from fakes.supabase.realtime.subscriptions import key_of
from fakes.supabase.schema import SCHEMA, Table

__all__ = ["TOO_LARGE", "log_size", "payload_of", "unauthorized"]

TOO_LARGE: Final = "Error 413: Payload Too Large"
_UNAUTHORIZED: Final = "Error 401: Unauthorized"

_SMALL: Final = 64
"""Bytes of JSON that a field may have in a record that is too large."""

_COLUMN_BYTES: Final = 60
"""What the log (wal2json, format 2) writes about a column beside its name and value."""


def payload_of(
    change: Change, select: tuple[str, ...] | None = None, *, too_large: bool = False
) -> dict[str, Any]:
    """Return the `data` of a change: the columns `select` names and the key, None: all.

    Of the old row there is the primary key alone, as REPLICA IDENTITY DEFAULT logs it. Where the
    entry is `too_large`, its large fields and its nulls are missing.
    """
    table = change.table
    shown = None if select is None else {*select, *table.primary_key}

    def fields(row: Row) -> Row:
        return {
            name: value
            for name, value in row.items()
            if (shown is None or name in shown) and not (too_large and _is_large(value))
        }

    data: dict[str, Any] = {
        "schema": SCHEMA,
        "table": table.name,
        "type": change.kind,
        "columns": _columns(table, shown),
        "commit_timestamp": moments.from_ms(change.commit_ms),
        "errors": [TOO_LARGE] if too_large else None,
    }
    if change.record is not None:
        data["record"] = fields(change.record)
    if change.old_record is not None:
        data["old_record"] = fields(key_of(table, change.old_record))
    return data


def unauthorized(change: Change) -> dict[str, Any]:
    """Return the `data` for a role without a right to the table; it has not even a moment."""
    data: dict[str, Any] = {
        "schema": SCHEMA,
        "table": change.table.name,
        "type": change.kind,
        "columns": [],
        "commit_timestamp": None,
        "errors": [_UNAUTHORIZED],
        "record": {},
    }
    if change.kind == "UPDATE":
        data["old_record"] = {}
    return data


def log_size(change: Change) -> int:
    """Return about how many bytes the change takes in the log."""
    row = change.record or key_of(change.table, change.old_record or {})
    names = sum(len(name) + _COLUMN_BYTES for name in row)
    return len(msgspec.json.encode(row)) + names


def _columns(table: Table, shown: set[str] | None) -> list[dict[str, str]]:
    return [
        {"name": column.name, "type": column.type}
        for column in table.columns
        if shown is None or column.name in shown
    ]


def _is_large(value: object) -> bool:
    return value is None or len(msgspec.json.encode(value)) > _SMALL
