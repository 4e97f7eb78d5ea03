"""The publishing end: webhooks posted on a schedule that was fixed in advance.

Runs on the engine's loop. Message `k` of the whole run is meant for `start + k / rate` and goes to
conversation `k mod n`, so every conversation has an evenly spaced stream of its own. A post that
takes long does not hold up the next one (open model).
"""

import asyncio
import itertools
import math
import random
import ssl
import time
from collections.abc import Sequence
from typing import Final

import aiohttp
import msgspec
from msgspec import Struct

from chatengine.history import Entered, Outcome
from chatengine.webhooks import text_message
from locustfiles.engine.clock import SECOND_US
from locustfiles.engine.schedule import Schedule, Stream
from locustfiles.engine.stamps import Stamp
from locustfiles.engine.thread import Engine

__all__ = ["POST_S", "Conversation", "Plan", "Publisher"]

POST_S: Final = 10.0
"""A post that is not answered by then counts as unknown."""

_MOST_POSTS: Final = 512  # connections at once; beyond it posts queue, which their latency shows
_STREAM_IDS: Final = 1 << 24
_WHO: Final = "publisher"


class Conversation(Struct, frozen=True):
    """Where a stream goes: a customer's JID on one of the provider's instances.

    `workspace_id` is the instance's, which only a history tells of.
    """

    instance: str
    remote_jid: str
    workspace_id: str = ""


class Plan(Struct, frozen=True):
    """What to publish: `rate` messages a second over all `conversations`, of `text_bytes` each.

    For `seconds`, or until it is stopped where that is 0.
    """

    webhook_url: str
    conversations: Sequence[Conversation]
    rate: float
    text_bytes: int
    run: int
    seconds: float = 0
    tls: ssl.SSLContext | None = None


class _Outgoing:
    """The stream of one conversation as it is being published."""

    def __init__(self, conversation: Conversation, schedule: Schedule) -> None:
        self.conversation = conversation
        self.schedule = schedule
        self.id = random.randrange(_STREAM_IDS)
        self.count = 0
        self.answered = 0  # all below were answered, in whatever way
        self.early_answers: set[int] = set()
        self.unaccepted: list[int] = []

    def on_answer(self, sequence: int) -> None:
        self.early_answers.add(sequence)
        while self.answered in self.early_answers:
            self.early_answers.remove(self.answered)
            self.answered += 1

    def stream(self) -> Stream:
        return Stream(
            self.id,
            self.conversation.remote_jid,
            self.schedule,
            self.count,
            tuple(sorted(self.unaccepted)),
        )


class Publisher:
    """Posts a plan's messages from `start` until `finish`."""

    def __init__(self, engine: Engine, plan: Plan) -> None:
        self._engine = engine
        self._plan = plan
        self._posts: set[asyncio.Task[None]] = set()
        self._outgoing: list[_Outgoing] = []
        self._text = "x" * plan.text_bytes
        self._headers = {"Content-Type": "application/json"}
        self._timer: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Fix the schedule and begin."""
        plan = self._plan
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_MOST_POSTS, ssl=plan.tls or True),
            timeout=aiohttp.ClientTimeout(total=POST_S),
        )
        start_us = self._engine.clock.now_us() + SECOND_US // 10
        gap_us = SECOND_US / plan.rate
        interval_us = gap_us * len(plan.conversations)
        self._outgoing = [
            _Outgoing(conversation, Schedule(start_us + int(n * gap_us), interval_us))
            for n, conversation in enumerate(plan.conversations)
        ]
        # Half a gap early: the moments are whole microseconds, and the last must not slip in twice.
        end_us = start_us + plan.seconds * SECOND_US - gap_us / 2 if plan.seconds else math.inf
        self._timer = asyncio.create_task(self._publish(end_us))

    async def finish(self) -> list[Stream]:
        """Stop scheduling, await the answers under way, and announce what was published."""
        if self._timer is not None:
            self._timer.cancel()
        if self._posts:
            await asyncio.wait(self._posts)
        if self._session is not None:
            await self._session.close()
        return [outgoing.stream() for outgoing in self._outgoing]

    async def _publish(self, end_us: float) -> None:
        clock = self._engine.clock
        for outgoing in itertools.cycle(self._outgoing):
            due_us = outgoing.schedule.intended_us(outgoing.count)
            if due_us >= end_us:
                break
            await asyncio.sleep(0)  # also when late: the loop has posts and sockets to see to
            # Again and again: uvloop's timers count whole milliseconds and may end early, and a
            # message that went out before its time would seem faster than it was.
            while (wait_us := due_us - clock.now_us()) > 0:  # noqa: ASYNC110  # no event: a time
                await asyncio.sleep(math.ceil(wait_us / 1000) / 1000)
            self._post_next(outgoing, due_us)

    def _post_next(self, outgoing: _Outgoing, due_us: int) -> None:
        now_us = self._engine.clock.now_us()
        lag_us = max(0, now_us - due_us)
        sequence = outgoing.count
        outgoing.count += 1
        ledger = self._engine.ledger
        ledger.publishing.scheduled += 1
        ledger.publisher_lag.record(lag_us)
        behind = sequence - outgoing.answered
        stamp = Stamp(self._plan.run, outgoing.id, sequence, due_us, lag_us, behind)
        task = asyncio.create_task(self._post(outgoing, stamp))
        self._posts.add(task)
        task.add_done_callback(self._posts.discard)

    async def _post(self, outgoing: _Outgoing, stamp: Stamp) -> None:
        assert self._session is not None
        began_us = self._engine.clock.now_us()
        body = text_message(
            instance=outgoing.conversation.instance,
            remote_jid=outgoing.conversation.remote_jid,
            key_id=stamp.provider_id(),
            text=self._text,
            # The wall clock's second: what WhatsApp would have written into it.
            second=int(time.time()),
            push_name="Load",
        )
        try:
            async with self._session.post(
                self._plan.webhook_url,
                data=msgspec.json.encode(body),
                headers=self._headers,
                allow_redirects=False,  # after some of them a POST becomes a GET, and that a 200
            ) as response:
                await response.read()
                status: int | None = response.status
                reason = f"the webhook answered {status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            status = None
            reason = f"a post to the webhook was not answered: {error!r}"[:200]
        self._note(outgoing, stamp.sequence, status, reason)
        self._keep(outgoing.conversation, stamp, began_us, status)

    def _note(self, outgoing: _Outgoing, sequence: int, status: int | None, reason: str) -> None:
        """Account for the answer to a post; `status` is None where there was none."""
        ledger = self._engine.ledger
        if status is not None and status < 300:
            ledger.publishing.accepted += 1
            ledger.second(self._engine.clock.now_us()).published += 1
        else:
            outgoing.unaccepted.append(sequence)
            ledger.error(reason)
            if status is None:
                ledger.publishing.unknown += 1
            else:
                ledger.publishing.refused += 1
        outgoing.on_answer(sequence)

    def _keep(
        self, conversation: Conversation, stamp: Stamp, began_us: int, status: int | None
    ) -> None:
        """Keep a post in the run's history."""
        journal = self._engine.journal
        if journal is None:
            return
        journal.note_action(
            Entered(
                at_us=journal.clock.now_us(),
                began_us=began_us,
                who=_WHO,
                message=stamp.provider_id(),
                conversation=conversation.remote_jid,
                workspace=conversation.workspace_id,
                outcome=_outcome(status),
            )
        )


def _outcome(status: int | None) -> Outcome:
    if status is None or status >= 500:
        return "unknown"
    return "ok" if status < 300 else "refused"
