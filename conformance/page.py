"""The report page: one self-contained HTML file, the matrix first, then each requirement.

The page loads nothing and runs no script, and says so in its Content-Security-Policy. What a target
said comes from the wire: the template escapes all of it, after `words.printable` has spelled out
what would act instead of show.
"""

from collections.abc import Iterator
from itertools import cycle, groupby
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup
from msgspec import Struct

from conformance.outcomes import Outcome
from conformance.results import VERDICTS, Results, write_file
from conformance.settings import Settings
from conformance.verdict import Finding, Verdict
from conformance.words import alone, cut, printable

__all__ = ["GROUPS", "SIDES", "render", "template", "write_page"]

_TEXT: Final = 2_000
"""Characters shown of one text: with the two below, a run in which everything fails stays small."""

_EVENTS: Final = 100
"""Events shown of one history, which is the smallest part that shows a failure."""

_CHECKS: Final = 20
"""Checks shown of one requirement, the gravest first."""

SIDES: Final = {
    "server": "What the server owes its clients",
    "client": "What the client owes its user",
}
"""What each suite is about."""

GROUPS: Final = {
    "S-AUTH": "Authentication",
    "S-SUB": "Subscriptions",
    "S-ISO": "Isolation",
    "S-MSG": "Messages",
    "S-STA": "Status",
    "S-SND": "Sending",
    "S-CON": "WhatsApp number",
    "S-TYP": "Typing",
    "S-REC": "Reconnecting",
    "S-ERR": "Bad input",
    "S-PRO": "Protocols",
    "S-HTTP": "HTTP",
    "S-WHK": "Webhook",
    "C-CONN": "Connection",
    "C-SUB": "Subscriptions",
    "C-MSG": "Messages",
    "C-STA": "Status",
    "C-CNV": "Conversations",
    "C-SND": "Sending",
    "C-TYP": "Typing",
    "C-FBK": "Fallback",
    "C-MON": "Watching itself",
    "C-CAC": "Cache",
}
"""What each group of requirements is about; the client's are the contract's own headings."""

_WORST_FIRST: Final = (
    Outcome.FAIL,
    Outcome.COULD_NOT_RUN,
    Outcome.WARN,
    Outcome.PASS,
    Outcome.NOT_APPLICABLE,
)


class _Group(Struct, frozen=True):
    """A row of the matrix."""

    id: str
    title: str
    findings: list[Finding]


class _Side(Struct, frozen=True):
    """A suite: its matrix and its requirements."""

    name: str
    title: str
    target: str
    groups: list[_Group]


def write_page(found: Results, verdict: Verdict, settings: Settings) -> None:
    """Write `report.html`, whole or not at all. Raises OSError."""
    write_file(settings.page, render(found, verdict, settings).encode())


def render(found: Results, verdict: Verdict, settings: Settings) -> str:
    """The page as HTML."""
    return template("report.html").render(
        summary=found.summary,
        verdict=verdict,
        numbers=verdict.numbers,
        title=VERDICTS[verdict.exit_code],
        targets=found.target,
        sides=list(_sides(verdict, settings)),
        again=lambda finding: _again(finding, settings),
    )


def template(name: str) -> jinja2.Template:
    """One of the pages; it escapes whatever it is given."""
    return _environment.get_template(name)


def _sides(verdict: Verdict, settings: Settings) -> Iterator[_Side]:
    for side, target in settings.targets.items():
        mine = [finding for finding in verdict.findings if finding.requirement.side == side]
        groups = [
            _Group(group, GROUPS[group], list(findings))
            for group, findings in groupby(mine, lambda finding: finding.requirement.group)
        ]
        if groups:
            yield _Side(side, SIDES[side], target, groups)


def _again(finding: Finding, settings: Settings) -> str:
    """The command that runs it alone: the counterexample, where one was found."""
    replays = (each.ending.replay for each in finding.shown if each.ending.replay)
    return alone(finding.requirement, settings, next(replays, None))


def _worst_first(finding: Finding) -> list[Any]:
    return sorted(finding.shown, key=lambda each: _WORST_FIRST.index(each.outcome))


def _clause(text: str) -> Markup:
    """A clause as the contract shows it: what stands between backticks is code."""
    parts = text.split("`")
    return Markup().join(
        Markup("<code>{}</code>").format(part) if odd else part
        for odd, part in zip(cycle((False, True)), parts, strict=False)
    )


def _number(identifier: str) -> str:
    """`4` of `C-FBK-4`."""
    return identifier.rpartition("-")[2]


def _shown(value: Any) -> Any:
    """What a template expression puts out: text made harmless."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(cut(value, _TEXT))
    return value


_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    finalize=_shown,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(clause=_clause, number=_number, worst_first=_worst_first)
_environment.globals.update(most_checks=_CHECKS, most_events=_EVENTS)
