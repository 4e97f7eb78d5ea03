"""The JSON Schema of `run.json`, made from the structs and their docstrings.

    python -m reports.schema     writes reports/run.schema.json

A test checks that the file in the repository is the one that this makes.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from reports import parts, record
from reports.files import write_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

__all__ = ["PATH", "schema_json"]

PATH: Final = Path(__file__).parent / "run.schema.json"
"""Where the schema is kept."""


def schema_json() -> bytes:
    """The schema (2020-12) as JSON; every property carries the docstring of its field."""
    schema = msgspec.json.schema(record.RunRecord)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "run.json",
    } | schema
    for module in (parts, record):
        for struct, field, text in _field_docs(module):
            properties: dict[str, Any] = schema["$defs"][struct]["properties"]
            properties[field]["description"] = text
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def _field_docs(module: ModuleType) -> Iterator[tuple[str, str, str]]:
    """(struct, field, docstring) of each field: the string after it, which Python itself drops."""
    for struct in ast.parse(inspect.getsource(module)).body:
        if not isinstance(struct, ast.ClassDef):
            continue
        for field, after in zip(struct.body, struct.body[1:], strict=False):
            match field, after:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    yield struct.name, name, inspect.cleandoc(text).replace("\n", " ")


if __name__ == "__main__":
    write_file(PATH, schema_json())
