"""What holds what, among arrays and JSON (PostgreSQL, 8.14.3 and 9.19)."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.supabase.rest.containment import containment


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ({"a": 1, "b": 2}, '{"a": 1}', True),
        ({"a": 1}, '{"a": true}', False),
        ({"a": {"b": 1, "c": 2}}, '{"a": {"c": 2}}', True),
        ({"a": [1]}, '{"a": 1}', False),
        ({"a": [1, 2]}, '{"a": [2]}', True),
        ([1, 2, 2], "[2, 1, 1]", True),
        ([1, 2], "2", True),
        ([True], "1", False),
        ([[1, 2]], "[1]", False),
        ([[1, 2]], "[[1]]", True),
        (1, "[1]", False),
        ("a", '"a"', True),
        ([], "[]", True),
        ({}, "[]", False),
        (None, "{}", None),
    ],
)
def test_json_holds_json(outer: Any, inner: str, expected: bool | None) -> None:
    """`cs` looks for JSON within JSON, at its place; an array may hold a bare scalar."""
    assert containment("cs", inner, "jsonb")(outer) is expected


@pytest.mark.parametrize(
    ("name", "value", "operand", "expected"),
    [
        ("cs", ["a", "b"], "{b}", True),
        ("cs", ["a"], "{a,b}", False),
        ("cs", ["a", None], "{NULL}", False),
        ("cs", [], "{}", True),
        ("cd", ["a"], "{a,b}", True),
        ("cd", ["a", None], "{a,NULL}", False),
        ("ov", ["a", "b"], "{b,c}", True),
        ("ov", ["a", None], "{NULL}", False),
        ("ov", None, "{a}", None),
    ],
)
def test_arrays_hold_elements(
    name: str, value: list[str | None] | None, operand: str, expected: bool | None
) -> None:
    """Arrays hold elements wherever these are; a NULL among them equals nothing."""
    assert containment(name, operand, "_text")(value) is expected


def test_within_json_is_the_same_the_other_way_round() -> None:
    """`cd` is `cs` with its sides changed."""
    assert containment("cd", '{"a": 1, "b": 2}', "jsonb")({"a": 1}) is True
    assert containment("cd", '{"a": 1}', "jsonb")({"a": 1, "b": 2}) is False
