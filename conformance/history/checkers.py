"""The checkers: a history in, a verdict out. Pure; what each anomaly means stands in its module."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from chatengine.history import (
    Held,
    History,
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

__all__ = ["CHECKERS", "Checker", "check", "check_for"]

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


def check(history: History, anomalies: Sequence[Anomaly] = ANOMALIES) -> Verdict:
    """Judge a history: the first anomaly in the order given, else the first doubt, else valid."""
    facts = Facts(history)
    if not any(isinstance(record, _OBSERVED) for record in history):
        return Unknown("nothing was observed: no client showed anything, no socket was subscribed")
    verdicts = [_verdict(anomaly, facts) for anomaly in anomalies]
    for kind in (Invalid, Unknown):
        for verdict in verdicts:
            if isinstance(verdict, kind):
                return verdict
    return Valid()


def check_for(anomaly: Anomaly, history: History) -> Verdict:
    """Judge a history by one checker."""
    return _verdict(anomaly, Facts(history))


# A subscription is one: it says who waits, so that nothing received is an observation too.
_OBSERVED: Final = (Shown, Listed, Held, Received, StatusReceived, Subscribed)


def _verdict(anomaly: Anomaly, facts: Facts) -> Verdict:
    doubt: Doubt | None = None
    for finding in CHECKERS[anomaly](facts):
        if isinstance(finding, Found):
            return Invalid(anomaly, finding.says, _smallest(anomaly, finding.evidence))
        doubt = doubt or finding
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
