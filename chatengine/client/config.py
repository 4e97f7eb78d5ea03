"""The configuration of a CRM client; the adapter protocol's `config` is read straight into it.

A struct that exists is valid: each checks itself, built by hand or read. Durations of `Timing` are
whole milliseconds. No secret shows in a `repr`.
"""

from __future__ import annotations

import math
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct, field
from msgspec.structs import asdict
from yarl import URL

from chatengine.events import SOCKET_PATH
from chatengine.tokens import DEFAULT_TTL_S

__all__ = [
    "ChatEngineConfig",
    "ClientConfig",
    "ConfigError",
    "SupabaseConfig",
    "Timing",
    "TokenConfig",
    "Transport",
    "read_config",
]

Transport = Literal["websocket", "polling"]

_LONGEST_MS: Final = 24 * 3_600_000
"""A day: a longer wait is a mistake in the unit."""

_HIDDEN: Final = "..."


class ConfigError(ValueError):
    """A configuration that cannot be used; its text is one sentence, without any secret."""


class _Part(Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of the configuration: camelCase when read, unknown fields ignored."""


class _Discreet(_Part, frozen=True, kw_only=True):
    """A part with a secret: `_secrets` names what every way of printing it leaves out."""

    @property
    def _secrets(self) -> tuple[str, ...]:
        raise NotImplementedError

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        fields = asdict(self).items()
        return [(name, _HIDDEN if name in self._secrets else value) for name, value in fields]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"


class ChatEngineConfig(_Part, frozen=True, kw_only=True):
    """Where ChatEngine is (contract, section 2): `http(s)://host[:port]` and the socket's path.

    `transports` are tried in their order. `compression` offers permessage-deflate (RFC 7692): off,
    because it costs processor time on both sides and short messages gain little.
    """

    url: str
    path: str = SOCKET_PATH
    compression: bool = False
    transports: tuple[Transport, ...] = ("websocket", "polling")

    def __post_init__(self) -> None:
        url = _http_url("chatengine.url", self.url)
        if url.path not in ("", "/") or url.raw_query_string or url.raw_fragment:
            raise ConfigError("chatengine.url has more than http(s)://host[:port]")
        if not self.path.startswith("/") or any(sign in self.path for sign in "?# \r\n\t"):
            raise ConfigError("chatengine.path is not a path that begins with /")
        if not self.transports:
            raise ConfigError("chatengine.transports is empty")

    @property
    def base(self) -> str:
        """The URL, without a slash behind."""
        return self.url.rstrip("/")


class SupabaseConfig(_Discreet, frozen=True, kw_only=True):
    """Where Supabase is, and the key of anonymous access: `apikey` and bearer, as supabase-js has
    it without a session. ChatEngine's token is none of Supabase's.
    """

    url: str
    anon_key: str

    def __post_init__(self) -> None:
        _http_url("supabase.url", self.url)
        if not self.anon_key:
            raise ConfigError("supabase.anonKey is empty")

    @property
    def _secrets(self) -> tuple[str, ...]:
        return ("anon_key",)


class TokenConfig(_Discreet, frozen=True, kw_only=True):
    """How the client mints its own token (contract, section 3).

    `claims` are added last: what they name overrides what the client would say.
    """

    secret: str
    ttl_seconds: float = DEFAULT_TTL_S
    claims: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.secret:
            raise ConfigError("token.secret is empty")
        if not (math.isfinite(self.ttl_seconds) and self.ttl_seconds >= 1):
            # `exp` counts whole seconds: what lives less may have ended when it is minted.
            raise ConfigError("token.ttlSeconds is not a number from 1")

    @property
    def _secrets(self) -> tuple[str, ...]:
        return ("secret",)


class Timing(_Part, frozen=True, kw_only=True):
    """How long things take or may take, in milliseconds."""

    reconnect_delay_ms: int = 500
    """Before the first attempt after a loss, and doubled for each after it: most losses are short,
    and the user notices from about a second on."""
    reconnect_delay_max_ms: int = 4000
    """With the second a handshake may need, C-CONN-3's 5 s hold however long a server was away."""
    connect_timeout_ms: int = 4000
    """One attempt, token and every transport included. Attempts are spaced from start to start,
    so one that hangs when the server returns delays the next no more than the longest delay."""
    fallback_after_ms: int = 500
    """Grace before Supabase is asked: a socket cut for a moment is back by then, and of C-FBK-2's
    2 s there is time left for the join and its `system`."""
    release_after_ms: int = 3000
    """Until the Supabase channels are let go, at the latest, after the socket's return; C-FBK-3
    allows 5 s."""
    poll_interval_ms: int = 5000
    """Section 9 promises 5 to 10 s by polling."""
    send_timeout_ms: int = 8000
    """Until a send without confirmation counts as failed; C-SND-4 allows 10 s."""
    http_timeout_ms: int = 5000
    """One read over HTTP, its answer included."""
    ack_timeout_ms: int = 2000
    """The acknowledgement of a subscription; a server that gives none must not hold up more."""
    typing_expiry_ms: int = 5000
    """C-TYP-2."""
    backfill_overlap_ms: int = 60_000
    """How far before a gap its messages may have been written (C-FBK-4)."""
    alert_after_ms: int = 30_000
    """A disconnection that raises the alert (C-MON-3): longer than a server's restart."""
    join_timeout_ms: int = 10_000
    """A join of Supabase Realtime, as realtime-js has it; a refused one is answered after 5 s."""
    heartbeat_ms: int = 25_000
    """Supabase's heartbeat, as its clients have it; the server closes after 60 s of silence."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            lowest = 0 if name in _MAY_BE_NOTHING else 1
            if not lowest <= getattr(self, name) <= _LONGEST_MS:
                field_name = _camel(name)
                raise ConfigError(f"timing.{field_name} is not from {lowest} to {_LONGEST_MS} ms")


_MAY_BE_NOTHING: Final = ("fallback_after_ms", "release_after_ms", "backfill_overlap_ms")
"""All other durations are divided by, waited for in a loop, or allowed for an answer."""


class ClientConfig(_Part, frozen=True, kw_only=True):
    """Everything a CRM client needs to know; without `chatengine` Supabase alone serves.

    `whatsapp_number_id` None: all numbers of the workspace. `token` None: the token comes from
    elsewhere, or there is none, and then no attempt to connect (C-CONN-1).
    """

    workspace_id: str
    user_id: str
    chatengine: ChatEngineConfig | None = None
    supabase: SupabaseConfig | None = None
    token: TokenConfig | None = None
    whatsapp_number_id: str | None = None
    timing: Timing = Timing()

    def __post_init__(self) -> None:
        if not self.workspace_id:
            raise ConfigError("workspaceId is empty")
        if not self.user_id:
            raise ConfigError("userId is empty")


def read_config(value: object) -> ClientConfig:
    """Read decoded JSON; raises `ConfigError` for the first mistake, unknown fields ignored.

    A part that is null is absent. A number may be written as other languages write it: 500, 500.0
    or "500".
    """
    if isinstance(value, dict):
        value = {name: part for name, part in value.items() if part is not None}
    try:
        return msgspec.convert(value, ClientConfig, strict=False)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, ConfigError):
            raise error.__cause__ from None
        raise ConfigError(f"the configuration cannot be read: {error}") from None


def _http_url(name: str, text: str) -> URL:
    """Read an absolute http(s) URL, which no error quotes: what it holds may be a password."""
    try:
        url = URL(text)
        usable = url.scheme in ("http", "https") and bool(url.host) and url.port is not None
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{name} is not an http(s) URL")
    if url.user is not None or url.password is not None:
        raise ConfigError(f"{name} holds a user or a password")
    return url


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
