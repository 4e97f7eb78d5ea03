"""The parts of what strangers send: each read strictly, or `Malformed` (C-MSG-7)."""

from __future__ import annotations

from typing import Annotated, TypeVar, overload

import msgspec
from msgspec import Meta, Struct

from chatengine.moments import MomentError, to_ms
from chatengine.payloads import LONGEST_ID

__all__ = [
    "Id",
    "Malformed",
    "MaybeId",
    "Wire",
    "check_ids",
    "identity",
    "moment",
    "read",
    "text",
]


Id = Annotated[str, Meta(min_length=1, max_length=LONGEST_ID)]
MaybeId = Annotated[str, Meta(max_length=LONGEST_ID)] | None
"""An id that may be missing; an empty one is missing too."""


class Malformed(ValueError):
    """What came does not have the contract's shape; the text names what is wrong."""


class Wire(Struct, gc=False):
    """Base of what is read; gc=False, as JSON has no cycles and this is read all the time."""


T = TypeVar("T", bound=Wire)


def read(kind: type[T], value: object) -> T:
    """Turn decoded JSON into a `kind`; fields that `kind` does not name are not even looked at."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise Malformed(str(error)) from None  # the latter for half a character, here and there


def identity(value: str) -> str:
    """Check an id that the user gives: not empty, not endless, and text that can be written."""
    if not 0 < len(value) <= LONGEST_ID:
        raise Malformed(f"an id of {len(value)} characters")
    check_ids(value)
    return value


def check_ids(ids: str) -> None:
    """Check ids, written one after the other, for text that could not be written again."""
    if not ids.isascii():
        try:
            ids.encode()
        except UnicodeEncodeError:
            raise Malformed("an id with half a character") from None


@overload
def text(value: str) -> str: ...
@overload
def text(value: str | None) -> str | None: ...
def text(value: str | None) -> str | None:
    """Take a text as it is (None too), but halves of surrogate pairs as U+FFFD, as browsers do.

    Servers in JavaScript cut texts between the halves. No UTF-8 can carry one on.
    """
    if value is None or value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def moment(value: object) -> int:
    """Read ISO 8601 with a time zone as milliseconds since the epoch."""
    try:
        return to_ms(value)
    except MomentError as error:
        raise Malformed(str(error)) from None
