"""Limits on what a run measured, and the verdict.

A limit is written `p99<100ms`, `lost<=0`, `delivered>=99%`: a measure, a comparison, a number.
A measure that has no value (nothing was measured) holds no limit. The verdict is `invalid` before
it is `fail`, and `fail` before `pass`: a run whose generator was the bottleneck, or that measured
nothing, says nothing about the server, whatever its numbers are.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, cast

import msgspec

from reports import words
from reports.measures import ALIASES, MEASURES, Measure
from reports.record import Threshold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reports.parts import Comparison, Verdict
    from reports.record import RunRecord

__all__ = [
    "EXIT_CODES",
    "PROMISED",
    "PROMISED_OF_FAKES",
    "Limit",
    "ThresholdError",
    "describe",
    "evaluate",
    "judge",
    "judged",
    "limit_text",
    "parse",
    "parse_all",
]

EXIT_CODES: Final[dict[Verdict, int]] = {"pass": 0, "fail": 1, "invalid": 4}
"""What a command ends with, by verdict."""

PROMISED: Final = (
    "p99<100ms, delivered>99%, duplicates<=0, out_of_order<=0, other_workspace<=0, "
    "connected>99%, accepted>99%"
)
"""What is promised to users of any server (contract, section 9)."""

PROMISED_OF_FAKES: Final = (
    "p99<100ms, delivered>=100%, duplicates<=0, out_of_order<=0, other_workspace<=0, "
    "connected>99%, accepted>=100%"
)
"""The same of the project's own fakes, which lose nothing and refuse nothing."""

LATE_SHARE: Final = 0.02
"""Share of the time in which the generator may be late, by over 50 ms. What arrives in that time is
late by the generator's own doing, by half of it on average; beyond this the percentiles that people
look at are no longer the server's."""

OWN_ERROR_MS: Final = 20.0
"""What the generator may add to a latency (loop lag p90, publisher lag p99) or be wrong about it
(clock offset): a fifth of the 100 ms that are promised to users (contract, section 9)."""

NEGATIVE_SHARE: Final = 0.001
"""Share of negative latencies from which the clocks are not to be believed: they are left out of
the distribution, and a tenth of what lies above the p99 may be."""

_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WORDS: Final = {"<": "under", "<=": "at most", ">": "over", ">=": "at least"}
_FORM: Final = re.compile(r"\s*([a-z]\w*)\s*(<=|>=|<|>)\s*(\d+(?:\.\d+)?)\s*(us|ms|s|%)?\s*", re.A)
_SCALES: Final[dict[str, dict[str, float]]] = {
    "ms": {"": 1, "us": 0.001, "ms": 1, "s": 1000},
    "ratio": {"": 1, "%": 0.01},
    "": {"": 1},
}
_UNIT_WORDS: Final = {
    "ms": "a time, in us, ms or s",
    "ratio": "a ratio, from 0 to 1 or in %",
    "": "a count, without a unit",
}


class ThresholdError(ValueError):
    """A text that is no threshold; `str` is one sentence for the user."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text, reason)
        self.text = text
        self.reason = reason

    def __str__(self) -> str:
        return f'"{words.printable(words.cut(self.text, 80))}" is no threshold: {self.reason}.'


@dataclass(frozen=True)
class Limit:
    """A measure (its name in `MEASURES`), a comparison, and a number in the measure's unit."""

    name: str
    comparison: Comparison
    value: float


def parse(text: str) -> Limit:
    """The limit that `text` names. Raises ThresholdError."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ThresholdError(text, "write it like p99<100ms, lost<=0 or delivered>=99%")
    name, comparison, number, unit = match[1], match[2], match[3], match[4] or ""
    name = ALIASES.get(name, name)
    measure = MEASURES.get(name)
    if measure is None:
        raise ThresholdError(text, _unknown(name))
    scale = _SCALES[measure.unit].get(unit)
    value = float(number) * (scale or 1)
    if scale is None or (measure.unit == "ratio" and value > 1):
        raise ThresholdError(text, f"{name} is {_UNIT_WORDS[measure.unit]}")
    return Limit(name, cast("Comparison", comparison), round(value, 9))


def parse_all(text: str) -> list[Limit]:
    """The limits of a comma-separated list. Raises ThresholdError for the first that is none."""
    return [parse(part) for part in text.split(",") if part.strip()]


def evaluate(record: RunRecord, limits: Iterable[Limit]) -> list[Threshold]:
    """What was measured against each limit. What was not measured is not ok."""
    return [_checked(limit, MEASURES[limit.name], record) for limit in limits]


def judge(record: RunRecord) -> tuple[Verdict, list[str]]:
    """The verdict on a record whose thresholds are evaluated, and why, a sentence each."""
    if early := _stopped_early(record):
        return "invalid", [early]  # whatever else is odd about it comes of that
    doubts = [reason for doubt in _DOUBTS if (reason := doubt(record))]
    if doubts:
        return "invalid", doubts
    failures = [describe(threshold) for threshold in record.thresholds if not threshold.ok]
    return ("fail", failures) if failures else ("pass", [])


def judged(record: RunRecord, limits: Iterable[Limit]) -> RunRecord:
    """The record with thresholds, verdict and reasons set."""
    evaluated = msgspec.structs.replace(record, thresholds=evaluate(record, limits))
    verdict, reasons = judge(evaluated)
    return msgspec.structs.replace(evaluated, verdict=verdict, reasons=reasons)


def describe(threshold: Threshold) -> str:
    """A sentence: what was measured and what it has to be."""
    measure = MEASURES.get(threshold.name)
    label = measure.label if measure else threshold.name
    was = words.exactly(threshold.actual, threshold.unit)
    return f"{label}: {was}; it must be {limit_text(threshold)}."


def limit_text(threshold: Threshold) -> str:
    """What has to be, in words: `under 100 ms`, `at least 99%`."""
    return f"{_WORDS[threshold.comparison]} {words.exactly(threshold.limit, threshold.unit)}"


def _checked(limit: Limit, measure: Measure, record: RunRecord) -> Threshold:
    actual = measure.of(record)
    return Threshold(
        name=limit.name,
        comparison=limit.comparison,
        limit=limit.value,
        actual=actual,
        unit=measure.unit,
        ok=actual is not None and _COMPARE[limit.comparison](actual, limit.value),
    )


def _unknown(name: str) -> str:
    """That there is no such measure, and which one may have been meant."""
    near = get_close_matches(name, [*MEASURES, *ALIASES], n=1)
    return f"nothing measured is named {name}" + (f"; {near[0]} is" if near else "")


def _stopped_early(record: RunRecord) -> str:
    asked, lasted = record.publishing.asked_s, record.publishing.lasted_s
    if asked is None or (lasted is not None and lasted >= asked):
        return ""
    return (
        f"The run was stopped early: messages were to be published for {words.duration(asked)}, "
        f"and were for {words.duration(lasted or 0)}."
    )


def _nothing_expected(record: RunRecord) -> str:
    if record.subscribers.connected == 0:
        return f"None of {words.plural(record.subscribers.requested, 'subscriber')} connected."
    if record.publishing.accepted == 0:
        return "The server accepted no message, so no delivery was measured."
    if record.deliveries.expected == 0:
        return "No delivery was expected of any subscription, so none was measured."
    return ""


def _accounts_differ(record: RunRecord) -> str:
    told = record.deliveries
    if told.expected == told.received + told.lost:
        return ""
    return (
        f"The accounts do not add up: {told.expected:,} expected is not "
        f"{told.received:,} received and {told.lost:,} lost."
    )


def _generator_late(record: RunRecord) -> str:
    generator = record.generator
    if generator.intervals == 0:
        return "Whether the generator itself was late was not measured."
    share = generator.late_ms / (generator.intervals * 1000)
    if share <= LATE_SHARE:
        return ""
    return (
        f"The generator was the bottleneck: its loop was late for {words.percent(share)} of the "
        f"time, in {generator.late_intervals:,} of "
        f"{words.plural(generator.intervals, 'interval')} (up to {words.percent(LATE_SHARE)} of "
        f"the time is tolerated)."
    )


def _generator_saturated(record: RunRecord) -> str:
    lag = record.generator.loop_lag_ms.p90
    if lag is None or lag <= OWN_ERROR_MS:
        return ""
    return (
        f"The generator was the bottleneck: its loop lagged {words.milliseconds(lag)} behind (p90; "
        f"up to {words.milliseconds(OWN_ERROR_MS)} is tolerated)."
    )


def _workers_silent(record: RunRecord) -> str:
    silent = record.generator.silent_workers
    if silent == 0:
        return ""
    return f"What {words.plural(silent, 'worker')} measured is missing: no answer came at the end."


def _publisher_late(record: RunRecord) -> str:
    lag = record.publisher_lag_ms.p99
    if lag is not None and lag <= OWN_ERROR_MS:
        return ""
    if lag is None:
        return "" if record.publishing.accepted == 0 else "The publisher's lag was not measured."
    return (
        f"The generator was the bottleneck: its posts began {words.milliseconds(lag)} late (p99; "
        f"up to {words.milliseconds(OWN_ERROR_MS)} is tolerated)."
    )


def _clocks_differ(record: RunRecord) -> str:
    clock, received = record.clock, record.deliveries.received
    if clock.negative_latencies > received * NEGATIVE_SHARE:
        return (
            f"The clocks of publisher and receiver disagree: {clock.negative_latencies:,} of "
            f"{received:,} deliveries seemed to arrive before they were published."
        )
    if (clock.max_offset_error_ms or 0) > OWN_ERROR_MS:
        return (
            f"The clocks of the hosts are known to {words.milliseconds(clock.max_offset_error_ms)} "
            f"only ({words.milliseconds(OWN_ERROR_MS)} is tolerated)."
        )
    return ""


def _nothing_limited(record: RunRecord) -> str:
    return "" if record.thresholds else "No threshold was set, so there is nothing to pass."


_DOUBTS: Final[tuple[Callable[[RunRecord], str], ...]] = (
    _nothing_expected,
    _accounts_differ,
    _workers_silent,
    _generator_late,
    _generator_saturated,
    _publisher_late,
    _clocks_differ,
    _nothing_limited,
)
