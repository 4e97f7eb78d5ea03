"""What had to be there and is not: C-MSG-1, C-FBK-4, C-SND-4, S-SUB-1, S-REC-2.

A client owes its user every message that entered while the conversation was open, once a fence
says that it has had its time; a socket is owed every message that entered while it was subscribed
for certain. What only may have entered is owed to nobody.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise

from chatengine.history import Sent, Settled, Shown, ShownMessage
from conformance.history.facts import Facts, Message
from conformance.history.statuses import shortfalls
from conformance.history.verdicts import Doubt, Finding, Found
from conformance.history.windows import Window

__all__ = ["lost"]


def lost(facts: Facts) -> Iterator[Finding]:
    """Find messages, sends and statuses that never came, or came and went."""
    yield from _not_shown(facts)
    yield from _vanished(facts)
    yield from _sends(facts)
    yield from _not_received(facts)
    yield from (found for is_lost, found in shortfalls(facts) if is_lost)


def _not_shown(facts: Facts) -> Iterator[Finding]:
    for (who, conversation), windows in facts.opened.items():
        messages = [m for m in facts.by_conversation.get(conversation, ()) if facts.is_for(who, m)]
        judged_us = -1
        for shown, fence in facts.fenced(who, conversation):
            judged_us = fence.upto_us
            there = {name for each in shown.messages for name in each.names}
            for message, window in _owed(messages, windows, fence, shown.at_us):
                if message.name not in there:
                    says = f"{who} does not show {message.name}, which entered while it was open"
                    yield Found(says, (window.began, message.told, fence, shown))
        yield from _unjudged(who, messages, windows, judged_us)


def _owed(
    messages: list[Message], windows: list[Window], fence: Settled, until_us: int
) -> Iterator[tuple[Message, Window]]:
    for message in messages:
        if message.entered_us is not None and message.entered_us <= fence.upto_us:
            for window in windows:
                if window.covers(message.began_us, until_us):
                    yield message, window


def _unjudged(
    who: str, messages: list[Message], windows: list[Window], judged_us: int
) -> Iterator[Finding]:
    """Doubt what entered after the last fence, where somebody waits for it to the end."""
    if not windows or windows[-1].end_us is not None:
        return
    start_us = windows[-1].start_us
    for message in messages:
        if message.began_us >= start_us and (message.entered_us or 0) > judged_us:
            yield Doubt(f"nothing says that {message.name} has had its time to reach {who}")


def _vanished(facts: Facts) -> Iterator[Finding]:
    for (who, conversation), shows in facts.shown.items():
        for before, after in pairwise(shows):
            there = {name for each in after.messages for name in _all_names(each)}
            for window in facts.opened.get((who, conversation), ()):
                if window.covers(before.at_us, after.at_us):
                    for each in before.messages:
                        if _is_known_to_others(each) and not there.intersection(_all_names(each)):
                            says = f"{who} showed {each.names[0]}, and no longer does"
                            yield Found(says, (window.began, before, after))


def _is_known_to_others(shown: ShownMessage) -> bool:
    """Whether it is more than the client's own guess of a message, which a server's replaces."""
    return shown.client_id is None or shown.external_id is not None


def _all_names(shown: ShownMessage) -> tuple[str, ...]:
    return shown.names if shown.client_id is None else (*shown.names, f"client {shown.client_id}")


def _sends(facts: Facts) -> Iterator[Finding]:
    """Find sends that are gone without a trace (C-SND-4)."""
    taken = {m.told.client_id: m.name for m in facts.messages.values() if m.told.client_id}
    for client_id, (sent, *_) in facts.sends.items():
        if sent.outcome != "ok":
            continue
        for shown, fence in facts.fenced(sent.who, sent.conversation):
            if fence.upto_us < sent.at_us or _was_left(facts, sent, shown):
                continue
            if not any(
                each.client_id == client_id or taken.get(client_id) in each.names
                for each in shown.messages
            ):
                yield Found(
                    f"{sent.who} no longer shows its send {client_id}", (sent, fence, shown)
                )


def _was_left(facts: Facts, sent: Sent, shown: Shown) -> bool:
    """Whether the user left the conversation after the send: it may be forgotten then."""
    ends = [each.end_us for each in facts.opened.get((sent.who, sent.conversation), ())]
    left = any(end is not None and sent.at_us <= end <= shown.at_us for end in ends)
    return left or facts.stopped_between(sent.who, sent.at_us, shown.at_us)


def _not_received(facts: Facts) -> Iterator[Finding]:
    for (who, conversation), windows in facts.subscribed.items():
        first = facts.first_receipts(who)
        messages = [m for m in facts.by_conversation.get(conversation, ()) if facts.is_for(who, m)]
        fences, beginnings = facts.fences(who), [m.began_us for m in messages]
        for window in windows:
            inside = [f for f in fences if window.covers(f.at_us, f.at_us)]
            first_at = bisect_left(beginnings, window.start_us)
            last_at = None if window.end_us is None else bisect_right(beginnings, window.end_us)
            for message in messages[first_at:last_at]:
                fence = next((f for f in inside if f.upto_us >= (message.entered_us or 0)), None)
                if fence is None:
                    if window.end_us is None:
                        reason = f"nothing says that {message.name} has had its time to reach {who}"
                        yield Doubt(reason)
                elif first.get(message.name, fence.at_us + 1) > fence.at_us:
                    says = f"{who} was subscribed and did not receive {message.name}"
                    yield Found(says, (window.began, message.told, fence))
