"""What a field of a query is in a row: a column's value, or what lies within its JSON."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from fakes.supabase import types
from fakes.supabase.database import Row
from fakes.supabase.errors import DatabaseError
from fakes.supabase.rest.errors import no_column
from fakes.supabase.rest.fields import Arrow, Field
from fakes.supabase.schema import Table

__all__ = ["Bound", "Get", "as_text", "bind", "cast"]

Get: TypeAlias = Callable[[Row], Any]

_TYPES_OF_SQL: Final = {
    "smallint": "int2",
    "int": "int4",
    "integer": "int4",
    "bigint": "int8",
    "real": "float4",
    "float": "float8",
    "double precision": "float8",
    "decimal": "numeric",
    "boolean": "bool",
    "character varying": "varchar",
    "char": "bpchar",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
}


class Bound(Struct, frozen=True):
    """A field of one table: how it is had from a row, and its Postgres type."""

    get: Get
    type: str


def bind(field: Field, table: Table) -> Bound:
    """Find a field in a table; raises `RestError` (42703) and `DatabaseError` (42883)."""
    column = table.column(field.column)
    if column is None:
        raise no_column(table.name, field.column)
    if any(arrow.as_text for arrow in field.path[:-1]):
        raise DatabaseError("42883", "operator does not exist: text -> unknown")
    bound = Bound(itemgetter(column.name), column.type)
    for arrow in field.path:
        bound = _step(bound, arrow)
    return bound


def cast(bound: Bound, name: str) -> Bound:
    """Cast to the type that SQL calls `name`; raises `DatabaseError` (42704) for an unknown one."""
    wanted = _TYPES_OF_SQL.get(name.lower(), name.lower())
    if not types.is_known(wanted):
        raise DatabaseError("42704", f'type "{name}" does not exist')

    def get(row: Row) -> Any:
        text = as_text(bound.get(row))
        return None if text is None else types.read_text(wanted, text)

    return Bound(get, wanted)


def as_text(value: Any) -> str | None:
    """Return a value as Postgres writes it; JSON comes without the spaces that Postgres adds."""
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _step(bound: Bound, arrow: Arrow) -> Bound:
    """Go one step into JSON; what is no JSON is taken as such first, as PostgREST does."""

    def get(row: Row) -> Any:
        found = _within(bound.get(row), arrow.step)
        return as_text(found) if arrow.as_text else found

    return Bound(get, "text" if arrow.as_text else "jsonb")


def _within(value: Any, step: str | int) -> Any:
    if isinstance(value, list) and isinstance(step, int):
        return value[step] if -len(value) <= step < len(value) else None
    return value.get(step) if isinstance(value, dict) and isinstance(step, str) else None
