"""The settings of the Engine.IO server: what a client sees of them is in its handshake."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TRANSPORTS", "EngineSettings"]

TRANSPORTS = ("polling", "websocket")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """How the Engine.IO server behaves; the defaults are those of Node's engine.io 6.

    Durations are milliseconds, sizes are bytes. Raises ValueError for a value out of range.
    """

    path: str = "/api/ws"
    ping_interval_ms: int = 25_000
    ping_timeout_ms: int = 20_000
    max_payload: int = 1_000_000
    """The largest message, and the largest body of a POST, that a client may send."""
    upgrade_timeout_ms: int = 10_000
    """How long a WebSocket may take from its opening to the `5` that completes the upgrade."""
    transports: tuple[str, ...] = TRANSPORTS
    compression: bool = False
    """Whether permessage-deflate is granted to those who ask for it."""
    cors_allowed_origins: tuple[str, ...] = ()
    """Origins that a browser may call from; `"*"` stands for all."""
    max_write_buffer: int = 16 * 1024 * 1024
    """What may wait for one client; a client with more than that is too slow and is cut."""
    close_grace_ms: int = 2_000
    """How long a closed WebSocket may take to answer the close frame before it is cut."""

    def __post_init__(self) -> None:
        positive = ("ping_interval_ms", "ping_timeout_ms", "max_payload", "upgrade_timeout_ms",
                    "max_write_buffer", "close_grace_ms")  # fmt: skip
        for name in positive:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if not self.path.startswith("/"):
            raise ValueError(f"path must start with a slash, not {self.path!r}")
        unknown = set(self.transports) - set(TRANSPORTS)
        if unknown or not self.transports:
            raise ValueError(f"transports must be some of {TRANSPORTS}, not {self.transports}")
