"""The one error of the codec."""

from __future__ import annotations

__all__ = ["PROTOCOL_ERROR", "PacketError"]

PROTOCOL_ERROR = 1002


class PacketError(ValueError):
    """What was received, or was to be sent, is no valid packet.

    `close_code` is the WebSocket close code (RFC 6455, 7.4.1) that answers it where the fault lies
    in a frame: 1002 protocol error, 1007 not UTF-8, 1009 too big.
    """

    def __init__(self, reason: str, close_code: int = PROTOCOL_ERROR) -> None:
        super().__init__(reason)
        self.reason = reason
        self.close_code = close_code

    def __str__(self) -> str:
        return self.reason
