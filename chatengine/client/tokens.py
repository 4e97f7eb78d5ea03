"""Where a token valid at this moment comes from (C-CONN-5): minted here, or asked of a callable.

Both keep what they have until shortly before its end, and say `NoToken` where there is none.

**A callable** is an async function that returns a JWT, say of the user's session. It is asked
once at a time, and again only when the token it gave nears its end or was refused; a token whose
end cannot be read is asked for each time. If it raises, that attempt has no token: the
exception's class is told, its text may hold a secret and is not, and the next attempt asks again.
If it hangs, whoever wants the token gives up at its own deadline and thereby cancels it. A token
that has already ended is not sent anywhere.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from chatengine.client.config import TokenConfig
from chatengine.tokens import TokenRules, mint

__all__ = ["AskedTokens", "Clock", "MintedTokens", "NoToken", "TokenSource"]

Clock = Callable[[], float]
"""Seconds since the epoch."""

_LONGEST_MARGIN_S: Final = 60.0
"""How long before its end a token is renewed: clocks differ by seconds, an attempt takes a few."""

_MARGIN_SHARE: Final = 0.25
"""Of a short life the last quarter: a token of 4 s is used for 3."""


class NoToken(Exception):
    """There is no token to send; the text is one sentence without any part of a token.

    `expired` says that the source gave one that has ended: as good as a refusal, without asking.
    """

    def __init__(self, sentence: str, *, expired: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.expired = expired


class TokenSource(Protocol):
    """Gives tokens, each valid when it is given."""

    async def token(self) -> str:
        """Return a token valid now; raises `NoToken`. It may hang: callers bring a deadline."""

    def refused(self) -> None:
        """Take note that the token given last was refused."""


class _Kept(Struct, frozen=True):
    """A token, and from when until when (seconds since the epoch) it is given again."""

    token: str
    since: float
    until: float

    @classmethod
    def of(cls, token: str, now: float, expires_at: float) -> _Kept:
        margin = min(_LONGEST_MARGIN_S, _MARGIN_SHARE * (expires_at - now))
        return cls(token, now, expires_at - margin)

    def is_good(self, now: float) -> bool:
        """Whether it is still to be given; a clock that was set back makes it one of the future."""
        return self.since <= now < self.until


class MintedTokens:
    """Mints the client's own tokens (contract, section 3).

    A refused token is kept: another one minted from the same secret says the same, but issued
    later, and a server whose clock is a little behind would refuse that one for ever (`iat`).
    """

    def __init__(
        self, config: TokenConfig, *, workspace_id: str, user_id: str, clock: Clock = time.time
    ) -> None:
        self._config = config
        self._workspace_id = workspace_id
        self._user_id = user_id
        self._clock = clock
        self._kept: _Kept | None = None

    async def token(self) -> str:
        """Return a token valid now; raises `NoToken` where the claims pin an end that is past."""
        now = self._clock()
        if self._kept is None or not self._kept.is_good(now):
            token = self._minted(now)
            self._kept = _Kept.of(token, now, _alive(token, now) or now)
        return self._kept.token

    def refused(self) -> None:
        """Keep the token, for the reason given above."""

    def _minted(self, now: float) -> str:
        try:
            return mint(
                TokenRules(self._config.secret),
                workspace_id=self._workspace_id,
                subject=self._user_id,
                now=now,
                ttl_s=self._config.ttl_seconds,
                extra=self._config.claims,
            )
        except (TypeError, ValueError, OverflowError):
            raise NoToken("no token: its claims cannot be written as JSON") from None


class AskedTokens:
    """Asks a callable for tokens; the module's text says how."""

    def __init__(self, ask: Callable[[], Awaitable[str]], *, clock: Clock = time.time) -> None:
        self._ask = ask
        self._clock = clock
        self._kept: _Kept | None = None
        self._one_at_a_time = asyncio.Lock()

    async def token(self) -> str:
        """Return a token valid now; raises `NoToken`."""
        async with self._one_at_a_time:
            if self._kept is not None and self._kept.is_good(self._clock()):
                return self._kept.token
            token = await self._asked()
            now = self._clock()
            expires_at = _alive(token, now)
            self._kept = None if expires_at is None else _Kept.of(token, now, expires_at)
            return token

    def refused(self) -> None:
        """Ask again the next time."""
        self._kept = None

    async def _asked(self) -> str:
        try:
            token: object = await self._ask()
        except (Exception, asyncio.CancelledError) as error:  # whatever a caller's may raise
            if _is_cancelled():
                raise
            name = type(error).__name__
            raise NoToken(f"no token: the function that gives it raised {name}") from error
        if not isinstance(token, str) or not token:
            raise NoToken("no token: the function that gives it returned none")
        return token


def _is_cancelled() -> bool:
    """Whether this task itself was told to end, rather than something the callable waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _alive(token: str, now: float) -> float | None:
    """Return when the token ends, None where it does not say; raises `NoToken` if it has ended.

    The signature is the server's to judge, and only its secret could.
    """
    expires_at = _expiry(token)
    if expires_at is not None and expires_at <= now:
        raise NoToken("the token has expired: sign in again", expired=True)
    return expires_at


class _Claims(Struct):
    exp: float | None = None


def _expiry(token: str) -> float | None:
    """Read `exp` (RFC 7519, 4.1.4) of a token that need not be a JWT at all."""
    parts: list[Any] = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(payload, type=_Claims).exp
    except (ValueError, RecursionError):
        return None
