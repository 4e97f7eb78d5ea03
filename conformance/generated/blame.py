"""Which requirements a smallest counterexample breaks. Pure.

Of a smallest schedule every step is needed: where a loss is among them, nothing would be wrong
without it, and where none is, it is no matter of losses. What is told of what happens beside that
(who was subscribed in the end, who had it twice) is in the history. Only what is certain is blamed;
of several that it may be, the one whose clause says it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, TypeAlias, TypeVar

from chatengine.history import (
    Entered,
    Fault,
    Held,
    Listed,
    Record,
    Sent,
    Settled,
    Shown,
    StatusEntered,
)
from conformance.generated.schedules import (
    Again,
    Close,
    Down,
    Expire,
    Lose,
    Open,
    Restart,
    Schedule,
    Send,
    Status,
    Step,
    Write,
)
from conformance.history import History, Invalid

__all__ = [
    "FENCE",
    "NO_SOCKET",
    "OF_CLIENTS",
    "OF_SERVERS",
    "Blame",
    "client_blame",
    "server_blame",
]

Blame: TypeAlias = Callable[[Schedule, History, Invalid], tuple[str, ...]]
"""From a schedule, the history of a run and what is wrong with it, to requirements."""

FENCE: Final = "fence-"
"""What the names of messages begin with that were written when all was made good."""

NO_SOCKET: Final = "has no socket"
"""What is noted of a client that ChatEngine knows no socket of."""

R = TypeVar("R", bound=Record)

OF_CLIENTS: Final = (
    *("C-SUB-1", "C-SUB-2", "C-SUB-3", "C-SUB-4", "C-SUB-5"),
    *("C-MSG-1", "C-MSG-2", "C-MSG-3", "C-MSG-4", "C-MSG-5", "C-STA-1", "C-STA-2", "C-STA-3"),
    *("C-CNV-1", "C-CNV-2", "C-CNV-3", "C-CNV-4", "C-SND-2", "C-SND-4"),
    *("C-FBK-4", "C-FBK-5", "C-FBK-6", "C-FBK-8"),
)
"""All that `client_blame` may name."""

OF_SERVERS: Final = (
    *("S-SUB-1", "S-SUB-2", "S-SUB-3", "S-SUB-4", "S-MSG-1", "S-MSG-3", "S-MSG-4"),
    *("S-STA-1", "S-STA-2", "S-STA-3", "S-SND-1", "S-SND-3", "S-REC-1", "S-REC-2"),
)
"""All that `server_blame` may name."""


def client_blame(schedule: Schedule, history: History, wrong: Invalid) -> tuple[str, ...]:
    """What a client breaks that fails a schedule so."""
    steps, part = schedule.steps, wrong.part
    match wrong.anomaly:
        case "lost":
            return (_lost_by_client(steps, history, part),)
        case "duplicated":
            return (_shown_twice(steps, part),)
        case "phantom":
            return ("C-MSG-2",)
        case "reordered":
            return ("C-MSG-5",)
        case "status went back":
            return ("C-STA-1", "C-FBK-6") if _losses(steps) else ("C-STA-1",)
        case "stale list":
            return (_stale(steps, part),)
        case "leaked subscription":
            return (_leaked_by_client(steps, part),)


def _lost_by_client(steps: Sequence[Step], history: History, part: Sequence[Record]) -> str:
    if _of(part, Sent):
        return "C-SND-4"
    if _of(part, StatusEntered):
        return _status_lost(steps)
    entered = _of(part, Entered)
    if not entered:
        return "C-SND-4" if any(isinstance(step, Send) for step in steps) else "C-MSG-1"
    held = _held_at_the_end(history)
    if held is not None and entered[0].conversation not in held.conversations:
        return _not_subscribed(steps)
    in_a_gap = _losses(steps) and not entered[0].message.startswith(FENCE)
    return "C-FBK-4" if in_a_gap else "C-MSG-1"


def _status_lost(steps: Sequence[Step]) -> str:
    if _losses(steps):
        return "C-FBK-4"
    if _is_early(steps):
        return "C-STA-2"
    # One that is not applied was not found; of several, one stood in the way of another.
    told = sum(isinstance(step, Status) for step in steps)
    return "C-STA-3" if told <= 1 else "C-STA-1"


def _not_subscribed(steps: Sequence[Step]) -> str:
    """A socket is there, and not subscribed to what is open."""
    losses = _losses(steps)
    if not losses:
        return "C-SUB-5" if any(isinstance(step, Close) for step in steps) else "C-SUB-1"
    opens = [at for at, step in enumerate(steps) if isinstance(step, Open)]
    return "C-SUB-2" if opens and min(opens) > losses[0] else "C-SUB-3"


def _shown_twice(steps: Sequence[Step], part: Sequence[Record]) -> str:
    if _of(part, Listed):
        return "C-CNV-1"
    if any(isinstance(step, Send) for step in steps):
        return "C-SND-2"
    if _losses(steps):
        return "C-FBK-5"
    ids = Counter(each.id for shown in _of(part, Shown) for each in shown.messages)
    return "C-MSG-3" if ids and max(ids.values()) > 1 else "C-MSG-4"


def _stale(steps: Sequence[Step], part: Sequence[Record]) -> str:
    lists = _of(part, Listed)
    if len(lists) > 1:
        before, after = ({each.id for each in listed.conversations} for listed in lists[:2])
        return "C-CNV-4" if before <= after else "C-CNV-1"
    entered = _of(part, Entered)
    if not entered:
        return "C-CNV-3"
    if any(isinstance(step, Write) and step.ago_s for step in steps):
        return "C-CNV-4"
    lines = {each.id: each.last_message_ms for each in lists[0].conversations}
    at_ms = lines.get(entered[0].conversation)
    return "C-CNV-2" if at_ms is not None and at_ms == entered[0].created_ms else "C-CNV-1"


def _leaked_by_client(steps: Sequence[Step], part: Sequence[Record]) -> str:
    held = _of(part, Held)[-1]
    if held.by == "supabase":
        return "C-FBK-8"
    if max(Counter(held.conversations).values(), default=0) > 1:
        return "C-SUB-3" if _losses(steps) else "C-SUB-5"
    return "C-SUB-4"


def server_blame(schedule: Schedule, history: History, wrong: Invalid) -> tuple[str, ...]:
    """What a server breaks that fails a schedule so."""
    steps, part = schedule.steps, wrong.part
    match wrong.anomaly:
        case "lost":
            return (_lost_by_server(steps, part),)
        case "duplicated":
            return (_told_twice(steps, part),)
        case "reordered":
            return (_out_of_order(part),)
        case "status went back":
            return ("S-STA-2",)
        case "leaked subscription":
            return (_unasked(steps),)
        case _:
            return ("S-MSG-1",)


def _lost_by_server(steps: Sequence[Step], part: Sequence[Record]) -> str:
    if _of(part, StatusEntered):
        return "S-STA-3" if _is_early(steps) else "S-STA-1"
    if any(each.client_id for each in _of(part, Entered)):
        return "S-SND-1"
    if _of(part, Shown):
        return "S-REC-2"
    if _losses(steps):
        return "S-REC-1"
    return "S-SUB-3" if any(isinstance(step, Close) for step in steps) else "S-SUB-1"


def _out_of_order(part: Sequence[Record]) -> str:
    """A history may be served in another order than its moments say, unless they are the same."""
    for shown in _of(part, Shown):
        pairs = pairwise(shown.messages)
        if any(above.created_ms < below.created_ms for above, below in pairs):
            return "S-REC-2"
    return "S-MSG-3"


def _told_twice(steps: Sequence[Step], part: Sequence[Record]) -> str:
    sent = {step.message for step in steps if isinstance(step, Send)}
    if any(isinstance(step, Again) and step.message not in sent for step in steps):
        return "S-MSG-4"
    if sent:
        return "S-SND-3"
    if _of(part, Shown):
        return "S-REC-2"
    return "S-REC-1" if _losses(steps) else "S-SUB-4"


def _unasked(steps: Sequence[Step]) -> str:
    if _losses(steps):
        return "S-REC-1"
    if not any(isinstance(step, Close) for step in steps):
        return "S-SUB-2"
    times = Counter(step for step in steps if isinstance(step, Open))
    return "S-SUB-4" if max(times.values(), default=0) > 1 else "S-SUB-3"


# What is asked of steps and records


def _losses(steps: Sequence[Step]) -> list[int]:
    """Where the connection to ChatEngine is lost."""
    return [at for at, step in enumerate(steps) if _is_loss(step)]


def _is_loss(step: Step) -> bool:
    down = isinstance(step, Down) and step.server == "chatengine"
    return down or isinstance(step, Lose | Restart | Expire)


def _is_early(steps: Sequence[Step]) -> bool:
    """Whether a status comes before its message."""
    told: set[int] = set()
    for step in steps:
        if isinstance(step, Status):
            told.add(step.message)
        elif isinstance(step, Write) and step.message in told:
            return True
    return False


def _held_at_the_end(history: History) -> Held | None:
    """What ChatEngine held behind the last fence; None: no socket was there."""
    fences = [at for at, record in enumerate(history) if isinstance(record, Settled)]
    behind = history[fences[-1] :] if fences else history
    held = [each for each in _of(behind, Held) if each.by == "websocket"]
    is_away = any(note.fault == NO_SOCKET for note in _of(behind, Fault))
    return held[-1] if held and not is_away else None


def _of(records: Sequence[Record], kind: type[R]) -> list[R]:
    return [record for record in records if isinstance(record, kind)]
