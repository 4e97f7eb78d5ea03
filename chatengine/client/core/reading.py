"""The parts of what strangers send: each read strictly, or `Malformed` (C-MSG-7)."""

from __future__ import annotations

from typing import TypeVar, overload

import msgspec
from msgspec import Struct

from chatengine.moments import MomentError, to_ms
from chatengine.payloads import LONGEST_ID

__all__ = ["Malformed", "identity", "moment", "optional_identity", "read", "text"]


class Malformed(ValueError):
    """What came does not have the contract's shape; the text names what is wrong."""


T = TypeVar("T", bound=Struct)


def read(kind: type[T], value: object) -> T:
    """Turn decoded JSON into a `kind`; fields that `kind` does not name are not even looked at."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise Malformed(str(error)) from None  # the latter for half a character, here and there


def identity(value: str) -> str:
    """Check an id: not empty, not endless, and text that can be written again."""
    if not 0 < len(value) <= LONGEST_ID:
        raise Malformed(f"an id of {len(value)} characters")
    if not value.isascii() and not _is_writable(value):
        raise Malformed("an id with half a character")
    return value


def optional_identity(value: str | None) -> str | None:
    """Check an id that may be missing; an empty one is missing too."""
    return identity(value) if value else None


@overload
def text(value: str) -> str: ...
@overload
def text(value: str | None) -> str | None: ...
def text(value: str | None) -> str | None:
    """Take a text as it is (None too), but halves of surrogate pairs as U+FFFD, as browsers do.

    Servers in JavaScript cut texts between the halves. No UTF-8 can carry one on.
    """
    if value is None or value.isascii() or _is_writable(value):
        return value
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def moment(value: object) -> int:
    """Read ISO 8601 with a time zone as milliseconds since the epoch."""
    try:
        return to_ms(value)
    except MomentError as error:
        raise Malformed(str(error)) from None


def _is_writable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
