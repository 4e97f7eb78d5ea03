"""Lists as filters and array literals write them: `a,"b, with a comma",c`."""

__all__ = ["ListError", "split_list"]


class ListError(ValueError):
    """A list with a quote that does not end, or with something behind it."""


def split_list(text: str, *, trim: bool = False) -> tuple[str | None, ...]:
    """Split what stands between the brackets; in double quotes anything goes, `\\` escapes.

    With `trim`, as in an array literal of Postgres, white space around what is not quoted goes,
    and an unquoted NULL is None. An empty list has no elements. Raises `ListError`.
    """
    if not text.strip():
        return ()
    parts: list[str | None] = []
    rest = text
    while True:
        quoted = rest.lstrip() if trim else rest
        if quoted.startswith('"'):
            value, rest = _quoted(quoted[1:])
            parts.append(value)
            rest = rest.lstrip() if trim else rest
            if not rest:
                return tuple(parts)
            if not rest.startswith(","):
                raise ListError(text)
            rest = rest[1:]
            continue
        value, comma, rest = rest.partition(",")
        if trim:
            value = value.strip()
        parts.append(None if trim and value.upper() == "NULL" else value)
        if not comma:
            return tuple(parts)


def _quoted(text: str) -> tuple[str, str]:
    """Return what a quotation holds, its opening quote gone, and what stands behind it."""
    taken: list[str] = []
    characters = iter(enumerate(text))
    for index, character in characters:
        if character == '"':
            return "".join(taken), text[index + 1 :]
        if character == "\\":
            _, character = next(characters, (0, ""))
        taken.append(character)
    raise ListError(text)
