"""What is sent, and the ways on which it goes."""

from typing import Final

from msgspec import Struct

from fakes.network import Drop, OnFrame, Rule, Schedule

__all__ = ["BULK_MARK", "FRAME", "SWITCHING", "UPGRADE", "WAYS", "Way"]

UPGRADE: Final = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
SWITCHING: Final = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
_PAYLOAD: Final = b'42["message",{"id":"' + b"x" * 376 + b'"}]'
FRAME: Final = b"\x81\x7e" + len(_PAYLOAD).to_bytes(2, "big") + _PAYLOAD
BULK_MARK: Final = b"\x00"

_MATCHED: Final = Schedule((Rule(Drop(), OnFrame(prefix="42", contains='"never"')),))
"""A rule that looks into every frame and finds nothing."""


class Way(Struct, frozen=True):
    """A way to the server: directly, or through a proxy with this schedule."""

    name: str
    proxied: bool = True
    framed: bool = True
    schedule: Schedule = Schedule()


WAYS: Final = (
    Way("direct", proxied=False),
    Way("proxied bytes", framed=False),
    Way("proxied WebSocket"),
    Way("frames matched", schedule=_MATCHED),
)
