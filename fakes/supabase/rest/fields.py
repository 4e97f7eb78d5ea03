"""The names in a query: columns, and ways into their JSON (`data->items->0->>name`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fakes.supabase.rest.scanner import Scanner

__all__ = [
    "Arrow",
    "Field",
    "arrows",
    "delimiter",
    "field",
    "field_name",
    "identifier",
    "is_of_identifier",
    "quoted",
]

_NAME: Final = "field name (* or [a..z0..9_$])"
_KEY: Final = "any non reserved character different from: .,>()"
_LONGEST_INDEX: Final = 9
"""Digits: no array has as many items."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One step into JSON: a key or an index; `as_text` for `->>`."""

    step: str | int
    as_text: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A column, or what lies within its JSON."""

    column: str
    path: tuple[Arrow, ...] = ()

    @property
    def shown_as(self) -> str:
        """The name it has in a result: the last key on its way, or the column's."""
        keys = [arrow.step for arrow in self.path if isinstance(arrow.step, str)]
        return keys[-1] if keys else self.column


def delimiter(scanner: Scanner) -> bool:
    """Take the dot between the parts of a filter."""
    return scanner.literal(".", "delimiter (.)")


def field(scanner: Scanner) -> Field:
    """Read a column with the arrows behind it; raises `NoParse`."""
    scanner.blanks()
    found = Field(field_name(scanner), arrows(scanner))
    scanner.blanks()
    return found


def arrows(scanner: Scanner) -> tuple[Arrow, ...]:
    """Read the steps into a column's JSON, if there are any; raises `NoParse`."""
    path = []
    while (arrow := _arrow(scanner)) is not None:
        path.append(arrow)
    return tuple(path)


def field_name(scanner: Scanner) -> str:
    """Read a name, in quotes or without; raises `NoParse`."""
    return _name(scanner, is_of_identifier, _NAME, "letter", "digit")


def identifier(scanner: Scanner) -> str:
    """Read a name that stands without quotes, of a type for instance; raises `NoParse`."""
    return scanner.some(is_of_identifier, "letter or digit", "letter", "digit").strip()


def is_of_identifier(character: str) -> bool:
    """Whether a name without quotes may hold this character."""
    return character.isalnum() or character in "_ $"


def quoted(scanner: Scanner) -> str:
    """Read a text in quotes; a backslash takes the next character as it is. Raises `NoParse`."""
    scanner.demand(scanner.literal('"'))
    parts = []
    while True:
        parts.append(scanner.many(_is_plain))
        if scanner.literal('"'):
            return "".join(parts)
        scanner.demand(scanner.literal("\\"))
        parts.append(scanner.one())


def _arrow(scanner: Scanner) -> Arrow | None:
    as_text = scanner.literal("->>")
    if not as_text and not scanner.literal("->"):
        return None
    index = scanner.attempt(_index)
    if index is None:
        return Arrow(_name(scanner, _of_key, _KEY), as_text)
    return Arrow(index, as_text)


def _index(scanner: Scanner) -> int:
    sign = -1 if scanner.literal("-") else 1
    digits = scanner.some(_is_digit, "digit", "digit")
    scanner.demand(scanner.before("->", "::", ".", ",", ""))
    return sign * int(digits[:_LONGEST_INDEX])


def _name(scanner: Scanner, allowed: Callable[[str], bool], name: str, *wanted: str) -> str:
    """Read what is in quotes, or words with dashes between, none of which begins an arrow."""
    if scanner.standing('"'.__eq__):
        return quoted(scanner)
    words = [scanner.some(allowed, name, *wanted)]
    while scanner.attempt(_dash):
        words.append(scanner.some(allowed, name, *wanted))
    return "-".join(word.strip() for word in words)


def _dash(scanner: Scanner) -> bool:
    scanner.demand(scanner.literal("-"))
    scanner.demand(not scanner.standing(">".__eq__))
    return True


def _is_digit(character: str) -> bool:
    return "0" <= character <= "9"


def _of_key(character: str) -> bool:
    return character not in "(-:.,>)"


def _is_plain(character: str) -> bool:
    return character not in '\\"'
