"""Calling ChatEngine's webhook: tried a few times as Evolution does it, remembered, bounded."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from msgspec import Struct

from fakes.evolution.ledger import Ledger
from fakes.evolution.settings import RetrySettings
from fakes.logs import Log

__all__ = ["WebhookCall", "WebhookCaller", "calling"]

_ANSWERS: Final = frozenset({"ok"} | {f"status {status}" for status in (400, 401, 403, 404, 422)})
"""Outcomes that end the matter: Evolution tries again after any other status
(`NON_RETRYABLE_STATUS_CODES`)."""

_CONNECTIONS: Final = 100
_JITTER: Final = 0.2  # Evolution's own

_log: Final = Log(__name__)


class WebhookCall(Struct, frozen=True, kw_only=True, rename="camel"):
    """A webhook that was called: what about, how often tried, and what came of it.

    `outcome` is `ok`, `status <n>`, `unreachable`, `timeout`, or `no url` where none is set.
    """

    sequence: int
    event: str
    instance: str
    key_id: str | None
    status: str | None
    attempts: int
    outcome: str

    @property
    def answered(self) -> bool:
        """Whether ChatEngine gave any answer that ends the matter."""
        return self.outcome in _ANSWERS


class WebhookCaller:
    """Posts webhook bodies to `url`; each call ends in a `WebhookCall` in `calls`."""

    def __init__(
        self, session: ClientSession, url: str | None, retry: RetrySettings, kept: int
    ) -> None:
        self.url = url
        self.calls: Ledger[WebhookCall] = Ledger(kept)
        self.outcomes: dict[str, int] = {}
        self._session = session
        self._retry = retry

    @property
    def unanswered(self) -> int:
        """How many calls ended without an answer that ends the matter."""
        return sum(n for outcome, n in self.outcomes.items() if outcome not in _ANSWERS)

    async def post(self, body: dict[str, Any]) -> WebhookCall:
        """Deliver `body`, trying again where that may help; never raises for what went wrong."""
        encoded = msgspec.json.encode(body)
        attempts, outcome = 0, "no url"
        while self.url is not None and attempts < self._retry.attempts:
            if attempts:
                await asyncio.sleep(self._delay(attempts))
            attempts += 1
            outcome = await self._try(self.url, encoded)
            if outcome in _ANSWERS:
                break
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        call = self.calls.add(
            lambda sequence: WebhookCall(
                sequence=sequence, attempts=attempts, outcome=outcome, **_about(body)
            )
        )
        if outcome not in ("ok", "no url"):
            _log.warning("webhook not taken", call=msgspec.to_builtins(call))
        return call

    async def _try(self, url: str, encoded: bytes) -> str:
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(
                url, data=encoded, headers=headers, allow_redirects=False
            ) as response:
                await response.read()
        except TimeoutError:
            return "timeout"
        except (ClientError, OSError, ValueError):  # ValueError: a URL that aiohttp cannot use
            return "unreachable"
        return (
            "ok" if response.status < HTTPStatus.MULTIPLE_CHOICES else f"status {response.status}"
        )

    def _delay(self, failed: int) -> float:
        delay = min(self._retry.first_delay_s * 2.0 ** (failed - 1), self._retry.longest_delay_s)
        return delay * random.uniform(1 - _JITTER, 1 + _JITTER)


def _about(body: dict[str, Any]) -> dict[str, Any]:
    """Name what a body is about, without anything of its text."""
    data = body.get("data")
    item = _object(data[0] if isinstance(data, list) and data else data)
    status = item.get("status", _object(item.get("update")).get("status"))
    return {
        "event": str(body.get("event")),
        "instance": str(body.get("instance")),
        "key_id": item.get("keyId") or _object(item.get("key")).get("id"),
        "status": None if status is None else str(status),
    }


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


@asynccontextmanager
async def calling(
    url: str | None, retry: RetrySettings, kept: int = 10_000
) -> AsyncIterator[WebhookCaller]:
    """Open the connections to ChatEngine for the length of the block."""
    timeout = ClientTimeout(total=retry.timeout_s)
    connector = TCPConnector(limit=_CONNECTIONS)
    async with ClientSession(timeout=timeout, connector=connector) as session:
        yield WebhookCaller(session, url, retry, kept)
