"""Postgres types as the fake keeps them: every stored value is ready for JSON, and sorts as it is.

A type is named as Postgres names it (`pg_type.typname`): `timestamptz`, `bool`, `int8`, and
`_text` for an array of `text`. A moment is kept as the text that Postgres would put into JSON. It
has as many digits as it needs: `+` sorts before `.` and the digits, so these texts sort as moments.
"""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from math import isfinite
from typing import Any, Final

import msgspec

from fakes.supabase.errors import DatabaseError
from fakes.supabase.lists import ListError, split_list

__all__ = [
    "JSON",
    "TYPES",
    "element",
    "is_known",
    "is_text",
    "no_operator",
    "read_json",
    "read_text",
]

_INTEGERS: Final = {"int2": 16, "int4": 32, "int8": 64}
_FLOATS: Final = frozenset({"float4", "float8", "numeric"})
_TEXTS: Final = frozenset({"text", "varchar", "bpchar", "name"})
JSON: Final = frozenset({"json", "jsonb"})

_SQL_NAMES: Final = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
}

_BOOLEANS: Final = {
    word: value
    for value, words in ((True, "true t yes y on 1"), (False, "false f no n off 0"))
    for word in words.split()
}
_WHOLE: Final = re.compile(r"\s*[+-]?\d{1,40}\s*", re.ASCII)


def element(type_name: str) -> str | None:
    """Return the type of an array's elements; None for what is no array."""
    return type_name[1:] if type_name.startswith("_") else None


def is_known(type_name: str) -> bool:
    """Whether the fake knows the type."""
    return (element(type_name) or type_name) in TYPES


def is_text(type_name: str) -> bool:
    """Whether the type has patterns: `like`, `match` and their kin work on it."""
    return type_name in _TEXTS


def sql_name(type_name: str) -> str:
    """Return the name of a type in Postgres' sentences."""
    return _SQL_NAMES.get(type_name, type_name)


def read_text(type_name: str, text: str) -> Any:
    """Read a value as Postgres reads a literal; raises `DatabaseError` (22P02, 22003, 22007)."""
    inner = element(type_name)
    if inner is None:
        return TYPES[type_name](type_name, text)
    if not (text.startswith("{") and text.endswith("}")):
        raise DatabaseError("22P02", f'malformed array literal: "{text}"')
    try:
        parts = split_list(text[1:-1], trim=True)
    except ListError:
        raise DatabaseError("22P02", f'malformed array literal: "{text}"') from None
    return [None if part is None else read_text(inner, part) for part in parts]


def read_json(type_name: str, value: object) -> Any:
    """Read a value that came as JSON, into a column; raises `DatabaseError`. None stays None."""
    if value is None:
        return None
    if type_name in JSON:
        return value
    inner = element(type_name)
    if inner is not None and isinstance(value, list):
        return [read_json(inner, each) for each in value]
    if isinstance(value, bool):
        return read_text(type_name, "true" if value else "false")
    if isinstance(value, str):
        return read_text(type_name, value)
    return read_text(type_name, msgspec.json.encode(value).decode())


def no_operator(type_name: str, symbol: str) -> DatabaseError:
    """Return what Postgres says of an operator that a type does not have."""
    name = _SQL_NAMES.get(type_name, type_name)
    return DatabaseError(
        "42883",
        f"operator does not exist: {name} {symbol} unknown",
        hint="No operator matches the given name and argument types. "
        "You might need to add explicit type casts.",
    )


def _syntax(type_name: str, text: str, code: str = "22P02") -> DatabaseError:
    return DatabaseError(code, f'invalid input syntax for type {sql_name(type_name)}: "{text}"')


def _text(_: str, text: str) -> str:
    return text


def _integer(type_name: str, text: str) -> int:
    if _WHOLE.fullmatch(text) is None:
        raise _syntax(type_name, text)
    value = int(text)
    edge = 1 << (_INTEGERS[type_name] - 1)
    if not -edge <= value < edge:
        sql = sql_name(type_name)
        raise DatabaseError("22003", f'value "{text}" is out of range for type {sql}')
    return value


def _float(type_name: str, text: str) -> int | float:
    """JSON has no infinity and no NaN, so the fake keeps none."""
    if type_name == "numeric" and _WHOLE.fullmatch(text):
        return int(text)
    try:
        value = float(text)
    except ValueError:
        raise _syntax(type_name, text) from None
    if not isfinite(value):
        raise _syntax(type_name, text)
    return value


def _boolean(type_name: str, text: str) -> bool:
    value = _BOOLEANS.get(text.strip().lower())
    if value is None:
        raise _syntax(type_name, text)
    return value


def _uuid(type_name: str, text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise _syntax(type_name, text) from None


def _moment(type_name: str, text: str) -> str:
    if text.strip().lower() == "now":
        moment = datetime.now(UTC)
    else:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            raise _syntax(type_name, text, "22007") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise DatabaseError("22008", f'timestamp out of range: "{text}"') from None
    shown = moment.replace(tzinfo=None).isoformat()
    if moment.microsecond:
        shown = shown.rstrip("0")
    return shown if type_name == "timestamp" else f"{shown}+00:00"


def _date(type_name: str, text: str) -> str:
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        raise _syntax(type_name, text, "22007") from None


def _json(_: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise DatabaseError("22P02", "invalid input syntax for type json") from None


TYPES: Final[dict[str, Callable[[str, str], Any]]] = {
    **dict.fromkeys(_TEXTS, _text),
    **dict.fromkeys(_INTEGERS, _integer),
    **dict.fromkeys(_FLOATS, _float),
    **dict.fromkeys(JSON, _json),
    "bool": _boolean,
    "uuid": _uuid,
    "timestamptz": _moment,
    "timestamp": _moment,
    "date": _date,
}
"""The types the fake knows, and how each reads a literal."""
