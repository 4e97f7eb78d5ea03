"""What a query asks to be shown of each row, and in which order the rows come."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from fakes.supabase.rest.fields import Field, field, field_name, identifier
from fakes.supabase.rest.scanner import Scanner

__all__ = [
    "Aggregate",
    "Embedding",
    "OrderTerm",
    "SelectItem",
    "Selected",
    "Star",
    "columns",
    "order_terms",
    "select_list",
]

_AGGREGATES: Final = ("sum", "avg", "count", "max", "min")


@dataclass(frozen=True, slots=True)
class Star:
    """`*`: every column."""


@dataclass(frozen=True, slots=True)
class Selected:
    """One field, under its own name or an alias, cast to a type or not."""

    field: Field
    alias: str | None = None
    cast: str | None = None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`count()`, `amount.sum()`."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """`messages(id,body)`: rows of another table within each row."""

    table: str


SelectItem: TypeAlias = Star | Selected | Aggregate | Embedding


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """One field to order by; nulls come as PostgreSQL has them: as if larger than all."""

    field: Field
    descending: bool
    nulls_first: bool


def select_list(scanner: Scanner) -> tuple[SelectItem, ...]:
    """Read a select list; an empty one selects nothing. Raises `NoParse`."""
    if scanner.before(""):
        return ()
    items = [_item(scanner)]
    while scanner.literal(","):
        items.append(_item(scanner))
    return tuple(items)


def order_terms(scanner: Scanner) -> tuple[OrderTerm, ...]:
    """Read `column.desc.nullslast,...`; raises `NoParse`."""
    terms = [_order_term(scanner)]
    while scanner.literal(","):
        terms.append(_order_term(scanner))
    return tuple(terms)


def columns(scanner: Scanner) -> tuple[str, ...]:
    """Read names with commas between; raises `NoParse`."""
    names = [field_name(scanner)]
    scanner.blanks()
    while scanner.literal(","):
        scanner.blanks()
        names.append(field_name(scanner))
        scanner.blanks()
    return tuple(names)


def _item(scanner: Scanner) -> SelectItem:
    scanner.blanks()
    item = scanner.attempt_quietly(_embedding) or scanner.attempt(_star) or _selected(scanner)
    scanner.blanks()
    return item


def _embedding(scanner: Scanner) -> Embedding:
    if not scanner.literal("..."):
        scanner.attempt_quietly(_alias)
    table = field_name(scanner)
    while scanner.literal("!"):
        field_name(scanner)
    scanner.demand(table != "count" and scanner.literal("("))
    scanner.nested(select_list)
    scanner.demand(scanner.literal(")"))
    return Embedding(table)


def _star(scanner: Scanner) -> Star:
    scanner.demand(scanner.literal("*") and scanner.before(")", ",", ""))
    return Star()


def _selected(scanner: Scanner) -> Selected | Aggregate:
    alias = scanner.attempt_quietly(_alias)
    if scanner.attempt(_count):
        return Aggregate()
    shown = field(scanner)
    cast = identifier(scanner) if scanner.literal("::") else None
    aggregate = scanner.attempt(_aggregate)
    scanner.demand(scanner.before(")", ",", ""))
    return Aggregate() if aggregate else Selected(shown, alias, cast)


def _alias(scanner: Scanner) -> str:
    alias = field_name(scanner)
    scanner.demand(scanner.literal(":"))
    scanner.demand(not scanner.standing(":".__eq__))
    return alias


def _count(scanner: Scanner) -> bool:
    scanner.demand(scanner.literal("count()"))
    return _end_of_aggregate(scanner)


def _aggregate(scanner: Scanner) -> bool:
    scanner.demand(scanner.literal("."))
    scanner.demand(any(scanner.literal(name + "()") for name in _AGGREGATES))
    return _end_of_aggregate(scanner)


def _end_of_aggregate(scanner: Scanner) -> bool:
    if scanner.literal("::"):
        identifier(scanner)
    scanner.demand(scanner.before(")", ",", ""))
    return True


def _order_term(scanner: Scanner) -> OrderTerm:
    scanner.blanks()
    name = field(scanner)
    direction = _after_dot(scanner, "asc", "desc")
    nulls = _after_dot(scanner, "nullsfirst", "nullslast")
    scanner.demand(scanner.before(",", ""))
    descending = direction == "desc"
    return OrderTerm(name, descending, nulls == "nullsfirst" or (descending and nulls is None))


def _after_dot(scanner: Scanner, *words: str) -> str | None:
    start = scanner.at
    if scanner.literal(".", "delimiter (.)"):
        for word in words:
            if scanner.literal(word):
                return word
    scanner.at = start
    return None
