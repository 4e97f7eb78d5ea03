"""Reads one parameter of a query from left to right, and says as Parsec would what is wrong in it.

PostgREST's parser is Parsec, and its complaint is the `message` and `details` of a PGRST100:
the furthest place where something else would have been right, and all that would have been.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from fakes.supabase.rest.errors import bad_query

__all__ = ["NoParse", "Scanner", "read"]

T = TypeVar("T")

_END: Final = "end of input"
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_DEEPEST: Final = 100
"""Nested conditions; PostgREST has no such limit, but no client writes a dozen."""


class NoParse(Exception):
    """The text cannot go on like this; the scanner knows what would have been right, and where."""


def read(what: str, text: str, grammar: "Callable[[Scanner], T]", shown: str | None = None) -> T:
    """Read `text` from its beginning; raises `RestError` (PGRST100), which calls it `what`.

    `shown` stands in the complaint where the client wrote something else than `text`. What stands
    behind the thing read is not looked at, unless the grammar asks for the end: so does PostgREST.
    """
    scanner = Scanner(text)
    try:
        return grammar(scanner)
    except NoParse:
        place, details = scanner.complaint()
        message = f'"failed to parse {what} ({text if shown is None else shown})" {place}'
        raise bad_query(message, details) from None


class Scanner:
    """A place in a text."""

    def __init__(self, text: str) -> None:
        self.at = 0
        self._text = text
        self._depth = 0
        self.forget()

    def forget(self) -> None:
        """Forget what would have been right so far: this way is taken, whatever follows."""
        self._furthest = -1
        self._found: str | None = None
        self._wanted: list[str] = []

    def demand(self, condition: bool) -> None:
        """Raise `NoParse` unless `condition` holds."""
        if not condition:
            raise NoParse

    def attempt(self, grammar: "Callable[[Scanner], T]") -> T | None:
        """Read with `grammar`, or return None and stand where we stood."""
        start = self.at
        try:
            return grammar(self)
        except NoParse:
            self.at = start
            return None

    def attempt_quietly(self, grammar: "Callable[[Scanner], T]") -> T | None:
        """Do as `attempt` does; what would have been right for `grammar` leaves no trace."""
        notes = self._furthest, self._found, self._wanted
        found = self.attempt(grammar)
        if found is None:
            self._furthest, self._found, self._wanted = notes
        return found

    def nested(self, grammar: "Callable[[Scanner], T]") -> T:
        """Read something within itself; raises `NoParse` where that goes too deep."""
        self.demand(self._depth < _DEEPEST)
        self._depth += 1
        try:
            return grammar(self)
        finally:
            self._depth -= 1

    def literal(self, literal: str, wanted: str | None = None) -> bool:
        """Take `literal` if it stands here; `wanted` names it in a complaint."""
        for i, character in enumerate(literal):
            if self._peek(self.at + i) != character:
                self.want(wanted or f'"{_escaped(literal)}"', found_at=self.at + i)
                return False
        self.at += len(literal)
        return True

    def many(self, allowed: Callable[[str], bool], *wanted: str) -> str:
        """Take characters for as long as they are `allowed`."""
        start = self.at
        while (character := self._peek(self.at)) is not None and allowed(character):
            self.at += 1
        self.want(*wanted)
        return self._text[start : self.at]

    def some(self, allowed: Callable[[str], bool], name: str, *wanted: str) -> str:
        """Take at least one `allowed` character; raises `NoParse`, saying `name` were right."""
        if not self.standing(allowed):
            self.want(name)
            raise NoParse
        return self.many(allowed, *wanted)

    def standing(self, allowed: Callable[[str], bool]) -> bool:
        """Whether a character that is `allowed` stands here; takes nothing."""
        character = self._peek(self.at)
        return character is not None and allowed(character)

    def one(self) -> str:
        """Take any one character."""
        character = self._peek(self.at)
        self.want()
        if character is None:
            raise NoParse
        self.at += 1
        return character

    def rest(self) -> str:
        """Take everything that is left."""
        return self.many(lambda _: True)

    def blanks(self) -> None:
        """Take the spaces that may stand around most things."""
        self.many(" \t".__contains__)

    def before(self, *literals: str) -> bool:
        """Whether one of `literals` stands here (an empty one is the end); takes nothing."""
        for literal in literals:
            found = (
                self._text.startswith(literal, self.at) if literal else self._peek(self.at) is None
            )
            if found:
                return True
            self.want(f'"{literal}"' if literal else _END)
        return False

    def want(self, *wanted: str, found_at: int | None = None) -> None:
        """Remember what would have been right here; `found_at` is where the wrong character is."""
        if self.at < self._furthest:
            return
        if self.at > self._furthest:
            self._furthest = self.at
            self._found = self._peek(self.at if found_at is None else found_at)
            self._wanted = []
        self._wanted = [*self._wanted, *(each for each in wanted if each not in self._wanted)]

    def complaint(self) -> tuple[str, str]:
        """Return the furthest place that was reached, and what is wrong there."""
        before = self._text[: max(self._furthest, 0)]
        column = len(before) - (before.rfind("\n") + 1) + 1
        place = f"(line {before.count(chr(10)) + 1}, column {column})"
        *others, last = self._wanted or [""]
        expecting = f"{', '.join(others)} or {last}" if others else last
        return place, f"unexpected {self._unexpected()}" + (
            f" expecting {expecting}" if last else ""
        )

    def _unexpected(self) -> str:
        if self._found is None:
            return _END
        return f"'{self._found}'" if _END in self._wanted else f'"{_escaped(self._found)}"'

    def _peek(self, at: int) -> str | None:
        return self._text[at] if at < len(self._text) else None


def _escaped(text: str) -> str:
    """Write a text as Haskell's `show` does within quotes."""
    return "".join(
        _ESCAPES.get(each) or (each if " " <= each <= "~" else f"\\{ord(each)}") for each in text
    )
