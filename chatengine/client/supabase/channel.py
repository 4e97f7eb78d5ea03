"""One topic's way from wanted to served, as a table; no I/O, and no clock of its own.

    WAITING     wanted, and not asked for: at `due_ms` the join goes out
    JOINING     the join went out, its reply is awaited
    AHEAD       as JOINING, but the subscription was announced before the reply
    SUBSCRIBING joined without a database subscription, changes are lost: given up at `due_ms`
    SERVING     changes come
    DEAF        joined, and the server said that nothing will come: joined anew at `due_ms`,
                unless the server mends it first

A reply means nothing yet: until `system` says ok, changes are lost without a word (supabase.md,
"Join"). After a trouble of its own the server subscribes again by itself and says ok once more;
what came in between is a gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from chatengine.client.supabase.phoenix import Binding, Row

__all__ = ["Channel", "Move", "Stage", "Trouble"]


class Stage(Enum):
    """Where a topic stands."""

    WAITING = auto()
    JOINING = auto()
    AHEAD = auto()
    SUBSCRIBING = auto()
    SERVING = auto()
    DEAF = auto()


class Move(Enum):
    """What happens to a topic."""

    ASKED = auto()  # the join went out
    JOINED = auto()  # the reply is ok, and names the bindings that were asked for
    SUBSCRIBED = auto()  # `system` ok
    DEAFENED = auto()  # `system` error: the channel stays, nothing comes
    ENDED = auto()  # error reply, mismatch, no answer in time, close, crash, lost connection


_NEXT: Final = {
    (Stage.WAITING, Move.ASKED): Stage.JOINING,
    (Stage.JOINING, Move.JOINED): Stage.SUBSCRIBING,
    (Stage.JOINING, Move.SUBSCRIBED): Stage.AHEAD,
    (Stage.AHEAD, Move.JOINED): Stage.SERVING,
    (Stage.SUBSCRIBING, Move.SUBSCRIBED): Stage.SERVING,
    (Stage.SERVING, Move.SUBSCRIBED): Stage.SERVING,
    (Stage.DEAF, Move.SUBSCRIBED): Stage.SERVING,
    (Stage.SUBSCRIBING, Move.DEAFENED): Stage.DEAF,
    (Stage.SERVING, Move.DEAFENED): Stage.DEAF,
} | {(stage, Move.ENDED): Stage.WAITING for stage in Stage if stage is not Stage.WAITING}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a topic does not serve; `refused` where the server said no."""

    sentence: str
    refused: bool


@dataclass(slots=True)
class Channel:
    """One wanted topic; `failures` counts since it last served, `due_ms` as in the table above."""

    topic: str
    bindings: Sequence[Binding]
    stage: Stage = Stage.WAITING
    due_ms: float = 0.0
    join_ref: str | None = None
    ids: tuple[int | str, ...] = ()
    failures: int = 0
    trouble: Trouble | None = None

    def move(self, move: Move) -> bool:
        """Go where the table says; False, and nothing changes, where it has no such move.

        A server may say what makes no sense now: an error for a channel that it closed, a second
        error. That breaks nothing, so it is passed over.
        """
        stage = _NEXT.get((self.stage, move))
        if stage is None:
            return False
        self.stage = stage
        if stage is Stage.SERVING:
            self.failures, self.trouble = 0, None
        elif stage is Stage.WAITING:
            self.join_ref, self.ids = None, ()
        return True

    def asked_for(self, ids: Sequence[int | str], row: Row) -> bool:
        """Whether a change with these `ids` is one that a binding of this join asked for."""
        return any(
            found in ids and (bound.table, bound.event) == (row.table, row.type)
            for found, bound in zip(self.ids, self.bindings, strict=False)
        )
