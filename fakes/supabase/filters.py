"""The filter operators that Realtime and PostgREST share, typed by column.

Each has a syntax of its own for them; `Operation` is what both read. `test_of` makes a test of
one, in SQL's logic of three values: None, the unknown, is what comes of comparing with NULL, and
it passes no filter, negated or not.
"""

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

from msgspec import Struct

from fakes.supabase import types
from fakes.supabase.errors import DatabaseError
from fakes.supabase.ordering import Key, sort_key

__all__ = ["OPERATORS", "Operation", "Test", "negated", "one_of", "test_of"]

Test: TypeAlias = Callable[[Any], bool | None]

_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
_PATTERNS: Final = {"like": "~~", "ilike": "~~*", "match": "~", "imatch": "~*"}
"""By the operators' names, what Postgres calls them."""
_KEYWORDS: Final[dict[str, bool | None]] = {
    "null": None,
    "unknown": None,
    "true": True,
    "false": False,
}
OPERATORS: Final = frozenset({*_COMPARISONS, *_PATTERNS, "in", "is", "isdistinct"})


class Operation(Struct, frozen=True):
    """An operator and its operand as text; of `in` the operand is a tuple of them, None for NULL.

    `negated`: `not.` stood before it.
    """

    operator: str
    operand: str | tuple[str | None, ...]
    negated: bool = False


def test_of(operation: Operation, type_name: str) -> Test:
    """Return the test of a column of that type; raises `DatabaseError` for an operand it refuses.

    The test takes a stored value (see `types`) and answers True, False, or None for unknown.
    """
    test = _plain_test(operation.operator, operation.operand, type_name)
    return negated(test) if operation.negated else test


def _plain_test(name: str, operand: str | tuple[str | None, ...], type_name: str) -> Test:
    if isinstance(operand, tuple):
        return one_of(operand, type_name)
    if name == "is":
        return _is(operand, type_name)
    if name in _PATTERNS:
        return _pattern(name, operand, type_name)
    wanted = types.read_text(type_name, operand)
    if name == "isdistinct":
        return lambda value: bool(value != wanted)
    return _comparison(_COMPARISONS[name], wanted, sort_key(type_name))


def _comparison(compare: Callable[[Any, Any], bool], wanted: Any, key: Key | None) -> Test:
    if key is None:
        return lambda value: None if value is None else compare(value, wanted)
    wanted_key = key(wanted)
    return lambda value: None if value is None else compare(key(value), wanted_key)


def negated(test: Test) -> Test:
    """Return the opposite of a test; the unknown stays unknown."""

    def opposite(value: Any) -> bool | None:
        answer = test(value)
        return None if answer is None else not answer

    return opposite


def one_of(texts: Iterable[str | None], type_name: str) -> Test:
    """Return the test whether a value is one of these; raises `DatabaseError` as `test_of` does.

    With a NULL among them no value is known not to be.
    """
    wanted = [each if each is None else types.read_text(type_name, each) for each in texts]
    key = sort_key(type_name) or (lambda value: value)
    keys = [key(each) for each in wanted if each is not None]
    otherwise = False if len(keys) == len(wanted) else None
    return lambda value: None if value is None else key(value) in keys or otherwise


def _is(operand: str, type_name: str) -> Test:
    word = operand.lower()
    if word not in _KEYWORDS:
        raise DatabaseError(
            "22P02", "invalid value for is filter: must be null, true, false, or unknown"
        )
    if word != "null" and type_name != "bool":
        raise DatabaseError("42804", f"argument of IS {word.upper()} must be type boolean")
    wanted = _KEYWORDS[word]
    return lambda value: value is wanted


def _pattern(name: str, operand: str, type_name: str) -> Test:
    if not types.is_text(type_name):
        raise types.no_operator(type_name, _PATTERNS[name])
    if name in ("like", "ilike"):
        matches = _like(operand, ignore_case=name == "ilike")
    else:
        matches = _regular(operand, ignore_case=name == "imatch")
    return lambda value: None if value is None else matches(value)


def _regular(pattern: str, *, ignore_case: bool) -> Callable[[str], bool]:
    try:
        compiled = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    except (re.error, RecursionError, OverflowError) as error:
        raise DatabaseError("2201B", f"invalid regular expression: {error}") from None
    return lambda text: compiled.search(text) is not None


def _like(pattern: str, *, ignore_case: bool) -> Callable[[str], bool]:
    """Return SQL's LIKE: `%` any text, `_` any character, `\\` takes the next one as it is.

    The pieces between the `%` are looked for one after the other, each as far to the left as may
    be, so that no pattern makes the search run wild.
    """
    flags = re.DOTALL | re.IGNORECASE if ignore_case else re.DOTALL
    pieces = _pieces(pattern)
    first, *middle = (re.compile("".join(piece), flags) for piece in pieces)

    def matches(text: str) -> bool:
        if not middle:
            return first.fullmatch(text) is not None
        if (found := first.match(text)) is None:
            return False
        for piece in middle[:-1]:
            if (found := piece.search(text, found.end())) is None:
                return False
        start_of_last = len(text) - len(pieces[-1])
        return start_of_last >= found.end() and middle[-1].match(text, start_of_last) is not None

    return matches


def _pieces(pattern: str) -> list[list[str]]:
    """Split at `%` into expressions for one character each."""
    pieces: list[list[str]] = [[]]
    characters = iter(pattern)
    for character in characters:
        if character == "%":
            pieces.append([])
        elif character == "_":
            pieces[-1].append(".")
        else:
            literal = next(characters, "\\") if character == "\\" else character
            pieces[-1].append(re.escape(literal))
    return pieces
