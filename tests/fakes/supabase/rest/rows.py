"""The rows of `things` that filters are tried on."""

from __future__ import annotations

from typing import Any, Final

ROWS: Final[list[dict[str, Any]]] = [
    {"id": 1, "name": "Olá", "size": 3, "weight": 1.5, "is_new": True, "tags": ["a", "b"]},
    {"id": 2, "name": "ola", "size": None, "weight": -2, "is_new": False, "tags": []},
    {"id": 3, "name": None, "size": 1, "weight": None, "is_new": None, "tags": None},
    {
        "id": 4,
        "name": "100%, a_b",
        "size": 3,
        "made_at": "2026-01-02T03:04:05Z",
        "data": {"a": {"b": [1, "x", None]}, "n": 7, "t": "7"},
    },
]
