"""What lies within what: the operators of arrays and `jsonb` that PostgREST calls cs, cd and ov."""

from collections.abc import Callable
from typing import Any, Final

from fakes.supabase import types
from fakes.supabase.filters import Test

__all__ = ["CONTAINMENT", "containment"]

_SYMBOLS: Final = {
    "cs": "@>",
    "cd": "<@",
    "ov": "&&",
    "sl": "<<",
    "sr": ">>",
    "nxr": "&<",
    "nxl": "&>",
    "adj": "-|-",
}
CONTAINMENT: Final = frozenset(_SYMBOLS)
"""The names of the operators; those behind `ov` are of ranges, a kind of type the fake lacks."""


def containment(name: str, operand: str, type_name: str) -> Test:
    """Return the test of one of the operators; raises `DatabaseError` (42883, 22P02)."""
    answer = _ANSWERS.get((name, "jsonb" if type_name == "jsonb" else "array"))
    if answer is None or not (type_name == "jsonb" or types.element(type_name)):
        raise types.no_operator(type_name, _SYMBOLS[name])
    wanted = types.read_text(type_name, operand)
    return lambda value: None if value is None else answer(value, wanted)


def _array_contains(outer: list[Any], inner: list[Any]) -> bool:
    """Whether every element is there; a NULL equals nothing, so it never is."""
    return all(each is not None and each in outer for each in inner)


def _arrays_overlap(one: list[Any], other: list[Any]) -> bool:
    return any(each is not None and each in other for each in one)


def _json_contains(outer: Any, inner: Any) -> bool:
    """Whether JSON holds other JSON (PostgreSQL, 8.14.3): an array may hold a bare scalar."""
    if isinstance(outer, dict) and isinstance(inner, dict):
        return all(key in outer and _json_within(outer[key], value) for key, value in inner.items())
    if isinstance(outer, list):
        parts = inner if isinstance(inner, list) else [inner]
        return all(any(_json_within(each, part) for each in outer) for part in parts)
    return _same_scalar(outer, inner)


def _json_within(outer: Any, inner: Any) -> bool:
    """Whether one value within JSON holds another; here a scalar in an array must be in one too."""
    if isinstance(outer, list) is not isinstance(inner, list):
        return False
    return _json_contains(outer, inner)


def _same_scalar(one: Any, other: Any) -> bool:
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _turned(contains: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda inner, outer: contains(outer, inner)


_ANSWERS: Final[dict[tuple[str, str], Callable[[Any, Any], bool]]] = {
    ("cs", "array"): _array_contains,
    ("cd", "array"): _turned(_array_contains),
    ("ov", "array"): _arrays_overlap,
    ("cs", "jsonb"): _json_contains,
    ("cd", "jsonb"): _turned(_json_contains),
}
