"""Text from strangers made harmless for a terminal: what is printed is never obeyed.

Everything that a terminal, Rich or Textual could act on goes or becomes a visible sign: control
characters (ECMA-48, C0 and C1, the escape sequences with them), marks that turn the direction of
what follows (Unicode Standard Annex 9), surrogates and private characters. What terminals measure
differently is simplified, so that a line is as wide everywhere as it is reckoned here: joined emoji
fall apart into their parts, flags become letters, piles of accents end at the fourth.

Letters written from right to left stay in the order in which they were written: whether a line is
turned around is the terminal's choice.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len, chop_cells, set_cell_size

__all__ = ["MOST_NAME", "MOST_SENTENCE", "fit", "one_line", "paragraphs", "wrap"]

MOST_NAME: Final = 80
MOST_SENTENCE: Final = 400
"""Characters shown of a name or an id, and of an error or a cause."""

_MOST_ACCENTS: Final = 4
"""Thai, Vietnamese and Hebrew need three on one letter; a hundred stand all over the screen."""

_KEPT_FORMATS: Final = frozenset("\u200c")
"""The non-joiner, without which Persian is misspelt; it has no width and turns nothing."""

_UNKNOWN: Final = "\N{REPLACEMENT CHARACTER}"
_FLAG_A: Final = 0x1F1E6
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_PLAIN: Final = re.compile(r"[ -~\xa1-\xac\xae-\u02ff\u0370-\u0482]*")
_BREAKS: Final = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")
_TAB: Final = "    "


def one_line(text: str, most: int) -> str:
    """At most `most` characters of `text`, as one line without anything to obey."""
    cut = text[: most + 1]
    shown = _harmless(_BREAKS.sub(" ", cut[:most]).replace("\t", " "))
    return shown + "…" if len(cut) > most else shown


def paragraphs(text: str, most: int) -> tuple[str, ...]:
    """The lines of the first `most` characters of `text`, each without anything to obey."""
    return tuple(_harmless(line.replace("\t", _TAB)) for line in _BREAKS.split(text[:most]))


def wrap(line: str, cells: int) -> list[str]:
    """Break a harmless line into pieces of at most `cells` terminal cells, at spaces if it can."""
    pieces: list[str] = []
    piece = ""
    for word in re.findall(r" *[^ ]+| +$", line):
        if cell_len(piece) + cell_len(word) <= cells:
            piece += word
            continue
        if piece:
            pieces.append(piece)
        *full, piece = chop_cells(word.lstrip() if piece else word, max(2, cells)) or [""]
        pieces += full
    return [*pieces, piece]


def fit(text: str, cells: int) -> str:
    """A harmless text in exactly `cells` terminal cells: filled up, or cut with an ellipsis."""
    if cells <= 0:
        return ""
    if cell_len(text) <= cells:
        return set_cell_size(text, cells)
    return set_cell_size(text, cells - 1) + "…"


def _harmless(text: str) -> str:
    """Without anything to obey, and as wide on every terminal as `cell_len` says."""
    return text if _PLAIN.fullmatch(text) else "".join(_characters(text))


def _characters(text: str) -> Iterator[str]:
    accents = _MOST_ACCENTS  # none may begin a line: it would stand on what is before the text
    for character in text:
        shown = _character(character)
        if unicodedata.category(character) in ("Mn", "Me", "Mc"):
            accents += 1
            if accents > _MOST_ACCENTS:
                continue
        elif shown:
            accents = 0
        yield shown


def _character(character: str) -> str:
    code = ord(character)
    match unicodedata.category(character):
        case "Cc" if code < 0x20:
            return chr(0x2400 + code)  # ␀ to ␟, the pictures of controls
        case "Cc" | "Cs" | "Co" | "Cn" | "Zl" | "Zp":
            return _UNKNOWN
        case "Cf":
            return character if character in _KEPT_FORMATS else ""
        case "Zs":
            return " "
        case "Sk" if code in _SKIN_TONES:
            return ""
        case "Mn" if 0xFE00 <= code <= 0xFE0F:
            return ""
        case "So" if _FLAG_A <= code < _FLAG_A + 26:
            return chr(ord("A") + code - _FLAG_A)
        case _:
            return character
