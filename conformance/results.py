"""What a run leaves behind for programs: `results.json`, written whole or not at all."""

import secrets
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from conformance.outcomes import Outcome
from conformance.requirements import Level
from conformance.settings import Settings
from conformance.verdict import Verdict

__all__ = [
    "VERDICTS",
    "CheckResult",
    "RequirementResult",
    "Results",
    "Summary",
    "results",
    "tried",
    "write_file",
    "write_results",
]

VERDICTS: Final = {
    0: "conforms",
    1: "does not conform",
    2: "not run",
    3: "could not run",
    4: "stale baseline",
    130: "interrupted",
}
"""What an exit code says, in words."""


class CheckResult(Struct, frozen=True):
    """One check of a requirement; `replay` is the file of a found counterexample."""

    name: str
    outcome: Outcome
    message: str
    replay: str | None


class RequirementResult(Struct, frozen=True):
    """One requirement, with every check that shows it."""

    level: Level
    outcome: Outcome
    checks: list[CheckResult]


class Summary(Struct, frozen=True, kw_only=True, rename="camel"):
    """The run as a whole; `requirements` counts them by outcome, `known_failing` has reasons."""

    verdict: str
    exit_code: int
    sentence: str
    requirements: dict[Outcome, int]
    known_failing: dict[str, str]
    stale: list[str]
    seed: int
    profile: str
    started_at: str
    duration_s: float


class Results(Struct, frozen=True):
    """The file. `target` names what was tried, by side."""

    target: dict[str, str]
    requirements: dict[str, RequirementResult]
    summary: Summary


def results(verdict: Verdict, settings: Settings, started_at: str, duration_s: float) -> Results:
    """The results of a run; `started_at` is ISO 8601 in UTC."""
    findings = verdict.findings
    return Results(
        target=tried(verdict, settings),
        requirements={
            finding.requirement.id: RequirementResult(
                level=finding.requirement.level,
                outcome=finding.outcome,
                checks=[
                    CheckResult(
                        each.check.name, each.outcome, each.ending.message, each.ending.replay
                    )
                    for each in finding.shown
                ],
            )
            for finding in findings
        },
        summary=Summary(
            verdict=VERDICTS[verdict.exit_code],
            exit_code=verdict.exit_code,
            sentence=verdict.sentence,
            requirements=verdict.numbers,
            known_failing={one.requirement.id: one.known for one in findings if one.known},
            stale=list(verdict.stale),
            seed=settings.seed,
            profile=settings.profile,
            started_at=started_at,
            duration_s=round(duration_s, 3),
        ),
    )


def tried(verdict: Verdict, settings: Settings) -> dict[str, str]:
    """The targets on which the run speaks, by side; all that were named where it speaks on none."""
    sides = {finding.requirement.side for finding in verdict.findings} or settings.sides
    return {side: target for side, target in settings.targets.items() if side in sides}


def write_results(found: Results, path: Path) -> None:
    """Write `results.json`. Raises OSError."""
    write_file(path, msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, making its folder; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scrap = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        scrap.write_bytes(content)
        scrap.replace(path)
    finally:
        scrap.unlink(missing_ok=True)
