"""Rows as the answer shows them: in which order, and with what of each."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from fakes.supabase.database import Row
from fakes.supabase.ordering import Key, sort_key
from fakes.supabase.rest.errors import aggregates_disabled, no_relationship
from fakes.supabase.rest.selection import Aggregate, Embedding, OrderTerm, SelectItem, Star
from fakes.supabase.rest.values import Bound, Get, bind, cast
from fakes.supabase.schema import SCHEMA, Table

__all__ = ["Projection", "Sort", "projection", "sort"]

Projection: TypeAlias = Callable[[Row], dict[str, Any]]
Sort: TypeAlias = Callable[[Sequence[Row]], Sequence[Row]]


def projection(items: Iterable[SelectItem], table: Table) -> Projection:
    """Return what makes of a row what the select list asks for.

    Raises `RestError` (42703, PGRST123, PGRST200) and `DatabaseError` (42704, 42883); what comes
    back raises `DatabaseError` where a value cannot be cast.
    """
    getters = [getter for item in items for getter in _getters(item, table)]
    return lambda row: {name: get(row) for name, get in getters}


def _getters(item: SelectItem, table: Table) -> list[tuple[str, Get]]:
    match item:
        case Star():
            return [(name, _column(name)) for name in table.column_names]
        case Aggregate():
            raise aggregates_disabled()
        case Embedding(other):
            raise no_relationship(table.name, other, SCHEMA)
    bound = bind(item.field, table)
    if item.cast is not None:
        bound = cast(bound, item.cast)
    return [(item.alias or item.field.shown_as, bound.get)]


def _column(name: str) -> Get:
    return lambda row: row[name]


def sort(terms: Iterable[OrderTerm], table: Table) -> Sort:
    """Return what orders rows; those equal in every term keep their order of entry.

    Raises `RestError` (42703) and `DatabaseError` (42883).
    """
    bound = [(term, bind(term.field, table)) for term in terms]

    def sorted_rows(rows: Sequence[Row]) -> Sequence[Row]:
        for term, field in reversed(bound):
            rows = _sorted_by(term, field, rows)
        return rows

    return sorted_rows


def _sorted_by(term: OrderTerm, field: Bound, rows: Sequence[Row]) -> list[Row]:
    nulls = [row for row in rows if field.get(row) is None]
    others = [row for row in rows if field.get(row) is not None]
    others.sort(key=_row_key(field, sort_key(field.type)), reverse=term.descending)
    return nulls + others if term.nulls_first else others + nulls


def _row_key(field: Bound, key: Key | None) -> Callable[[Row], Any]:
    return field.get if key is None else lambda row: key(field.get(row))
