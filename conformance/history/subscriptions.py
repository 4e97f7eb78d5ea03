"""Nothing is open that nobody wants: C-SUB-3, C-SUB-4, C-SUB-5, C-FBK-8, S-SUB-2, S-SUB-3."""

from collections import Counter
from collections.abc import Iterator

from chatengine.history import Actor, Held, Received, Settled
from conformance.history.facts import Facts
from conformance.history.verdicts import Finding, Found

__all__ = ["leaked_subscription"]


def leaked_subscription(facts: Facts) -> Iterator[Finding]:
    """Find what is held for a client that left it, and what reaches a socket that did not ask.

    What is held counts when a fence is there, and only then: while a client comes back, a server
    may hold the connection that was lost for as long as it does not know.
    """
    judged: set[tuple[str, str, int]] = set()
    for held in facts.of(Held):
        fence = facts.fence_before(held.who, held.at_us)
        if fence is not None and (held.who, held.by, fence.at_us) not in judged:
            judged.add((held.who, held.by, fence.at_us))
            yield from _left_over(facts, fence, held)
    if facts.is_scoped:
        for who, received in facts.received.items():
            actor = facts.actors.get(who)
            if actor is not None and actor.kind == "socket":
                for record in received:
                    yield from _unasked(facts, actor, record)


def _left_over(facts: Facts, fence: Settled, held: Held) -> Iterator[Finding]:
    for conversation, times in Counter(held.conversations).items():
        windows = facts.opened.get((held.who, conversation), ())
        if times > 1:
            says = f"{held.by} holds {conversation} {times} times for {held.who}"
            yield Found(says, (fence, held))
        elif not any(
            window.start_us <= held.at_us
            and (window.end_us is None or window.end_us > fence.upto_us)
            for window in windows
        ):
            says = f"{held.by} holds {conversation} for {held.who}, which does not have it open"
            yield Found(says, (fence, held))


def _unasked(facts: Facts, actor: Actor, record: Received) -> Iterator[Finding]:
    """Find what reached a socket that cannot have been subscribed when it was on its way."""
    message = facts.messages.get(record.name)
    if message is None:
        return  # it comes from nowhere, whatever was subscribed
    windows = facts.permitted.get((record.who, record.conversation), ())
    if not any(
        window.start_us <= record.at_us
        and (window.end_us is None or message.began_us <= window.end_us)
        for window in windows
    ):
        says = f"{record.who} received {record.name} without a subscription"
        yield Found(says, (actor, message.told, record))
