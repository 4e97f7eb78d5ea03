"""Conditions as tests of rows, in SQL's logic of three values: what is unknown does not pass."""

from collections.abc import Iterable, Sequence
from typing import Any

from fakes.supabase import filters, types
from fakes.supabase.filters import Test
from fakes.supabase.rest.conditions import TEXT_SEARCHES, Condition, Operation, Where
from fakes.supabase.rest.containment import CONTAINMENT, containment
from fakes.supabase.rest.errors import not_offered
from fakes.supabase.rest.values import Bound, bind
from fakes.supabase.schema import Table

__all__ = ["row_test"]


def row_test(where: Iterable[Where], table: Table) -> Test:
    """Return the test that all of `where` hold for a row.

    Raises `RestError` for what the table or the fake has not (42703, PGRST127), and `DatabaseError`
    for an operand that is none of its column's type.
    """
    return _all([_part_test(part, table) for part in where])


def _part_test(part: Where, table: Table) -> Test:
    if isinstance(part, Condition):
        bound = bind(part.field, table)
        return _on_row(_value_test(part.operation, bound.type), bound)
    tests = [_part_test(each, table) for each in part.parts]
    test = _any(tests) if part.any else _all(tests)
    return filters.negated(test) if part.negated else test


def _on_row(test: Test, bound: Bound) -> Test:
    return lambda row: test(bound.get(row))


def _value_test(operation: Operation, type_name: str) -> Test:
    test = _plain_test(operation, type_name)
    return filters.negated(test) if operation.negated else test


def _plain_test(operation: Operation, type_name: str) -> Test:
    name, operand = operation.operator, operation.operand
    if isinstance(operand, tuple):
        return _never if operand == ("",) else filters.one_of(operand, type_name)
    if operand == "not_null" and name == "is":
        return lambda value: value is not None
    if name in TEXT_SEARCHES:
        raise not_offered("Text search is not part of this fake.")
    if name in CONTAINMENT:
        return containment(name, operand, type_name)
    if operation.quantifier is None:
        return _shared_test(name, operand, type_name)
    each_of = types.read_text("_text", operand)
    tests = [_unknown if each is None else _shared_test(name, each, type_name) for each in each_of]
    return _any(tests) if operation.quantifier == "any" else _all(tests)


def _never(_: Any) -> bool:
    """Tell that no value is one of none, not even NULL."""
    return False


def _unknown(_: Any) -> None:
    """Compare with NULL."""


def _shared_test(name: str, operand: str, type_name: str) -> Test:
    pattern = operand.replace("*", "%") if name in ("like", "ilike") else operand
    return filters.test_of(filters.Operation(name, pattern), type_name)


def _all(tests: Sequence[Test]) -> Test:
    """False if one is false, else unknown if one is unknown."""

    def test(value: Any) -> bool | None:
        answer: bool | None = True
        for each in tests:
            match each(value):
                case False:
                    return False
                case None:
                    answer = None
        return answer

    return test


def _any(tests: Sequence[Test]) -> Test:
    """True if one is true, else unknown if one is unknown."""
    return filters.negated(_all([filters.negated(test) for test in tests]))
