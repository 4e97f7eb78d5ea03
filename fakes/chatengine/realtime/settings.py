"""The settings of the Socket.IO server."""

from __future__ import annotations

from dataclasses import dataclass

from fakes.chatengine.engineio.settings import EngineSettings

__all__ = ["RealtimeSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeSettings(EngineSettings):
    """What `EngineSettings` holds, and what Socket.IO adds to it."""

    connect_timeout_ms: int = 45_000
    """How long a connection may go without joining a namespace (Node's `connectTimeout`)."""
