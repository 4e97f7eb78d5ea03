"""From the database's changes to the channels that subscribed to them.

Changes are logged as they are committed, and polled: every `poll_ms` at most so many of them,
while there are none less often. Who may see a change is decided when it is polled. Delivery is at
most once, and there is no replay: a subscription gets what is committed after it was made.
"""

import asyncio
from collections import deque
from typing import Final, Literal, Protocol

import msgspec
from msgspec import Struct

from fakes.supabase.database import Change, Database
from fakes.supabase.faults import ChangeDropped, ChangeTooLarge, Faults
from fakes.supabase.keys import Claims
from fakes.supabase.policy import Policy
from fakes.supabase.realtime.payloads import log_size, payload_of, unauthorized
from fakes.supabase.realtime.rates import Rate
from fakes.supabase.realtime.subscriptions import Subscription
from fakes.supabase.settings import Limits, Timing
from fakes.turns import Turn

__all__ = ["IDLE_FACTOR", "Feed", "Reader"]

IDLE_FACTOR: Final = 5

_MOST_LOGGED: Final = 1_000_000
"""Changes that wait to be polled; a burst beyond it loses its oldest."""


class Reader(Protocol):
    """Whoever subscribes: a channel."""

    @property
    def name(self) -> str:
        """The channel's name, for faults that are bound to one."""

    def deliver(self, ids: list[int], data: msgspec.Raw) -> None:
        """Take a change that the subscriptions with these ids want."""


class _Reading(Struct, frozen=True):
    """What a reader subscribed to, as whom, and after which change."""

    reader: Reader
    claims: Claims
    subscriptions: tuple[Subscription, ...]
    since: int


class Feed:
    """The log of changes and its readers."""

    def __init__(
        self, database: Database, policy: Policy, faults: Faults, timing: Timing, limits: Limits
    ) -> None:
        self._policy = policy
        self._faults = faults
        self._timing = timing
        self._limits = limits
        self._events = Rate(limits.events)
        self._log: deque[tuple[int, Change]] = deque(maxlen=_MOST_LOGGED)
        self._committed = 0
        self._readings: dict[Reader, _Reading] = {}
        database.listen(self._enter)

    def subscribe(
        self, reader: Reader, claims: Claims, subscriptions: tuple[Subscription, ...]
    ) -> None:
        """Let a reader have the changes committed from now on; it may subscribe anew.

        A renewed subscription misses nothing: what the old one had not seen yet it still gets.
        """
        known = self._readings.get(reader)
        since = self._committed if known is None else known.since
        self._readings[reader] = _Reading(reader, claims, subscriptions, since)

    def unsubscribe(self, reader: Reader) -> None:
        """Forget a reader; what was not polled yet is lost to it."""
        self._readings.pop(reader, None)

    def is_subscribed(self, reader: Reader) -> bool:
        """Whether a reader gets changes."""
        return reader in self._readings

    def _enter(self, change: Change) -> None:
        self._committed += 1
        if self._readings and change.table.published:
            self._log.append((self._committed, change))

    async def run(self) -> None:
        """Poll for ever."""
        while True:
            busy = await self._poll()
            interval_ms = self._timing.poll_ms * (1 if busy else IDLE_FACTOR)
            await asyncio.sleep(interval_ms / 1000)

    async def _poll(self) -> bool:
        """Deliver what is due; says whether there was anything."""
        due, turn = min(len(self._log), self._limits.changes), Turn()
        for _ in range(due):
            self._tell(*self._log.popleft())
            await turn.pause()
        return due > 0

    def _tell(self, number: int, change: Change) -> None:
        """Deliver one change, written as JSON once for all who see it alike."""
        encoded: dict[object, msgspec.Raw] = {}
        too_large = log_size(change) > self._limits.record
        for reading in tuple(self._readings.values()):
            access = self._access(reading.claims, change) if reading.since < number else None
            if access is None:
                continue
            name = reading.reader.name
            for select, ids in _wanted(reading, change, access).items():
                if not self._events.take() or self._faults.take(ChangeDropped, name):
                    continue
                large = too_large or self._faults.take(ChangeTooLarge, name) is not None
                key = (access, select, large)
                if key not in encoded:
                    data = (
                        unauthorized(change)
                        if access == "barred"
                        else payload_of(change, select, too_large=large)
                    )
                    encoded[key] = msgspec.Raw(msgspec.json.encode(data))
                reading.reader.deliver(ids, encoded[key])

    def _access(self, claims: Claims, change: Change) -> Literal["free", "barred"] | None:
        """Say how a token stands to a change: may see it, may not use the table, or knows nothing.

        Nobody can tell whose a deleted row was, so that everybody may see its key.
        """
        if change.kind == "DELETE":
            return "free"
        if not self._policy.may_use(claims, change.table):
            return "barred"
        return "free" if self._policy.sees(claims, change.table, change.record or {}) else None


def _wanted(
    reading: _Reading, change: Change, access: Literal["free", "barred"]
) -> dict[tuple[str, ...] | None, list[int]]:
    """Return the ids of the subscriptions that get the change, by the columns they select.

    Where the table is barred, filters are not looked at.
    """
    wanted: dict[tuple[str, ...] | None, list[int]] = {}
    for each in reading.subscriptions:
        if each.covers(change) if access == "barred" else each.wants(change):
            wanted.setdefault(each.select, []).append(each.id)
    return wanted
