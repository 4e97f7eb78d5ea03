"""An end to any history in which everything happens once, and what can be wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from chatengine.history import (
    Closed,
    Entered,
    Held,
    Listed,
    ListedConversation,
    Opened,
    Received,
    Record,
    Sent,
    Settled,
    Shown,
    ShownMessage,
    StatusEntered,
    StatusReceived,
    Subscribed,
    Unsubscribed,
)
from tests.conformance.history.worlds import CLIENT, OTHER, SOCKET

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conformance.history import Anomaly

__all__ = ["INJECTIONS", "Finale", "finale"]

Finale = dict[str, Record]
"""Records by a name of their own, in the order of time."""

_Z: Final = "Z"


def finale(history: Sequence[Record]) -> Finale:
    """What is valid after `history`, in a conversation that it knows nothing of."""
    listed = next(record for record in reversed(history) if isinstance(record, Listed))
    held = next(record for record in reversed(history) if isinstance(record, Held))
    other_lines, others = listed.conversations, held.conversations

    def entered(name: str, ms: int) -> Entered:
        return Entered(
            at_us=0,
            who="harness",
            message=name,
            conversation=_Z,
            workspace="w-1",
            created_ms=ms,
        )

    def shown(status: str, *more: ShownMessage) -> Shown:
        one = ShownMessage(id="evo-z1", external_id="z1", status=status, created_ms=10_001)
        two = ShownMessage(id="row-2", external_id="z2", status="delivered", created_ms=10_002)
        return Shown(at_us=0, who=CLIENT, conversation=_Z, messages=(*more, two, one))

    def lines(ms: int, preview: str) -> Listed:
        line = ListedConversation(id=_Z, workspace="w-1", last_message_ms=ms, preview=preview)
        return Listed(at_us=0, who=CLIENT, conversations=(line, *other_lines))

    def received(name: str) -> Received:
        return Received(at_us=0, who=SOCKET, message=name, conversation=_Z, status="delivered")

    own = ShownMessage(
        id="evo-z3", external_id="z3", client_id="cz", status="sent", created_ms=10_003
    )
    records: Finale = {
        "opened": Opened(at_us=0, who=CLIENT, conversation=_Z),
        "subscribed": Subscribed(at_us=0, who=SOCKET, conversation=_Z),
        "entered 1": entered("z1", 10_001),
        "entered 2": replace(entered("z2", 10_002), body="the second"),
        "elsewhere": replace(entered("z0", 10_002), workspace="w-2"),
        "refused": replace(entered("z-", 10_002), outcome="refused"),
        "received 1": received("evo-z1"),
        "received 2": received("evo-z2"),
        "status": StatusEntered(at_us=0, who="harness", message="z1", status="read"),
        "lower status": StatusEntered(at_us=0, who="harness", message="z1", status="sent"),
        "told": StatusReceived(at_us=0, who=SOCKET, message="evo-z1", status="read"),
        "first fence": Settled(at_us=0, who="*", upto_us=0),
        "first shown": shown("read"),
        "first listed": lines(10_002, "the second"),
        "sent": Sent(at_us=0, who=CLIENT, conversation=_Z, client_id="cz"),
        "taken": replace(entered("z3", 10_003), client_id="cz"),
        "received 3": received("evo-z3"),
        "second fence": Settled(at_us=0, who="*", upto_us=0),
        "second shown": shown("read", own),
        "second listed": lines(10_003, "whatever was sent"),
        "unsubscribed": Unsubscribed(at_us=0, who=SOCKET, conversation=_Z),
        "closed": Closed(at_us=0, who=CLIENT, conversation=_Z),
        "entered 4": entered("z4", 10_004),
        "last fence": Settled(at_us=0, who="*", upto_us=0),
        "last listed": lines(10_004, "whatever came last"),
        "held": Held(at_us=0, who=CLIENT, conversations=others),
    }
    return _timed(records, history[-1].at_us)


def _timed(records: Finale, from_us: int) -> Finale:
    timed: Finale = {}
    for number, (name, record) in enumerate(records.items(), 1):
        at_us = from_us + 10 * number
        timed[name] = replace(record, at_us=at_us)
        if isinstance(record, Settled):
            timed[name] = replace(timed[name], upto_us=at_us - 5)
    return timed


def _shown(f: Finale, name: str) -> tuple[ShownMessage, ...]:
    record = f[name]
    assert isinstance(record, Shown)
    return record.messages


def _lines(f: Finale, name: str) -> tuple[ListedConversation, ...]:
    record = f[name]
    assert isinstance(record, Listed)
    return record.conversations


def _shows(f: Finale, name: str, *messages: ShownMessage) -> Finale:
    return f | {name: replace(f[name], messages=messages)}


def _lists(f: Finale, name: str, *lines: ListedConversation) -> Finale:
    return f | {name: replace(f[name], conversations=lines)}


def _without(f: Finale, name: str) -> Finale:
    return {each: record for each, record in f.items() if each != name}


def _moved(f: Finale, name: str, behind: str) -> Finale:
    return f | {name: replace(f[name], at_us=f[behind].at_us + 1)}


def _with(f: Finale, after: str, record: Record) -> Finale:
    return f | {"more": replace(record, at_us=f[after].at_us + 1)}


def _stranger(f: Finale, name: str) -> Finale:
    one = ShownMessage(id=name, status="sent", created_ms=1)
    return _shows(f, "first shown", *_shown(f, "first shown"), one)


def _elsewhere(f: Finale) -> Finale:
    return f | {"first shown": replace(f["first shown"], conversation="A")}


def _not_listed(f: Finale) -> Finale:
    return _lists(f, "first listed", *_lines(f, "first listed")[1:])


def _held_twice(f: Finale) -> Finale:
    twice = Held(at_us=0, who=CLIENT, conversations=(_Z, _Z))
    return _with(f, "second fence", twice)


def _status_never_came(f: Finale) -> Finale:
    two, one = _shown(f, "first shown")
    f = _shows(_without(f, "lower status"), "first shown", two, replace(one, status="delivered"))
    return _shows(f, "second shown", *_shown(f, "second shown")[:2], replace(one, status="read"))


def _status_overwritten(f: Finale) -> Finale:
    two, one = _shown(f, "first shown")
    return _shows(f, "first shown", two, replace(one, status="sent"))


def _status_lower_later(f: Finale) -> Finale:
    own, two, one = _shown(f, "second shown")
    return _shows(f, "second shown", own, replace(two, status="sending"), one)


def _told_lower(f: Finale) -> Finale:
    return _with(f, "told", StatusReceived(at_us=0, who=SOCKET, message="z1", status="delivered"))


def _shown_by_another_id(f: Finale) -> Finale:
    two, one = _shown(f, "first shown")
    return _shows(f, "first shown", two, one, replace(one, id="a row's"))


def _own_twice(f: Finale) -> Finale:
    own, *others = _shown(f, "second shown")
    local = replace(own, id="local", external_id=None)
    return _shows(f, "second shown", local, own, *others)


def _preview(f: Finale) -> Finale:
    line, *others = _lines(f, "first listed")
    return _lists(f, "first listed", replace(line, preview="the first"), *others)


def _older(f: Finale, name: str) -> Finale:
    line, *others = _lines(f, name)
    return _lists(f, name, replace(line, last_message_ms=10_000), *others)


def _older_first(f: Finale) -> Finale:
    line, *others = _lines(f, "first listed")
    newer = replace(line, id="newer", last_message_ms=10_009)
    return _lists(_without(f, "second listed"), "first listed", line, newer, *others)


def _late_to_the_socket(f: Finale) -> Finale:
    return _with(f, "entered 4", Received(at_us=0, who=SOCKET, message="evo-z4", conversation=_Z))


def _to_another_workspace(f: Finale) -> Finale:
    return _with(f, "entered 2", Received(at_us=0, who=OTHER, message="evo-z2", conversation=_Z))


def _held_after_closing(f: Finale) -> Finale:
    return f | {"held": replace(f["held"], conversations=(_Z,))}


INJECTIONS: Final[tuple[tuple[Anomaly, str, Callable[[Finale], Finale]], ...]] = (
    ("lost", "not shown", lambda f: _shows(f, "first shown", _shown(f, "first shown")[0])),
    ("lost", "vanished", lambda f: _shows(f, "second shown", *_shown(f, "second shown")[:2])),
    ("lost", "not received", lambda f: _without(f, "received 1")),
    ("lost", "received too late", lambda f: _moved(f, "received 1", "first fence")),
    ("lost", "a send", lambda f: _shows(f, "second shown", *_shown(f, "second shown")[1:])),
    ("lost", "a status", _status_never_came),
    ("duplicated", "by another id", _shown_by_another_id),
    ("duplicated", "an own message", _own_twice),
    ("duplicated", "received", lambda f: _with(f, "received 2", f["received 1"])),
    ("duplicated", "listed", lambda f: _lists(f, "last listed", *_lines(f, "last listed") * 2)),
    ("phantom", "shown", lambda f: _stranger(f, "x")),
    ("phantom", "refused", lambda f: _stranger(f, "z-")),
    ("phantom", "another workspace's", lambda f: _stranger(f, "z0")),
    ("phantom", "in another conversation", _elsewhere),
    ("phantom", "received", lambda f: f | {"received 1": replace(f["received 1"], message="x")}),
    ("phantom", "to another workspace", _to_another_workspace),
    ("reordered", "shown", lambda f: _shows(f, "first shown", *_shown(f, "first shown")[::-1])),
    ("reordered", "received", lambda f: _moved(f, "received 1", "received 2")),
    ("status went back", "shown", _status_lower_later),
    ("status went back", "overwritten", _status_overwritten),
    ("status went back", "told", _told_lower),
    ("stale list", "a line is missing", _not_listed),
    ("stale list", "behind", lambda f: _older(f, "first listed")),
    ("stale list", "moved back", lambda f: _older(f, "last listed")),
    ("stale list", "another preview", _preview),
    ("stale list", "out of order", _older_first),
    ("leaked subscription", "of a closed conversation", _held_after_closing),
    ("leaked subscription", "twice", _held_twice),
    ("leaked subscription", "after leaving", _late_to_the_socket),
)
"""The anomaly, how it comes about, and what makes it of a valid finale."""
