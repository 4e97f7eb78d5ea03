"""The list of conversations: C-CNV-1 to C-CNV-4."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from chatengine.history import Actor, Listed, ListedConversation, Settled
from conformance.history.facts import Facts, Message
from conformance.history.verdicts import Finding, Found

__all__ = ["stale_list"]

_PREVIEW: Final = 50
"""Code points (C-CNV-2)."""


def stale_list(facts: Facts) -> Iterator[Finding]:
    """Find lists out of order, that went back, or that lack what had its time to come."""
    for who, lists in facts.listed.items():
        for listed in lists:
            yield from _out_of_order(listed)
            fence = facts.fence_before(who, listed.at_us)
            actor = facts.actors.get(who)
            if fence is not None and actor is not None:
                yield from _behind(facts, actor, fence, listed)
        for before, after in pairwise(lists):
            if not facts.stopped_between(who, before.at_us, after.at_us):
                yield from _moved_back(before, after)


def _out_of_order(listed: Listed) -> Iterator[Finding]:
    dated = [each for each in listed.conversations if each.last_message_ms is not None]
    for above, below in pairwise(dated):
        if (above.last_message_ms or 0) < (below.last_message_ms or 0):
            yield Found(
                f"{listed.who} lists {above.id} above {below.id}, which is newer", (listed,)
            )


def _moved_back(before: Listed, after: Listed) -> Iterator[Finding]:
    there = {each.id: each for each in after.conversations}
    for line in before.conversations:
        now = there.get(line.id)
        if now is None:
            yield Found(f"{after.who} no longer lists {line.id}", (before, after))
        elif (now.last_message_ms or 0) < (line.last_message_ms or 0):
            yield Found(f"{after.who} lists {line.id} with an older message", (before, after))


def _behind(facts: Facts, actor: Actor, fence: Settled, listed: Listed) -> Iterator[Finding]:
    lines = {each.id: each for each in listed.conversations}
    for conversation, messages in facts.by_conversation.items():
        for message in messages:
            if _is_owed(message, actor, fence):
                wrong = _wrong(facts, lines.get(conversation), message)
                if wrong is not None:
                    says = f"{actor.who} lists {conversation} {wrong}"
                    yield Found(says, (actor, message.told, fence, listed))


def _is_owed(message: Message, actor: Actor, fence: Settled) -> bool:
    """Whether a list must know of a message: it entered while its owner watched, for its owner."""
    told = message.told
    return (
        actor.at_us <= message.began_us
        and message.entered_us is not None
        and message.entered_us <= fence.upto_us
        and told.workspace == actor.workspace
        and (actor.number is None or told.number in (None, actor.number))
    )


def _wrong(facts: Facts, line: ListedConversation | None, message: Message) -> str | None:
    """Why a line is not what a message makes of it; None where it may be."""
    created_ms, body = message.told.created_ms, message.told.body
    if line is None:
        return f"not at all, though {message.name} entered"
    if created_ms is None:
        return None
    if line.last_message_ms is None or line.last_message_ms < created_ms:
        return f"without {message.name}, which is newer"
    if line.last_message_ms == created_ms and body is not None and facts.rivals(message) == 1:
        preview = body[:_PREVIEW]
        return None if line.preview == preview else f"as {line.preview!r}, not {preview!r}"
    return None
