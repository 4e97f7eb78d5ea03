"""The end of a run in the terminal: what is not kept and how to see it again, the verdict last."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from conformance.outcomes import Outcome
from conformance.settings import Settings
from conformance.verdict import ExitCode, Finding, Shown, Verdict
from conformance.words import alone, cut, printable

__all__ = ["opening_lines", "summary_lines", "write_summary"]

_LONGEST: Final = 600
"""Characters of a text; the report has more."""

_CHECKS: Final = 3
"""Checks shown of a requirement, and requirements named of many; the report has all."""


def opening_lines(settings: Settings) -> Iterator[str]:
    """What is tried, and with which seed."""
    for side, target in settings.targets.items():
        yield f"{side:<9}{printable(target)}"
    yield f"seed     {settings.seed}, profile {settings.profile}"
    if settings.replay is not None:
        yield f"replay   {printable(str(settings.replay))}"


def write_summary(verdict: Verdict, settings: Settings, reporter: pytest.TerminalReporter) -> None:
    """Write the summary, in the terminal's colours where it has some."""
    for line in summary_lines(verdict, settings):
        reporter.write_line(line)
    good = verdict.exit_code is ExitCode.CONFORMS
    if good and settings.replay is not None:
        reporter.write_line("Not reproduced: the counterexample passes.")
    reporter.write_line(printable(verdict.sentence), bold=True, green=good, red=not good)
    for name, path in (("results", settings.results), ("report", settings.page)):
        reporter.write_line(f"{name:<9}{_short(path)}")


def summary_lines(verdict: Verdict, settings: Settings) -> Iterator[str]:
    """What is behind the verdict; of what could not run, each reason once."""
    for finding in verdict.findings:
        if finding.outcome in (Outcome.FAIL, Outcome.WARN):
            yield from _broken(finding, settings)
    for reason, names in _unrun(verdict).items():
        yield ""
        yield f"could not run: {', '.join(names)}"
        yield from _indented(reason, "  ")
    if verdict.exit_code is not ExitCode.STALE:
        yield from verdict.stale
    yield ""


def _broken(finding: Finding, settings: Settings) -> Iterator[str]:
    one = finding.requirement
    yield ""
    yield f"{finding.outcome}: {one.id} ({one.level}) {one.clause}"
    if finding.known is not None:
        yield f"  known: {printable(finding.known)}"
    telling = [each for each in finding.shown if each.outcome in (Outcome.FAIL, Outcome.WARN)]
    for each in telling[:_CHECKS]:
        yield from _check(each)
    if len(telling) > _CHECKS:
        yield f"  and {len(telling) - _CHECKS} more in the report"
    replay = next((each.ending.replay for each in telling if each.ending.replay), None)
    yield f"  again: {alone(one, settings, replay)}"


def _check(shown: Shown) -> Iterator[str]:
    ending = shown.ending
    yield f"  {printable(shown.check.name)}"
    if ending.expected is None:
        yield from _indented(ending.message, "    ")
        return
    yield from _indented(f"expected  {ending.expected}", "    ")
    yield from _indented(f"seen      {ending.seen}", "    ")
    if ending.history:
        yield f"    history   {len(ending.history)} events, in the report"


def _unrun(verdict: Verdict) -> dict[str, list[str]]:
    """The requirements that could not be tried, by reason."""
    reasons: dict[str, list[str]] = {}
    for finding in verdict.findings:
        if finding.outcome is Outcome.COULD_NOT_RUN:
            reasons.setdefault(_reason(finding), []).append(finding.requirement.id)
    return reasons


def _reason(finding: Finding) -> str:
    for each in finding.shown:
        if each.outcome is Outcome.COULD_NOT_RUN:
            return f"{each.ending.message}\n{each.ending.details}".rstrip()
    if not finding.shown:
        return "what shows it failed for something else, and ended there"
    return "every check calls it not applicable, and it depends on no capability"


def _indented(text: str, by: str) -> Iterator[str]:
    for line in printable(cut(text, _LONGEST)).splitlines():
        yield f"{by}{line}"


def _short(path: Path) -> str:
    """A path as seen from the working directory, where it is below it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
