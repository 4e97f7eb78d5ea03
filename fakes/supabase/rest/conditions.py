"""Conditions on rows: `eq.5`, `not.in.(1,2)`, `or=(a.eq.1,and(b.gt.2,c.is.null))`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeAlias, TypeVar

from fakes.supabase.rest.fields import Field, delimiter, field, is_of_identifier, quoted
from fakes.supabase.rest.scanner import NoParse, Scanner

__all__ = ["TEXT_SEARCHES", "Condition", "Group", "Operation", "Where", "filter_value", "group"]

T = TypeVar("T")

Quantifier = Literal["any", "all"]

_OPERATOR: Final = "operator (eq, gt, ...)"
_IS_VALUE: Final = "isVal: (null, not_null, true, false, unknown)"
_LOGIC: Final = "logic operator (and, or)"

_IS_VALUES: Final = ("null", "not_null", "true", "false", "unknown")
TEXT_SEARCHES: Final = ("fts", "plfts", "phfts", "wfts")
_SIMPLE: Final = ("neq", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj")
_QUANTIFIED: Final = ("eq", "gte", "gt", "lte", "lt", "like", "ilike", "match", "imatch")
_OPERATORS: Final = ("in", "is", "isdistinct", *TEXT_SEARCHES, *_SIMPLE, *_QUANTIFIED)


@dataclass(frozen=True, slots=True)
class Operation:
    """What is asked of a value; `operand` is a tuple for `in`, and in lower case for `is`."""

    operator: str
    operand: str | tuple[str, ...]
    negated: bool = False
    quantifier: Quantifier | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """What is asked of one field."""

    field: Field
    operation: Operation


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions of which all or `any` must hold, or, `negated`, must not."""

    negated: bool
    any: bool
    parts: "tuple[Where, ...]"


Where: TypeAlias = Condition | Group


def filter_value(scanner: Scanner) -> Operation:
    """Read the value of a filter (`column=<operator>.<everything>`); raises `NoParse`."""
    return _operation(scanner, Scanner.rest)


def group(scanner: Scanner) -> Group:
    """Read `and(...)`, `or(...)`, `not.and(...)`, `not.or(...)`; raises `NoParse`."""
    negated = scanner.attempt(_not("negation operator (not)")) is not None
    is_and = scanner.literal("and", _LOGIC)
    scanner.demand(is_and or scanner.literal("or", _LOGIC))
    scanner.forget()
    return Group(negated, not is_and, scanner.nested(partial(_enclosed, grammar=_part)))


def _part(scanner: Scanner) -> Where:
    return scanner.attempt(_condition) or group(scanner)


def _condition(scanner: Scanner) -> Condition:
    name = field(scanner)
    scanner.demand(delimiter(scanner))
    return Condition(name, _operation(scanner, _logic_value))


def _not(wanted: str) -> Callable[[Scanner], bool]:
    def grammar(scanner: Scanner) -> bool:
        scanner.demand(scanner.literal("not", wanted) and delimiter(scanner))
        scanner.forget()
        return True

    return grammar


def _operation(scanner: Scanner, value: Callable[[Scanner], str]) -> Operation:
    negated = scanner.attempt(_not('"not"')) is not None
    operator, quantifier = _operator(scanner)
    match operator:
        case "in":
            return Operation(operator, _enclosed(scanner, _list_element), negated)
        case "is":
            return Operation(operator, _is_value(scanner), negated)
        case _:
            return Operation(operator, value(scanner), negated, quantifier)


def _operator(scanner: Scanner) -> tuple[str, Quantifier | None]:
    for name in _OPERATORS:
        found = scanner.attempt(partial(_named, name))
        if found is not None:
            return found
    raise NoParse


def _named(name: str, scanner: Scanner) -> tuple[str, Quantifier | None]:
    scanner.demand(scanner.literal(name, _OPERATOR))
    quantifier = scanner.attempt(_quantifier) if name in _QUANTIFIED else None
    if name in TEXT_SEARCHES:
        scanner.attempt(_language)
    scanner.demand(scanner.literal(".", _OPERATOR))
    return name, quantifier


def _quantifier(scanner: Scanner) -> Quantifier:
    scanner.demand(scanner.literal("(", _OPERATOR))
    is_any = scanner.literal("any", _OPERATOR)
    scanner.demand(is_any or scanner.literal("all", _OPERATOR))
    scanner.demand(scanner.literal(")", _OPERATOR))
    return "any" if is_any else "all"


def _language(scanner: Scanner) -> str:
    scanner.demand(scanner.literal("(", _OPERATOR))
    name = scanner.some(is_of_identifier, _OPERATOR, _OPERATOR)
    scanner.demand(scanner.literal(")", _OPERATOR))
    return name


def _is_value(scanner: Scanner) -> str:
    for word in _IS_VALUES:
        if scanner.attempt(partial(_in_any_case, word)):
            return word
    raise NoParse


def _in_any_case(word: str, scanner: Scanner) -> bool:
    for character in word:
        wanted = (scanner.literal(form, _IS_VALUE) for form in (character, character.upper()))
        scanner.demand(any(wanted))
    return True


def _enclosed(scanner: Scanner, grammar: Callable[[Scanner], T]) -> tuple[T, ...]:
    """Read one thing or more in parentheses, with commas between and blanks around."""
    scanner.blanks()
    scanner.demand(scanner.literal("("))
    scanner.blanks()
    found = [grammar(scanner)]
    while scanner.literal(","):
        found.append(grammar(scanner))
    scanner.demand(scanner.literal(")"))
    scanner.blanks()
    return tuple(found)


def _list_element(scanner: Scanner) -> str:
    element = scanner.attempt(_quoted_alone)
    return scanner.many(_is_bare) if element is None else element


def _logic_value(scanner: Scanner) -> str:
    for grammar in (_quoted_alone, _array):
        value = scanner.attempt(grammar)
        if value is not None:
            return value
    return scanner.many(_is_bare)


def _quoted_alone(scanner: Scanner) -> str:
    text = quoted(scanner)
    scanner.demand(scanner.before(",", ")", ""))
    return text


def _array(scanner: Scanner) -> str:
    scanner.demand(scanner.literal("{"))
    items = scanner.many(lambda character: character not in "{}")
    scanner.demand(scanner.literal("}"))
    return "{" + items + "}"


def _is_bare(character: str) -> bool:
    return character not in ",)"
