"""The order of values that Python cannot order by itself: JSON and arrays, as Postgres does it."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from fakes.supabase import types

__all__ = ["Key", "sort_key"]

Key: TypeAlias = Callable[[Any], Any]

_NULL_ELEMENT: Final = (1,)


def sort_key(type_name: str) -> Key | None:
    """Return what to compare values of a type by; None where they compare as they are."""
    inner = types.element(type_name)
    if inner is not None:
        return _array_key(sort_key(inner))
    return _json_key if type_name in types.JSON else None


def _array_key(key: Key | None) -> Key:
    """Compare arrays element by element; a NULL in one is larger than any value."""

    def array_key(values: Any) -> Any:
        return tuple(
            _NULL_ELEMENT if each is None else (0, each if key is None else key(each))
            for each in values
        )

    return array_key


def _json_key(value: Any) -> Any:
    """Order `jsonb`: null, texts, numbers, booleans, arrays, objects; the longer is the larger."""
    match value:
        case None:
            return (0,)
        case str():
            return (1, value)
        case bool():
            return (3, value)
        case int() | float():
            return (2, value)
        case list():
            return (4, len(value), tuple(_json_key(each) for each in value))
        case _:
            pairs = sorted(value.items(), key=lambda pair: pair[0])
            return (5, len(pairs), tuple((name, _json_key(each)) for name, each in pairs))
