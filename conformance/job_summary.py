"""The run as Markdown, for the page of a CI job: GitHub shows what is in $GITHUB_STEP_SUMMARY."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from conformance.outcomes import Outcome
from conformance.results import tried
from conformance.settings import Settings
from conformance.verdict import Finding, Verdict
from conformance.words import alone, cut, printable

__all__ = ["markdown", "write_job_summary"]

_LONGEST: Final = 300
"""Characters of a text in a cell of a table."""

_MARKS: Final = {
    Outcome.FAIL: "❌ fail",
    Outcome.COULD_NOT_RUN: "❔ could not run",
    Outcome.WARN: "⚠️ warn",
    Outcome.PASS: "✅ pass",
    Outcome.NOT_APPLICABLE: "➖ not applicable",
}


def write_job_summary(verdict: Verdict, settings: Settings) -> None:
    """Append the summary where CI asks for one; raises OSError."""
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if place:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(markdown(verdict, settings))


def markdown(verdict: Verdict, settings: Settings) -> str:
    """The summary: the verdict, the numbers, and a row for each requirement that is not kept."""
    lines = ["## Conformance to the ChatEngine contract", "", f"**{_plain(verdict.sentence)}**", ""]
    lines += [f"- {side}: {_code(target)}" for side, target in tried(verdict, settings).items()]
    lines += ["", f"| {' | '.join(_MARKS.values())} |", f"|{'---|' * len(_MARKS)}"]
    lines += [f"| {' | '.join(str(verdict.numbers[one]) for one in _MARKS)} |", ""]
    rows = list(_rows(verdict, settings))
    if rows:
        lines += [
            "| requirement | outcome | clause | seen | run it alone |",
            "|---|---|---|---|---|",
        ]
        lines += [*rows, ""]
    return "\n".join([*lines, ""])


def _rows(verdict: Verdict, settings: Settings) -> Iterator[str]:
    for finding in verdict.findings:
        one, outcome = finding.requirement, finding.outcome
        if outcome in (Outcome.FAIL, Outcome.WARN, Outcome.COULD_NOT_RUN):
            known = f" (known: {_plain(finding.known)})" if finding.known else ""
            cells = [one.id, _MARKS[outcome] + known, _plain(one.clause), _plain(_seen(finding))]
            yield f"| {' | '.join([*cells, _code(alone(one, settings))])} |"


def _seen(finding: Finding) -> str:
    told = (each.ending.message for each in finding.shown if each.outcome is finding.outcome)
    return next(told, "")


def _plain(text: str) -> str:
    """Text that means nothing to Markdown or HTML, on one line."""
    return _escaped(cut(text, _LONGEST))


def _code(text: str) -> str:
    """Text as code, in a table too: between backticks a bar would end the cell."""
    return f"<code>{_escaped(text)}</code>"


def _escaped(text: str) -> str:
    line = " ".join(printable(text).split()).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{sign}" if sign in r"\`*_[]()|!#~@" else sign for sign in line)
