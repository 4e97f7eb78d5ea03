"""A socket that writes what it does, and what reaches it, into the run's history.

A class of its own, so that the sockets of a run without a history do not even ask for one.
Everything here runs on the engine's loop.
"""

from chatengine.history import (
    Actor,
    Dropped,
    Outcome,
    Received,
    Settled,
    Stopped,
    Subscribed,
    Unsubscribed,
)
from locustfiles.engine.journal import Journal
from locustfiles.engine.sockets import Socket, Target
from locustfiles.engine.thread import Engine

__all__ = ["RecordedSocket"]


class RecordedSocket(Socket):
    """A socket that the history of the run calls `who`.

    It keeps the messages of this run: what others publish nobody here can answer for. When a
    subscription ends, what had entered `settle_us` before has had its time, as in the accounts.
    """

    __slots__ = ("_journal", "_settle_us", "_who")

    def __init__(
        self, engine: Engine, target: Target, run: int, journal: Journal, who: str, settle_us: int
    ) -> None:
        super().__init__(engine, target, run)
        self._journal = journal
        self._who = who
        self._settle_us = settle_us
        now_us = journal.clock.now_us()
        journal.note(Actor(at_us=now_us, who=who, workspace=target.workspace_id, kind="socket"))

    def on_known(self, payload: bytes) -> bool:
        """Account for a `message`, and keep it."""
        if not super().on_known(payload):
            return False
        message = self._arrivals.last
        content = message.content
        if content is not None and message.route is not None and message.route[0] == self._run:
            at_us, conversation = self._journal.clock.now_us(), message.route[1]
            self._journal.note(
                Received(
                    at_us=at_us,
                    who=self._who,
                    message=content.provider_id,
                    conversation=conversation,
                )
            )
        return True

    def on_lost(self, cause: str) -> None:
        """Keep that all subscriptions are gone, and begin to come back."""
        self._journal.note(Dropped(at_us=self._settle(), who=self._who))
        super().on_lost(cause)

    async def unsubscribe(self, conversation_id: str) -> None:
        """Leave a conversation, and keep what came of it."""
        began_us = self._settle()
        outcome: Outcome = "unknown"
        try:
            await super().unsubscribe(conversation_id)
            outcome = "ok"
        finally:
            self._journal.note_action(
                Unsubscribed(
                    at_us=self._journal.clock.now_us(),
                    began_us=began_us,
                    who=self._who,
                    conversation=conversation_id,
                    outcome=outcome,
                )
            )

    async def close(self) -> None:
        """Keep that nothing is open any more, and end it."""
        self._journal.note(Stopped(at_us=self._settle(), who=self._who))
        await super().close()

    async def _subscribe(self, conversation_id: str) -> int:
        began_us = self._journal.clock.now_us()
        outcome: Outcome = "unknown"
        try:
            took_us = await super()._subscribe(conversation_id)
            outcome = "ok" if self._subscriptions[conversation_id].live else "unknown"
        finally:
            self._journal.note_action(
                Subscribed(
                    at_us=self._journal.clock.now_us(),
                    began_us=began_us,
                    who=self._who,
                    conversation=conversation_id,
                    outcome=outcome,
                )
            )
        return took_us

    def _settle(self) -> int:
        """Say what has had its time to come; the present moment."""
        now_us = self._journal.clock.now_us()
        fence = Settled(at_us=now_us, who=self._who, upto_us=now_us - self._settle_us)
        self._journal.note(fence)
        return now_us
