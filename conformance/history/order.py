"""Who comes after whom: C-MSG-5 as it is shown, S-MSG-3 as it is received."""

from collections.abc import Iterator
from itertools import pairwise

from chatengine.history import Received
from conformance.history.facts import Facts, Message
from conformance.history.verdicts import Finding, Found

__all__ = ["reordered"]


def reordered(facts: Facts) -> Iterator[Finding]:
    """Find messages shown in another order than by creation, or received in another than entered.

    Of two messages one entered first for certain only if it had when the other began to: all else
    may arrive either way.
    """
    for shows in facts.shown.values():
        for shown in shows:
            for above, below in pairwise(shown.messages):
                if (above.created_ms, above.id) < (below.created_ms, below.id):
                    says = f"{shown.who} shows {above.id} above {below.id}, which is newer"
                    yield Found(says, (shown,))
    for received in facts.received.values():
        yield from _overtaken(facts, received)


def _overtaken(facts: Facts, received: list[Received]) -> Iterator[Finding]:
    latest: dict[str, tuple[Message, Received]] = {}  # by conversation: the last to begin to enter
    seen: set[str] = set()
    for record in received:
        message = facts.messages.get(record.name)
        if message is None or message.name in seen:
            continue
        seen.add(message.name)
        before = latest.get(record.conversation)
        if before is not None and _is_before(message, before[0]):
            says = f"{record.who} received {message.name} after {before[0].name}, which is later"
            yield Found(says, (message.told, before[0].told, before[1], record))
        if before is None or before[0].began_us < message.began_us:
            latest[record.conversation] = message, record


def _is_before(one: Message, other: Message) -> bool:
    return one.entered_us is not None and one.entered_us < other.began_us
