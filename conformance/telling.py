"""Tells how each check ended, on the process that ran it: what goes into pytest's own reports."""

from collections.abc import Generator, Mapping
from typing import Final

import msgspec
import pytest

from conformance.checks import shown_by
from conformance.outcomes import CouldNotRun, Ending, Outcome, TargetGone, ending, worse
from conformance.requirements import REQUIREMENTS

__all__ = ["Telling", "ending_of", "outcome_by_now"]

_ENDING: Final = pytest.StashKey[Ending]()

_KNOWN_FAILING: Final = "known failing"

_SIGNS: Final = {
    Outcome.FAIL: ("failed", "F", "FAIL"),
    Outcome.WARN: ("warned", "w", "WARN"),
    Outcome.NOT_APPLICABLE: ("not applicable", "-", "NOT APPLICABLE"),
    Outcome.COULD_NOT_RUN: ("could not run", "?", "COULD NOT RUN"),
    _KNOWN_FAILING: (_KNOWN_FAILING, "k", "KNOWN FAILING"),
}
"""How what is no pass is counted, and shown while the run goes on: category, letter, word."""


def ending_of(report: pytest.TestReport) -> Ending | None:
    """What a report says of its check's end; None where that phase says nothing.

    A report that was not made by `Telling` is that of a worker that crashed.
    """
    told = getattr(report, "conformance", None)
    if told is not None:
        return msgspec.convert(told, Ending)
    if report.failed:
        return ending(CouldNotRun(f"the process that ran it ended: {report.longreprtext}"))
    return None


def outcome_by_now(item: pytest.Item) -> Outcome | None:
    """What a check has come to before its fixtures end; None where it was not reached."""
    told = item.stash.get(_ENDING, None)
    return None if told is None else told.outcome


class Telling:
    """The hooks around each check. `known` are the requirements that are known to fail."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add the ending to the report, and let pytest count the check as the run does."""
        report = yield
        error = None if call.excinfo is None else call.excinfo.value
        if error is not None or report.when == "call":
            told = ending(error)
            item.stash[_ENDING] = worse(item.stash.get(_ENDING, None), told)
            self._tell(report, item, told)
        if isinstance(error, TargetGone):
            item.session.shouldstop = str(error)
        if report.when == "teardown" and _ENDING in item.stash:
            report.user_properties += [("requirement", name) for name in shown_by(item)]
            report.user_properties.append(("outcome", self._standing(item, item.stash[_ENDING])))
        return report

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """The sign and the count of what pytest does not know."""
        return _SIGNS.get(getattr(report, "standing", ""))

    def _tell(self, report: pytest.TestReport, item: pytest.Item, told: Ending) -> None:
        """Give a report its ending; what does not count against the run is skipped for pytest."""
        standing = self._standing(item, told)
        vars(report).update(conformance=msgspec.to_builtins(told), standing=standing)
        if standing in (Outcome.FAIL, Outcome.COULD_NOT_RUN):
            report.outcome = "failed"
            report.longrepr = f"{told.message}\n{told.details}".rstrip()
        elif standing != Outcome.PASS:
            path, line, _ = item.location
            report.outcome = "skipped"
            report.longrepr = (path, line or 0, f"{standing}: {told.message}")

    def _standing(self, item: pytest.Item, told: Ending) -> str:
        """The gravest that a check's end means for what it shows, excused where that is known."""
        if told.outcome is not Outcome.FAIL:
            return told.outcome.value
        shows = [one for one in shown_by(item) if told.speaks_of(one)]
        fails = {n for n in shows if told.for_level(REQUIREMENTS[n].level) is Outcome.FAIL}
        if fails - self._known.keys():
            return Outcome.FAIL.value
        return _KNOWN_FAILING if fails else Outcome.WARN.value
