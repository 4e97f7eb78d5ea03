"""Subscriptions of a channel to tables: what Realtime keeps in `realtime.subscription`.

A subscription is checked when it is made, as the trigger `subscription_check_filters` does, and
asked of every change, as the function `apply_rls` does (both in Realtime's migrations).
"""

from typing import Final

from msgspec import Struct

from fakes.supabase import types
from fakes.supabase.database import Change, Database, DatabaseError, Row
from fakes.supabase.filters import Operation, Test, test_of
from fakes.supabase.keys import Claims
from fakes.supabase.policy import Policy
from fakes.supabase.realtime.bindings import Binding
from fakes.supabase.schema import SCHEMA, Table

__all__ = ["Subscription", "SubscriptionRefused", "key_of", "subscribe"]

_MOST_VALUES: Final = 100
_CONDITIONS: Final = {
    "P0001": "raise_exception",
    "22003": "numeric_value_out_of_range",
    "22007": "invalid_datetime_format",
    "22008": "datetime_field_overflow",
    "22P02": "invalid_text_representation",
    "2201B": "invalid_regular_expression",
}
_UNABLE: Final = "Unable to subscribe to changes with given parameters."


class SubscriptionRefused(Exception):
    """What cannot be subscribed to; the text is Realtime's sentence, for the `system` event."""


class Subscription(Struct, frozen=True):
    """One table's changes of one kind (`*`: all), for one binding of a channel."""

    id: int
    table: Table
    event: str
    tests: tuple[tuple[str, Test], ...] = ()
    select: tuple[str, ...] | None = None

    def covers(self, change: Change) -> bool:
        """Whether a change is one of this kind, to this table."""
        return change.table is self.table and self.event in ("*", change.kind)

    def wants(self, change: Change) -> bool:
        """Whether a change passes the filter.

        The row as it is now is tested; of a deleted one only the primary key is known, and a
        condition on anything else fails.
        """
        if not self.covers(change):
            return False
        row = change.record or key_of(self.table, change.old_record or {})
        return all(name in row and test(row[name]) for name, test in self.tests)


def key_of(table: Table, row: Row) -> Row:
    """Return the primary key of a row, which is all of an old row that Postgres logs."""
    return {name: row[name] for name in table.primary_key}


def subscribe(
    binding: Binding, number: int, database: Database, policy: Policy, claims: Claims
) -> tuple[Subscription, ...]:
    """Make the subscriptions of one binding, whose id is `number`; raises `SubscriptionRefused`."""
    tables = _tables(binding, database)
    if not tables:
        raise SubscriptionRefused(
            f"{_UNABLE} Please check Realtime is enabled for the given connect parameters: "
            f"[{binding}]"
        )
    try:
        return tuple(
            Subscription(
                number, table, binding.event, _tests(binding, table, policy, claims), binding.select
            )
            for table in tables
        )
    except DatabaseError as error:
        name = _CONDITIONS.get(error.code, "error")
        raise SubscriptionRefused(
            f"{_UNABLE} An exception happened so please check your connect parameters: "
            f"[{binding}]. Exception: ERROR {error.code} ({name}) {error.message}"
        ) from None


def _tables(binding: Binding, database: Database) -> list[Table]:
    if binding.schema not in ("*", SCHEMA):
        return []
    return [
        table for table in database.tables if table.published and binding.table in ("*", table.name)
    ]


def _tests(
    binding: Binding, table: Table, policy: Policy, claims: Claims
) -> tuple[tuple[str, Test], ...]:
    columns = table.column_names if policy.may_use(claims, table) else ()
    tests = []
    for condition in binding.conditions:
        column = table.column(condition.column)
        if column is None or column.name not in columns:
            raise _raised(f"invalid column for filter {condition.column}")
        _check(condition.operation, column.type)
        tests.append((column.name, test_of(condition.operation, column.type)))
    for name in binding.select or ():
        if name not in columns:
            raise _raised(f"invalid column for select {name}")
    return tuple(tests)


def _check(operation: Operation, type_name: str) -> None:
    """Refuse what Realtime refuses in words of its own; the rest is Postgres' to refuse."""
    name, operand = operation.operator, operation.operand
    if name == "in" and len(operand) > _MOST_VALUES:
        raise _raised(f"too many values for `in` filter. Maximum {_MOST_VALUES}")
    if name == "is" and operand not in ("null", "true", "false", "unknown"):
        raise _raised("invalid value for is filter: must be null, true, false, or unknown")
    if name == "is" and operand != "null" and type_name != "bool":
        got = types.sql_name(type_name)
        raise _raised(f"is {operand} filter requires a boolean column, got {got}")
    if name in ("like", "ilike", "match", "imatch") and not types.is_text(type_name):
        got = types.sql_name(type_name)
        raise _raised(f"operator {name} requires a text-compatible column type, got {got}")


def _raised(message: str) -> DatabaseError:
    return DatabaseError("P0001", message)
