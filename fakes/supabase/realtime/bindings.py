"""What a channel asks for: read from its join, and made into subscriptions to tables.

The syntax is Realtime's own (`Subscriptions.parse_subscription_params` of its source):
`column=operator.value`, commas between conditions that must all hold, `not.` before an operator,
`in.(a,b)`, and double quotes around a value that has a comma or a bracket.
"""

import re
import zlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from fakes.supabase.filters import OPERATORS, Operation
from fakes.supabase.lists import ListError, split_list
from fakes.supabase.schema import SCHEMA

__all__ = ["Binding", "Condition", "MalformedBinding", "binding_id", "read_binding"]

_HASHES: Final = 1 << 27
"""Erlang's `phash2`, by which Realtime makes the ids, answers a number below this one."""

_QUOTED: Final = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_PARTS: Final = re.compile(rf"(?<=[.(,]){_QUOTED.pattern}|.", re.DOTALL)


class MalformedBinding(ValueError):
    """Parameters that nothing can be subscribed with; the text is Realtime's sentence."""


class Condition(Struct, frozen=True):
    """One condition of a filter; `shown` is how Realtime shows it in a sentence."""

    column: str
    operation: Operation
    shown: str


class Binding(Struct, frozen=True):
    """One entry of `postgres_changes`: `event` and `table` may be `*`, `select` None for all."""

    event: str
    schema: str
    table: str
    conditions: tuple[Condition, ...] = ()
    select: tuple[str, ...] | None = None

    def __str__(self) -> str:
        """Realtime's words for it, in the sentences of its errors."""
        filters = f"[{', '.join(each.shown for each in self.conditions)}]"
        select = "nil" if self.select is None else _inspected(self.select)
        return (
            f"event: {self.event}, schema: {self.schema}, table: {self.table}, "
            f"filters: {filters}, select: {select}"
        )


def binding_id(parameters: object) -> int:
    """Return the id of a binding: a hash of the parameters as the client gave them."""
    return zlib.crc32(msgspec.json.encode(parameters, order="deterministic")) % _HASHES


def read_binding(parameters: dict[str, Any]) -> Binding:
    """Read one entry of `postgres_changes`; raises `MalformedBinding`."""
    schema, table = parameters.get("schema"), parameters.get("table")
    select = _select(parameters.get("select"))
    event = str(parameters.get("event", "*")).upper()
    event = event if event in ("INSERT", "UPDATE", "DELETE") else "*"
    given = frozenset(parameters) & {"schema", "table", "filter"}
    texts = all(isinstance(parameters[name], str) for name in given)
    if not texts or not given or given in ({"filter"}, {"schema", "filter"}, {"table", "filter"}):
        raise MalformedBinding(
            "No subscription params provided. Please provide at least a `schema` or `table` to "
            f"subscribe to: {_inspected(parameters)}"
        )
    if select is not None and ("*" in (schema, table) or table is None):
        raise MalformedBinding(
            "Column selection is not supported for wildcard subscriptions. "
            "Provide an explicit schema and table name."
        )
    conditions = _conditions(parameters.get("filter", ""))
    return Binding(event, schema or SCHEMA, table or "*", conditions, select)


def _select(given: object) -> tuple[str, ...] | None:
    if isinstance(given, str):
        raise MalformedBinding(
            "Error parsing `select` params: expected a list of column name strings, "
            'e.g. select: ["col1", "col2"]'
        )
    if not isinstance(given, list):
        return None
    return tuple(each for each in given if isinstance(each, str)) or None


def _conditions(text: str) -> tuple[Condition, ...]:
    try:
        return tuple(map(_condition, _segments(text))) if text.strip() else ()
    except MalformedBinding as error:
        raise MalformedBinding(f"Error parsing `filter` params: {error}") from None


def _segments(text: str) -> list[str]:
    """Split at the commas that stand in no brackets and in no quotes."""
    segments, depth = [""], 0
    for part in _PARTS.findall(text.strip()):
        if part == "," and depth == 0:
            segments.append("")
            continue
        depth = max(0, depth + {"(": 1, ")": -1}.get(part, 0))
        segments[-1] += part
    return segments


def _condition(segment: str) -> Condition:
    segment = segment.strip()
    if not segment:
        raise MalformedBinding("filter must not contain empty segments (check for extra commas)")
    column, equals, rest = segment.partition("=")
    if not equals:
        raise MalformedBinding(_inspected([segment]))
    negated = rest.startswith("not.")
    name, dot, value = rest.removeprefix("not.").partition(".")
    if not dot:
        raise MalformedBinding(_inspected([name]))
    if name not in OPERATORS:
        raise MalformedBinding(_inspected([name, value]))
    operand = _list(value) if name == "in" else _unquoted(value)
    literal = f"{{{value[1:-1]}}}" if name == "in" else operand
    shown = f"{{{_inspected((column, name, literal))[1:-1]}, {str(negated).lower()}}}"
    return Condition(column, Operation(name, operand, negated), shown)


def _list(value: str) -> tuple[str | None, ...]:
    if not (value.startswith("(") and value.endswith(")")):
        raise MalformedBinding("`in` filter value must be wrapped by parentheses")
    try:
        return split_list(value[1:-1], trim=True)
    except ListError:
        raise MalformedBinding(f'malformed array literal: "{{{value[1:-1]}}}"') from None


def _unquoted(value: str) -> str:
    """Take the quotes off a value that is quoted as a whole."""
    if _QUOTED.fullmatch(value):
        return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
    return value


def _inspected(value: Sequence[object] | dict[str, Any]) -> str:
    """Write a value nearly as Elixir shows it."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
    return f"%{text}" if isinstance(value, dict) else text
