"""Hypothesis strategies for what is on the wire."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

__all__ = ["json_objects", "json_values", "payloads"]

_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)

json_values: st.SearchStrategy[Any] = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(st.text(), json_values, max_size=4)


def payloads(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Any value of a payload struct, each of its fields by its type."""
    hints = get_type_hints(kind)
    fields = {field.name: _of(hints[field.name]) for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **fields)


def _of(annotation: Any) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return st.one_of([_of(argument) for argument in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(_of(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return json_objects
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return payloads(annotation)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(), bool: st.booleans(), NoneType: st.none()
    }  # fmt: skip
    return plain[annotation]
