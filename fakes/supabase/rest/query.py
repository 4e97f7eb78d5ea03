"""A query string as PostgREST reads it: what is selected, under which conditions, in which order.

`select`, `order`, `limit`, `offset`, `and`, `or`, `not.and`, `not.or`, `columns` and `on_conflict`
have a meaning of their own; every other parameter is a filter on the column it names.
"""

import re
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import quote_plus, unquote_plus

from fakes.supabase.rest.conditions import Condition, Where, filter_value, group
from fakes.supabase.rest.errors import no_embedding
from fakes.supabase.rest.fields import Field, arrows, delimiter, field_name
from fakes.supabase.rest.scanner import Scanner, read
from fakes.supabase.rest.selection import OrderTerm, SelectItem, columns, order_terms, select_list

__all__ = ["Query", "read_query"]

_Pairs: TypeAlias = list[tuple[str, str]]

_GATEWAY: Final = frozenset({"apikey"})
"""Parameters for the gateway in front of PostgREST, which keeps them to itself."""

_RESERVED: Final = frozenset({"select", "columns", "on_conflict"})
_RESERVED_ENDS: Final = frozenset({"order", "limit", "offset", "and", "or"})
"""With a path before them, these are about an embedded table."""

_WHOLE: Final = re.compile(r"\s*-?\d{1,18}\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Query:
    """What a request asks for; `canonical` is its query string, sorted by name."""

    canonical: str
    select: tuple[SelectItem, ...]
    where: tuple[Where, ...]
    order: tuple[OrderTerm, ...]
    limit: int | None
    offset: int | None
    columns: tuple[str, ...] | None
    on_conflict: tuple[str, ...] | None


def read_query(text: str) -> Query:
    """Read a raw query string; raises `RestError` (PGRST100, PGRST108), in PostgREST's order."""
    pairs = [pair for pair in _pairs(text) if pair[0] not in _GATEWAY]
    return Query(
        canonical="&".join(
            f"{quote_plus(key)}={quote_plus(value)}" for key, value in sorted(pairs)
        ),
        order=_order(pairs),
        where=(*_groups(pairs), *_filters(pairs)),
        columns=_names(pairs, "columns"),
        select=_select(pairs),
        on_conflict=_names(pairs, "on_conflict"),
        limit=_whole(_last(pairs, "limit")),
        offset=_whole(_last(pairs, "offset")),
    )


def _pairs(text: str) -> _Pairs:
    """Split a query string; a parameter without `=` counts for nothing."""
    parts = (part.partition("=") for part in text.split("&"))
    return [(unquote_plus(key), unquote_plus(value)) for key, equals, value in parts if equals]


def _ending(pairs: _Pairs, *ends: str) -> _Pairs:
    return [(key, value) for key, value in pairs if key.rpartition(".")[2] in ends]


def _first(pairs: _Pairs, name: str) -> str | None:
    return next((value for key, value in pairs if key == name), None)


def _last(pairs: _Pairs, name: str) -> str | None:
    found = None
    for key, value in _ending(pairs, name):
        _own_table(key.split("."))
        found = value
    return found


def _own_table(path: list[str]) -> None:
    """Refuse what is about another table: the fake embeds none."""
    if len(path) > 1:
        raise no_embedding(path[0])


def _whole(text: str | None) -> int | None:
    """Read a number; like PostgREST, pass over what is none."""
    return int(text) if text is not None and _WHOLE.fullmatch(text) else None


def _order(pairs: _Pairs) -> tuple[OrderTerm, ...]:
    orders = _ending(pairs, "order")
    terms = [read("order", value, order_terms) for _, value in orders]
    for key, _ in orders:
        _own_table(key.split("."))
    return terms[0] if terms else ()


def _groups(pairs: _Pairs) -> list[Where]:
    found: list[Where] = []
    for key, value in _ending(pairs, "and", "or"):
        *path, name = key.split(".")
        _own_table([*(each for each in path if each != "not"), name])
        text = f"not.{name}{value}" if "not" in path else name + value
        found.append(read("logic tree", text, group, shown=value))
    return found


def _select(pairs: _Pairs) -> tuple[SelectItem, ...]:
    given = _first(pairs, "select")
    return read("select parameter", "*" if given is None else given, select_list)


def _names(pairs: _Pairs, name: str) -> tuple[str, ...] | None:
    given = _first(pairs, name)
    return None if given is None else read(f"{name} parameter", given, columns)


def _filters(pairs: _Pairs) -> list[Where]:
    found: list[Where] = []
    for key, value in pairs:
        if key in _RESERVED or key.rpartition(".")[2] in _RESERVED_ENDS:
            continue
        path, column = read("tree path", key, _tree_path)
        _own_table([*path, column.column])
        found.append(Condition(column, read("filter", value, filter_value)))
    return found


def _tree_path(scanner: Scanner) -> tuple[list[str], Field]:
    names = [field_name(scanner)]
    while delimiter(scanner):
        names.append(field_name(scanner))
    return names[:-1], Field(names[-1], arrows(scanner))
