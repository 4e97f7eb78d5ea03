"""Which part of a result is wanted, and how the answer says which part it is.

`limit` and `offset` of the query and the header `Range` (of a GET, items counted from 0, both ends
included) cut each other down. The rules, and their odd corners, are PostgREST's `RangeQuery.hs`.
"""

import re
from http import HTTPStatus
from typing import Final

from msgspec import Struct

from fakes.supabase.rest.errors import out_of_range

__all__ = ["Window", "content_range", "read_window", "status_of"]

_RANGE: Final = re.compile(r"(\d{1,18})-(\d{0,18})", re.ASCII)
_NEGATIVE: Final = "Limit should be greater than or equal to zero."
_BACKWARDS: Final = (
    "The lower boundary must be lower than or equal to the upper boundary in the Range header."
)


class Window(Struct, frozen=True):
    """The items from `first` on, `length` of them at most (None: all that follow)."""

    first: int = 0
    length: int | None = None

    def end(self, total: int) -> int:
        """The index behind the last item, of `total` ones."""
        return total if self.length is None else min(self.first + self.length, total)


def read_window(limit: int | None, offset: int | None, header: str) -> Window:
    """Return what is wanted; raises `RestError` (PGRST103) for what cannot be."""
    if limit == 0 and not offset:
        return Window(0, 0)
    first, last = max(offset or 0, 0), None if limit is None else (offset or 0) + limit - 1
    ranged = _RANGE.fullmatch(header)
    if ranged:
        low, high = int(ranged[1]), int(ranged[2]) if ranged[2] else None
        if high is not None and high < low:
            raise out_of_range(_BACKWARDS)
        first = max(first, low)
        last = min((end for end in (last, high) if end is not None), default=None)
    if last is not None and last < first:
        raise out_of_range(_NEGATIVE)
    return Window(first, None if last is None else last - first + 1)


def content_range(first: int, shown: int, total: int | None) -> str:
    """Return the value of `Content-Range`: `0-49/*`, `50-99/120`, `*/*`, `*/0`."""
    items = f"{first}-{first + shown - 1}" if shown and total != 0 else "*"
    return f"{items}/{'*' if total is None else total}"


def status_of(window: Window, shown: int, total: int | None) -> HTTPStatus:
    """Return 206 for a part of a counted result, else 200.

    Raises `RestError` (PGRST103) where the window begins behind the end of a counted one.
    """
    if total is None:
        return HTTPStatus.OK
    if window.first > total:
        raise out_of_range(
            f"An offset of {window.first} was requested, but there are only {total} rows.",
            {"Content-Range": f"*/{total}"},
        )
    return HTTPStatus.PARTIAL_CONTENT if shown < total else HTTPStatus.OK
