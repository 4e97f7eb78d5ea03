"""Statuses only move up: C-STA-1, C-STA-2, C-FBK-4, C-FBK-6, S-STA-2."""

from collections.abc import Iterator, Sequence

from chatengine.history import (
    Received,
    Settled,
    Shown,
    ShownMessage,
    StatusEntered,
    StatusReceived,
)
from chatengine.status import Status
from conformance.history.facts import Facts
from conformance.history.verdicts import Finding, Found
from conformance.history.windows import Window

__all__ = ["shortfalls", "went_back"]


def went_back(facts: Facts) -> Iterator[Finding]:
    """Find statuses that were higher before, or that a later and lower one has replaced."""
    yield from _shown_lower(facts)
    yield from _told_lower(facts)
    yield from (found for is_lost, found in shortfalls(facts) if not is_lost)


def _shown_lower(facts: Facts) -> Iterator[Finding]:
    for (who, _), shows in facts.shown.items():
        highest: dict[str, tuple[Status, Shown]] = {}
        last_us = 0
        for shown in shows:
            if facts.stopped_between(who, last_us, shown.at_us):
                highest.clear()
            last_us = shown.at_us
            ranked = [each for each in shown.messages if not _is_sent_again(facts, each)]
            for each in ranked:
                yield from _compared(highest, each, shown)
            for each in ranked:
                _remember(highest, each, shown)


def _compared(
    highest: dict[str, tuple[Status, Shown]], each: ShownMessage, shown: Shown
) -> Iterator[Finding]:
    status = Status.parse(each.status)
    known = [highest[name] for name in _all_names(each) if name in highest]
    before = max(known, key=lambda one: one[0], default=None)
    if status is not None and before is not None and before[0] > status:
        says = f"{shown.who} showed {each.names[0]} as {before[0].crm}, and then as {status.crm}"
        yield Found(says, (before[1], shown))


def _remember(highest: dict[str, tuple[Status, Shown]], each: ShownMessage, shown: Shown) -> None:
    status = Status.parse(each.status)
    for name in _all_names(each):
        if status is not None and (name not in highest or highest[name][0] < status):
            highest[name] = status, shown


def _all_names(each: ShownMessage) -> tuple[str, ...]:
    return each.names if each.client_id is None else (*each.names, f"client {each.client_id}")


def _is_sent_again(facts: Facts, each: ShownMessage) -> bool:
    """Whether it failed, perhaps, and began anew: the same client id is then another send."""
    return len(facts.sends.get(each.client_id or "", ())) > 1


def _told_lower(facts: Facts) -> Iterator[Finding]:
    highest: dict[tuple[str, str], tuple[Status, Received | StatusReceived]] = {}
    for record in facts.records:
        if not isinstance(record, Received | StatusReceived):
            continue
        status = Status.parse(record.status)
        if status is None:
            continue
        key = record.who, record.name
        before = highest.get(key)
        if before is not None and before[0] > status and isinstance(record, StatusReceived):
            says = (
                f"{record.who} was told that {record.name} is {status.wire} after {before[0].wire}"
            )
            yield Found(says, (before[1], record))
        if before is None or before[0] < status:
            highest[key] = status, record


def shortfalls(facts: Facts) -> Iterator[tuple[bool, Found]]:
    """Find shown statuses below one that had its time to come; whether that one is simply lost.

    It is not where a lower one came after it, and that is what is shown: it was overwritten.
    """
    for (who, conversation), windows in facts.opened.items():
        for shown, fence in facts.fenced(who, conversation):
            for each in shown.messages:
                statuses = [s for name in each.names for s in facts.statuses.get(name, ())]
                yield from _short_of(statuses, windows, fence, shown, each)


def _short_of(
    statuses: Sequence[StatusEntered],
    windows: Sequence[Window],
    fence: Settled,
    shown: Shown,
    each: ShownMessage,
) -> Iterator[tuple[bool, Found]]:
    seen = Status.parse(each.status)
    for owed in statuses:
        rank = Status.parse(owed.status)
        if seen is None or rank is None or rank <= seen or owed.at_us > fence.upto_us:
            continue
        for window in windows:
            if window.covers(owed.since_us, shown.at_us):
                says = f"{shown.who} shows {each.names[0]} as {seen.crm}, and it was {rank.crm}"
                evidence = (window.began, owed, fence, shown)
                lower = [s for s in statuses if s.since_us > owed.at_us and s.status == seen.wire]
                if lower:
                    yield False, Found(f"{says} before", (*evidence, lower[0]))
                else:
                    yield True, Found(f"{says} by then", evidence)
