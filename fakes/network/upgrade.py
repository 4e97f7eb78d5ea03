"""Where a connection becomes a WebSocket: the end of the answer 101 (RFC 6455, section 4.2.2).

Everything before it, and every connection that never says so (TLS, plain HTTP, anything else),
passes without being looked into. No I/O.
"""

import re
from typing import Final

from msgspec import Struct

__all__ = ["UpgradeWatch", "Upgraded"]

_ANSWER: Final = b"HTTP/1.1 101"
_END: Final = b"\r\n\r\n"
_LONGEST_HEAD: Final = 64 * 1024
_WEBSOCKET: Final = re.compile(rb"^upgrade:[ \t]*websocket[ \t]*\r?$", re.I | re.M)
_DEFLATE: Final = re.compile(rb"^sec-websocket-extensions:[^\r\n]*permessage-deflate", re.I | re.M)


class Upgraded(Struct, frozen=True):
    """Frames begin `at` bytes into the data; `deflated` where permessage-deflate was agreed on."""

    at: int
    deflated: bool


class UpgradeWatch:
    """Looks for the answer 101 where an answer can begin: after the client has spoken.

    A client that pipelines requests before its upgrade is not recognised; none is known to.
    """

    def __init__(self) -> None:
        self._head: bytes | None = None

    def asked(self) -> None:
        """The client has sent something: what the server sends next may be an answer's head."""
        self._head = self._head or b""

    def answered(self, data: bytes) -> Upgraded | None:
        """The server has sent `data`; tells whether, and where, frames begin in it."""
        if self._head is None:
            return None
        before = len(self._head)
        head = self._head + data
        if head[: len(_ANSWER)] != _ANSWER[: len(head)] or before > _LONGEST_HEAD:
            self._head = None
            return None
        end = head.find(_END)
        if end < 0:
            self._head = head
            return None
        self._head = None
        head, at = head[:end], end + len(_END) - before
        if not _WEBSOCKET.search(head):
            return None
        return Upgraded(at, deflated=bool(_DEFLATE.search(head)))
