"""One message is one message, and no message comes from nowhere.

C-MSG-2, C-MSG-3, C-MSG-4, C-SND-2, C-CNV-1, C-CNV-5, C-FBK-5, S-SUB-4, S-MSG-4, S-ISO-1.
"""

from collections.abc import Iterator, Sequence

from chatengine.history import Received, ShownMessage
from conformance.history.facts import Facts
from conformance.history.verdicts import Finding, Found

__all__ = ["duplicated", "phantom"]


def duplicated(facts: Facts) -> Iterator[Finding]:
    """Find messages, and lines of the list, that are there twice."""
    for shows in facts.shown.values():
        for shown in shows:
            for name in _twice(facts, shown.messages):
                yield Found(f"{shown.who} shows {name} twice", (shown,))
    for lists in facts.listed.values():
        for listed in lists:
            for name in _repeated([each.id for each in listed.conversations]):
                yield Found(f"{listed.who} lists {name} twice", (listed,))
    for who, received in facts.received.items():
        first: dict[str, Received] = {}
        for record in received:
            before = first.setdefault(record.name, record)
            if before is not record:
                yield Found(f"{who} received {record.name} twice", (before, record))


def _twice(facts: Facts, messages: Sequence[ShownMessage]) -> Iterator[str]:
    yield from _repeated([name for each in messages for name in each.names])
    by_client: dict[str, ShownMessage] = {}
    for each in messages:
        if each.client_id is not None and len(facts.sends.get(each.client_id, ())) <= 1:
            before = by_client.setdefault(each.client_id, each)
            # Two providers' ids are two messages: then it is the server that sent it twice.
            if before is not each and not (before.provider and each.provider):
                yield each.client_id


def _repeated(names: Sequence[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield name
        seen.add(name)


def phantom(facts: Facts) -> Iterator[Finding]:
    """Find what never entered, or entered elsewhere: another conversation, another workspace."""
    for shows in facts.shown.values():
        for shown in shows:
            for each in shown.messages:
                wrong = _wrong(facts, shown.who, shown.conversation, each.names, each.client_id)
                if wrong is not None:
                    yield Found(f"{shown.who} shows {each.names[0]}, which {wrong}", (shown,))
    for lists in facts.listed.values():
        for listed in lists:
            actor = facts.actors.get(listed.who)
            for line in listed.conversations:
                if actor and line.workspace not in (None, actor.workspace):
                    says = f"{listed.who} lists {line.id}, which is of {line.workspace}"
                    yield Found(says, (actor, listed))
    for who, received in facts.received.items():
        for event in received:
            wrong = _wrong(facts, who, event.conversation, (event.name,), event.client_id)
            if wrong is not None:
                yield Found(f"{who} received {event.name}, which {wrong}", (event,))


def _wrong(
    facts: Facts, who: str, conversation: str, names: Sequence[str], client_id: str | None
) -> str | None:
    """Why a message cannot be there; None where it can."""
    if any(sent.conversation == conversation for sent in facts.sends.get(client_id or "", ())):
        return None
    message = next((facts.messages[name] for name in names if name in facts.messages), None)
    if message is None:
        return "never entered"
    if message.refused:
        return "was refused"
    if message.told.conversation != conversation:
        return f"is of {message.told.conversation}"
    if not facts.is_for(who, message):
        return f"is of {message.told.workspace}"
    return None
