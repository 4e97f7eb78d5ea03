"""What a server answered, as far as it is fit to be kept and to be shown.

Both ways to ChatEngine use this, the socket's polling transport and HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiohttp import ClientResponse

__all__ = ["TooLong", "quoted", "read_bounded", "unreachable"]

_MOST_SHOWN: Final = 200


class TooLong(Exception):
    """An answer of more than `most` bytes; the rest of it was not read."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most

    def __str__(self) -> str:
        return f"the answer has more than {self.most} bytes"


async def read_bounded(
    response: ClientResponse, most: int, heard: Callable[[], None] = lambda: None
) -> bytes:
    """Read a body of at most `most` bytes, unpacked; raises `TooLong`, and what aiohttp raises.

    `heard` is called whenever a part of it has come.
    """
    body = bytearray()
    async for chunk in response.content.iter_any():
        heard()
        body += chunk
        if len(body) > most:
            raise TooLong(most)
    return bytes(body)


def quoted(text: object) -> str:
    """One line of a stranger's own words: no control characters, cut short, "" for no text."""
    if not isinstance(text, str):
        return ""
    line = "".join(sign if sign.isprintable() else " " for sign in text[:_MOST_SHOWN])
    return line.strip() + ("..." if len(text) > _MOST_SHOWN else "")


def unreachable(error: BaseException) -> str:
    """The sentence for a connection that could not be had, or broke in the middle."""
    why = getattr(error, "strerror", None) or type(error).__name__
    return f"ChatEngine cannot be reached ({quoted(str(why))}): check its URL and the network"
