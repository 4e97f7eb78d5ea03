"""The checkers: a history in, a verdict out. Pure; what each anomaly means stands in its module."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from chatengine.history import (
    Held,
    History,
    LeftOut,
    Listed,
    Received,
    Record,
    Shown,
    StatusReceived,
    Subscribed,
)
from conformance.history.copies import duplicated, phantom
from conformance.history.facts import Facts
from conformance.history.lists import stale_list
from conformance.history.lost import lost
from conformance.history.order import reordered
from conformance.history.statuses import went_back
from conformance.history.subscriptions import leaked_subscription
from conformance.history.verdicts import (
    ANOMALIES,
    Anomaly,
    Doubt,
    Finding,
    Found,
    Invalid,
    Unknown,
    Valid,
    Verdict,
)

__all__ = ["CHECKERS", "Checker", "check", "check_for", "judge"]

Checker: TypeAlias = Callable[[Facts], Iterator[Finding]]

CHECKERS: Final[Mapping[Anomaly, Checker]] = MappingProxyType(
    {
        "lost": lost,
        "duplicated": duplicated,
        "phantom": phantom,
        "reordered": reordered,
        "status went back": went_back,
        "stale list": stale_list,
        "leaked subscription": leaked_subscription,
    }
)


_WHOLE: Final[frozenset[Anomaly]] = frozenset(
    ("lost", "phantom", "stale list", "leaked subscription")
)
"""What rests on something not being there: where records are left out, it may have been."""


def check(history: History, anomalies: Sequence[Anomaly] = ANOMALIES) -> Verdict:
    """Judge a history: the first anomaly in the order given, else the first doubt, else valid."""
    verdicts = [verdict for _, verdict in judge(history, anomalies)]
    for kind in (Invalid, Unknown):
        for verdict in verdicts:
            if isinstance(verdict, kind):
                return verdict
    return Valid()


def judge(
    history: History, anomalies: Sequence[Anomaly] = ANOMALIES
) -> Iterator[tuple[Anomaly, Verdict]]:
    """Judge a history by one checker after the other."""
    facts = Facts(history)
    observes = any(facts.of(kind) for kind in _OBSERVED)
    for anomaly in anomalies:
        yield anomaly, _verdict(anomaly, facts) if observes else _UNOBSERVED


def check_for(anomaly: Anomaly, history: History) -> Verdict:
    """Judge a history by one checker."""
    return _verdict(anomaly, Facts(history))


# A subscription is one: it says who waits, so that nothing received is an observation too.
_OBSERVED: Final = (Shown, Listed, Held, Received, StatusReceived, Subscribed)


_UNOBSERVED: Final = Unknown(
    "nothing was observed: no client showed anything, no socket was subscribed"
)


def _verdict(anomaly: Anomaly, facts: Facts) -> Verdict:
    gap = next((Doubt(f"left out is {each.why}") for each in facts.of(LeftOut)), None)
    if gap is not None and anomaly in _WHOLE:
        return Unknown(gap.reason)
    found, times, doubt = None, 0, gap
    for finding in CHECKERS[anomaly](facts):
        if isinstance(finding, Doubt):
            doubt = doubt or finding
        else:
            found, times = found or finding, times + 1
    if found is not None:
        return Invalid(anomaly, found.says, _smallest(anomaly, found.evidence), times)
    return Valid() if doubt is None else Unknown(doubt.reason)


def _smallest(anomaly: Anomaly, evidence: Sequence[Record]) -> tuple[Record, ...]:
    """The evidence without what the anomaly shows without; again until each record is needed."""
    part = sorted(evidence, key=lambda record: record.at_us)
    for record in tuple(part):
        fewer = [each for each in part if each is not record]
        if _shows(anomaly, fewer):
            return _smallest(anomaly, fewer)
    return tuple(part)


def _shows(anomaly: Anomaly, part: Sequence[Record]) -> bool:
    return any(isinstance(finding, Found) for finding in CHECKERS[anomaly](Facts(part)))
