"""What the adapter protocol carries: a client's greeting, its configuration, and what it shows.

A shape that is not the protocol's is the adapter's problem; a value that is not the contract's (a
message `pending`, say) is a client's, and for a check to find. So texts are texts here, and moments
too: `at_ms` reads one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import UNSET, Struct, UnsetType

from chatengine.moments import MomentError, to_ms

__all__ = [
    "CAPABILITIES",
    "PROTOCOL",
    "Capability",
    "ClientConfig",
    "Connection",
    "Conversation",
    "Counters",
    "Endpoint",
    "Hello",
    "Latency",
    "Metrics",
    "Reconnect",
    "ShownMessage",
    "Snapshot",
    "SupabaseEndpoint",
    "Timing",
    "Token",
    "at_ms",
]

PROTOCOL: Final = 1

Capability = Literal[
    "websocket", "supabase", "polling", "send", "typing", "reconfigure", "cache", "metrics"
]

CAPABILITIES: Final[Mapping[Capability, str]] = {
    "websocket": "a socket to ChatEngine",
    "supabase": "the fallback to Supabase Realtime",
    "polling": "incremental polling",
    "send": "sending",
    "typing": "showing others' typing",
    "reconfigure": "another configuration while it runs",
    "cache": "a cache of closed conversations",
    "metrics": "metrics of its own",
}
"""Each with what it is, for the sentence that says it is not claimed."""


class _Wire(Struct, frozen=True, kw_only=True, rename="camel"):
    """Unknown fields are ignored."""


# What the client is told


class Endpoint(_Wire, frozen=True, kw_only=True):
    """Where ChatEngine is."""

    url: str
    path: str = "/api/ws"


class SupabaseEndpoint(_Wire, frozen=True, kw_only=True):
    """Where Supabase is, and the key of the workspace."""

    url: str
    anon_key: str


class Token(_Wire, frozen=True, kw_only=True):
    """How the client mints its token."""

    secret: str
    ttl_seconds: int = 3600
    claims: dict[str, Any]


class Timing(_Wire, frozen=True, kw_only=True):
    """What makes a run quick (milliseconds).

    The alert's is beyond the protocol and told to nobody but for C-MON-3, which without it has to
    wait as long as a client's own takes.
    """

    reconnect_delay_ms: int = 100
    reconnect_delay_max_ms: int = 1000
    fallback_after_ms: int = 300
    poll_interval_ms: int = 500
    alert_after_ms: int | UnsetType = UNSET


class ClientConfig(_Wire, frozen=True, kw_only=True):
    """All that a client is told at its start."""

    chatengine: Endpoint | None
    supabase: SupabaseEndpoint | None
    token: Token
    workspace_id: str
    user_id: str
    whatsapp_number_id: str | None = None
    timing: Timing = Timing()


# What it says and shows


class Hello(_Wire, frozen=True, kw_only=True):
    """Who the client is, what it claims, and what of its timing it keeps whatever it is told."""

    name: str
    version: str
    language: str
    capabilities: frozenset[str]
    timing: dict[str, float | None] = {}


class Connection(_Wire, frozen=True, kw_only=True):
    """How the client says it is connected."""

    is_enabled: bool
    is_connected: bool
    source: Literal["websocket", "supabase", "polling", "none"]
    state: Literal["connected", "connecting", "disconnected", "unauthorized"]
    last_error: str | None = None


class Conversation(_Wire, frozen=True, kw_only=True):
    """A line of the list."""

    id: str
    workspace_id: str | None = None
    whatsapp_number_id: str | None = None
    last_message_at: str | None = None
    preview: str | None = None


class ShownMessage(_Wire, frozen=True, kw_only=True):
    """A message as the user sees it."""

    id: str
    body: str | None
    type: str
    status: str | None
    is_outgoing: bool
    created_at: str
    external_id: str | None = None
    client_message_id: str | None = None
    media_url: str | None = None
    reply_to_id: str | None = None
    error_message: str | None = None


class Counters(_Wire, frozen=True, kw_only=True):
    """What went through."""

    received: int
    duplicates: int
    malformed: int
    reconnects: int


class Latency(_Wire, frozen=True, kw_only=True):
    """Quantiles are None where nothing was measured."""

    count: int
    p50: float | None = None
    p99: float | None = None


class Reconnect(_Wire, frozen=True, kw_only=True):
    """A disconnection that is over."""

    at: str
    cause: str | None
    down_ms: float | None


class Metrics(_Wire, frozen=True, kw_only=True):
    """What a client that watches itself knows."""

    latency_ms: Latency
    reconnects: list[Reconnect]
    alert: bool


class Snapshot(_Wire, frozen=True, kw_only=True):
    """What the user would see now; the messages of a conversation newest first."""

    connection: Connection
    conversations: list[Conversation]
    messages: dict[str, list[ShownMessage]]
    counters: Counters
    typing: dict[str, list[str]] = {}
    metrics: Metrics | None = None


def at_ms(moment: str | None) -> int | None:
    """Milliseconds since the epoch of a moment that a client shows; None for what is none."""
    try:
        return to_ms(moment)
    except MomentError:
        return None
