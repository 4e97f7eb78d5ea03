"""What each anomaly is, said once more: without an index, without a thought for speed.

Every function asks of all pairs and triples of records whether they contradict the contract. That
is slow, and obvious; the checkers must come to the same.
"""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from chatengine.history import (
    EVERYBODY,
    Actor,
    Closed,
    Dropped,
    Entered,
    Held,
    Listed,
    Opened,
    Received,
    Record,
    Sent,
    Settled,
    Shown,
    ShownMessage,
    StatusEntered,
    StatusReceived,
    Stopped,
    Subscribed,
    Unsubscribed,
)
from chatengine.status import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conformance.history import Anomaly

__all__ = ["anomalies"]

H = list[Record]


def anomalies(history: Sequence[Record]) -> set[Anomaly]:
    """Every anomaly of a history, by name."""
    h = sorted(history, key=lambda record: record.at_us)
    found: dict[Anomaly, bool] = {
        "lost": _lost(h),
        "duplicated": _duplicated(h),
        "phantom": _phantom(h),
        "reordered": _reordered(h),
        "status went back": _went_back(h),
        "stale list": _stale(h),
        "leaked subscription": _leaked(h),
    }
    return {name for name, is_there in found.items() if is_there}


# what is asked of a history again and again


def _workspace(h: H, who: str) -> str | None:
    return next((r.workspace for r in reversed(h) if isinstance(r, Actor) and r.who == who), None)


def _entries(h: H, name: str) -> list[Entered]:
    return [r for r in h if isinstance(r, Entered) and r.name == name]


def _entered(h: H, name: str) -> tuple[Entered, int] | None:
    """The record that says a message entered, and since when it may have."""
    entries = _entries(h, name)
    sure = [r for r in entries if r.outcome == "ok"]
    since = [r.since_us for r in entries if r.outcome != "refused"]
    return (sure[0], min(since)) if sure else None


def _all_entered(h: H) -> Iterator[tuple[Entered, int]]:
    for name in {r.name for r in h if isinstance(r, Entered)}:
        entered = _entered(h, name)
        if entered is not None:
            yield entered


def _is_theirs(h: H, who: str, entered: Entered) -> bool:
    return _workspace(h, who) in (None, entered.workspace)


def _last_fence(h: H, who: str, at_us: int) -> Settled | None:
    fences = [r for r in h if isinstance(r, Settled) and r.who in (who, EVERYBODY)]
    return next((f for f in reversed(fences) if f.at_us <= at_us), None)


def _was_open(h: H, who: str, conversation: str, from_us: int, until_us: int) -> bool:
    """Was it open at one moment, and without a break to the other?"""
    return any(
        start <= from_us and until_us <= end for start, end in _opened_times(h, who, conversation)
    )


def _opened_times(h: H, who: str, conversation: str) -> Iterator[tuple[float, float]]:
    """Replay what the user did: from when to when was it open?"""
    times, start = 0, 0
    for r in h:
        before = times
        if r.who != who:
            continue
        if isinstance(r, Opened) and r.conversation == conversation:
            times += 1
        if isinstance(r, Closed) and r.conversation == conversation:
            times = max(0, times - 1)
        if isinstance(r, Stopped):
            times = 0
        if not before and times:
            start = r.at_us
        if before and not times:
            yield start, r.at_us
    if times:
        yield start, float("inf")


def _stopped(h: H, who: str, from_us: int, until_us: int) -> bool:
    return any(
        isinstance(r, Stopped) and r.who == who and from_us <= r.at_us <= until_us for r in h
    )


def _fenced_shows(h: H) -> Iterator[tuple[Shown, Settled]]:
    for shown in h:
        if isinstance(shown, Shown):
            fence = _last_fence(h, shown.who, shown.at_us)
            if fence is not None:
                yield shown, fence


def _following_shows(h: H) -> Iterator[tuple[Shown, Shown]]:
    shows = [r for r in h if isinstance(r, Shown)]
    for key in {(r.who, r.conversation) for r in shows}:
        mine = [r for r in shows if (r.who, r.conversation) == key]
        yield from pairwise(mine)


def _same(one: ShownMessage, other: ShownMessage) -> bool:
    by_client = one.client_id is not None and one.client_id == other.client_id
    return by_client or bool(set(one.names) & set(other.names))


# the anomalies


def _lost(h: H) -> bool:
    return any((_message_lost(h), _vanished(h), _send_lost(h), _not_received(h))) or any(
        not was_overwritten for was_overwritten in _short_statuses(h)
    )


def _message_lost(h: H) -> bool:
    return any(
        entered.conversation == shown.conversation
        and _is_theirs(h, shown.who, entered)
        and entered.at_us <= fence.upto_us
        and _was_open(h, shown.who, shown.conversation, since_us, shown.at_us)
        and not any(entered.name in each.names for each in shown.messages)
        for shown, fence in _fenced_shows(h)
        for entered, since_us in _all_entered(h)
    )


def _vanished(h: H) -> bool:
    return any(
        not (each.client_id is not None and each.external_id is None)
        and not any(_same(each, other) for other in after.messages)
        and _was_open(h, after.who, after.conversation, before.at_us, after.at_us)
        for before, after in _following_shows(h)
        for each in before.messages
    )


def _send_lost(h: H) -> bool:
    for client_id in {r.client_id for r in h if isinstance(r, Sent)}:
        sent = next(r for r in h if isinstance(r, Sent) and r.client_id == client_id)
        taken = [e for e, _ in _all_entered(h) if e.client_id == client_id]
        for shown, fence in _fenced_shows(h):
            if (
                sent.outcome == "ok"
                and (shown.who, shown.conversation) == (sent.who, sent.conversation)
                and fence.upto_us >= sent.at_us
                and not _was_left(h, sent, shown)
                and not any(
                    each.client_id == client_id or any(e.name in each.names for e in taken)
                    for each in shown.messages
                )
            ):
                return True
    return False


def _was_left(h: H, sent: Sent, shown: Shown) -> bool:
    ends = [end for _, end in _opened_times(h, sent.who, sent.conversation)]
    left = any(sent.at_us <= end <= shown.at_us for end in ends)
    return left or _stopped(h, sent.who, sent.at_us, shown.at_us)


def _subscriptions(h: H) -> Iterator[tuple[Subscribed, int | None]]:
    """Each sure beginning of a subscription, and the first moment at which it was ended."""
    for start in h:
        if isinstance(start, Subscribed) and start.outcome == "ok":
            yield start, min((_ends(r, start) for r in h[h.index(start) :]), default=None, key=_far)


def _far(moment: int | None) -> float:
    return float("inf") if moment is None else moment


def _ends(r: Record, start: Subscribed) -> int | None:
    if r.who != start.who:
        return None
    if isinstance(r, Dropped | Stopped):
        return r.at_us
    if isinstance(r, Unsubscribed) and r.conversation == start.conversation:
        return None if r.outcome == "refused" else r.since_us
    return None


def _not_received(h: H) -> bool:
    for start, end_us in _subscriptions(h):
        for entered, since_us in _all_entered(h):
            fences = [
                r
                for r in h
                if isinstance(r, Settled)
                and r.who in (start.who, EVERYBODY)
                and start.at_us <= r.at_us <= _far(end_us)
                and r.upto_us >= entered.at_us
            ]
            if (
                fences
                and entered.conversation == start.conversation
                and _is_theirs(h, start.who, entered)
                and since_us >= start.at_us
                and not any(
                    isinstance(r, Received)
                    and r.who == start.who
                    and r.name == entered.name
                    and r.at_us <= fences[0].at_us
                    for r in h
                )
            ):
                return True
    return False


def _duplicated(h: H) -> bool:
    for r in h:
        if isinstance(r, Shown):
            for one, other in combinations(r.messages, 2):
                again = sum(isinstance(s, Sent) and s.client_id == one.client_id for s in h) > 1
                two_ids = one.provider is not None and other.provider is not None
                same_send = one.client_id is not None and one.client_id == other.client_id
                if set(one.names) & set(other.names) or (same_send and not again and not two_ids):
                    return True
        if isinstance(r, Listed) and len({c.id for c in r.conversations}) < len(r.conversations):
            return True
    received = [r for r in h if isinstance(r, Received)]
    return any((a.who, a.name) == (b.who, b.name) for a, b in combinations(received, 2))


def _phantom(h: H) -> bool:
    for r in h:
        if isinstance(r, Shown):
            for each in r.messages:
                if not _explained(h, r.who, r.conversation, each.names, each.client_id):
                    return True
        if isinstance(r, Received) and not _explained(
            h, r.who, r.conversation, (r.name,), r.client_id
        ):
            return True
        if isinstance(r, Listed) and _workspace(h, r.who) is not None:
            for line in r.conversations:
                if line.workspace not in (None, _workspace(h, r.who)):
                    return True
    return False


def _explained(
    h: H, who: str, conversation: str, names: tuple[str, ...], client_id: str | None
) -> bool:
    if any(
        isinstance(r, Sent) and (r.client_id, r.conversation) == (client_id, conversation)
        for r in h
    ):
        return True
    entries = next((_entries(h, name) for name in names if _entries(h, name)), [])
    told = next((e for e in entries if e.outcome == "ok"), entries[0] if entries else None)
    return (
        told is not None
        and any(e.outcome != "refused" for e in entries)
        and told.conversation == conversation
        and _is_theirs(h, who, told)
    )


def _reordered(h: H) -> bool:
    for r in h:
        if isinstance(r, Shown):
            keys = [(each.created_ms, each.id) for each in r.messages]
            if keys != sorted(keys, reverse=True):
                return True
    received = [r for r in h if isinstance(r, Received)]
    first = [
        r
        for at, r in enumerate(received)
        if not any((b.who, b.name) == (r.who, r.name) for b in received[:at])
    ]
    for early, late in combinations(first, 2):
        sure = _entered(h, late.name)
        began = [e.since_us for e in _entries(h, early.name) if e.outcome != "refused"]
        began = began or [e.since_us for e in _entries(h, early.name)][:1]
        if (
            (early.who, early.conversation) == (late.who, late.conversation)
            and sure is not None
            and began
            and sure[0].at_us < min(began)
        ):
            return True
    return False


def _went_back(h: H) -> bool:
    shows = [r for r in h if isinstance(r, Shown)]
    for before, after in combinations(shows, 2):
        if (before.who, before.conversation) != (after.who, after.conversation):
            continue
        if _stopped(h, after.who, before.at_us, after.at_us):
            continue
        for one in before.messages:
            for other in after.messages:
                again = [
                    sum(isinstance(s, Sent) and s.client_id == each.client_id for s in h) > 1
                    for each in (one, other)
                ]
                high, low = Status.parse(one.status), Status.parse(other.status)
                if _same(one, other) and not any(again) and None not in (high, low) and high > low:  # type: ignore[operator]
                    return True
    told = [r for r in h if isinstance(r, Received | StatusReceived)]
    for first, second in combinations(told, 2):
        high, low = Status.parse(first.status), Status.parse(second.status)
        if (
            isinstance(second, StatusReceived)
            and (first.who, first.name) == (second.who, second.name)
            and high is not None
            and low is not None
            and high > low
        ):
            return True
    return any(_short_statuses(h))


def _short_statuses(h: H) -> Iterator[bool]:
    """For each shown status that is below what it was: whether a later one has overwritten it."""
    given = [r for r in h if isinstance(r, StatusEntered) and r.outcome == "ok"]
    for shown, fence in _fenced_shows(h):
        for each in shown.messages:
            seen = Status.parse(each.status)
            mine = [s for s in given if s.name in each.names]
            for owed in mine:
                rank = Status.parse(owed.status)
                if (
                    seen is not None
                    and rank is not None
                    and rank > seen
                    and owed.at_us <= fence.upto_us
                    and _was_open(h, shown.who, shown.conversation, owed.since_us, shown.at_us)
                ):
                    yield any(s.since_us > owed.at_us and s.status == seen.wire for s in mine)


def _stale(h: H) -> bool:
    lists = [r for r in h if isinstance(r, Listed)]
    for listed in lists:
        dates = [c.last_message_ms for c in listed.conversations if c.last_message_ms is not None]
        if dates != sorted(dates, reverse=True) or _behind(h, listed):
            return True
    for who in {r.who for r in lists}:
        mine = [r for r in lists if r.who == who]
        for before, after in pairwise(mine):
            now = {c.id: c.last_message_ms or 0 for c in after.conversations}
            if not _stopped(h, who, before.at_us, after.at_us) and any(
                c.id not in now or now[c.id] < (c.last_message_ms or 0)
                for c in before.conversations
            ):
                return True
    return False


def _behind(h: H, listed: Listed) -> bool:
    fence = _last_fence(h, listed.who, listed.at_us)
    actors = [r for r in h if isinstance(r, Actor) and r.who == listed.who]
    if fence is None or not actors:
        return False
    actor = actors[-1]
    for entered, since_us in _all_entered(h):
        if (
            since_us < actor.at_us
            or entered.at_us > fence.upto_us
            or entered.workspace != actor.workspace
            or (actor.number is not None and entered.number not in (None, actor.number))
        ):
            continue
        lines = [c for c in listed.conversations if c.id == entered.conversation]
        if not lines:
            return True
        created_ms, last_ms = entered.created_ms, lines[-1].last_message_ms
        if created_ms is None:
            continue
        if last_ms is None or last_ms < created_ms:
            return True
        is_told = last_ms == created_ms and entered.body is not None and not _has_rival(h, entered)
        if is_told and lines[-1].preview != str(entered.body)[:50]:
            return True
    return False


def _has_rival(h: H, entered: Entered) -> bool:
    """Whether another message of the conversation may have the same moment."""
    for name in {r.name for r in h if isinstance(r, Entered) and r.name != entered.name}:
        entries = _entries(h, name)
        told = next((e for e in entries if e.outcome == "ok"), entries[0])
        if (
            any(e.outcome != "refused" for e in entries)
            and (told.workspace, told.conversation) == (entered.workspace, entered.conversation)
            and told.created_ms in (None, entered.created_ms)
        ):
            return True
    return False


def _leaked(h: H) -> bool:
    for r in h:
        if isinstance(r, Held):
            fence = _last_fence(h, r.who, r.at_us)
            if fence is not None and any(
                isinstance(b, Held) and (b.who, b.by) == (r.who, r.by) and fence.at_us <= b.at_us
                for b in h[: _place(h, r)]
            ):
                continue
            for conversation in r.conversations:
                if fence is not None and (
                    r.conversations.count(conversation) > 1
                    or not any(
                        start <= r.at_us and fence.upto_us < end
                        for start, end in _opened_times(h, r.who, conversation)
                    )
                ):
                    return True
    return any(isinstance(r, Received) and _is_unasked(h, r) for r in h)


def _place(h: H, record: Record) -> int:
    return next(at for at, each in enumerate(h) if each is record)


def _is_unasked(h: H, received: Received) -> bool:
    actors = [r for r in h if isinstance(r, Actor) and r.who == received.who]
    entries = _entries(h, received.name)
    if not actors or actors[-1].kind != "socket" or not entries:
        return False
    began = [e.since_us for e in entries if e.outcome != "refused"] or [entries[0].since_us]
    asked, ended_us = False, -1
    for r in h:
        if r.who != received.who:
            continue
        if (
            isinstance(r, Subscribed)
            and r.conversation == received.conversation
            and r.outcome != "refused"
            and r.since_us <= received.at_us
        ):
            asked = True
        over = isinstance(r, Dropped | Stopped) or (
            isinstance(r, Unsubscribed)
            and r.conversation == received.conversation
            and r.outcome == "ok"
        )
        if over and asked:
            asked, ended_us = False, r.at_us
    return not asked and min(began) > ended_us
