"""From how the checks ended to what that says: of each requirement, and of the run. Pure."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from msgspec import Struct

from conformance.known_failing import matches_nothing
from conformance.outcomes import Ending, Outcome
from conformance.requirements import REQUIREMENTS, Requirement
from conformance.selection import Check, Plan

__all__ = ["ExitCode", "Finding", "Shown", "Verdict", "conclude"]

_RANK: Final = (
    Outcome.FAIL,
    Outcome.COULD_NOT_RUN,
    Outcome.WARN,
    Outcome.PASS,
    Outcome.NOT_APPLICABLE,
)
"""Which of its checks' outcomes is a requirement's: the first that there is."""


class ExitCode(IntEnum):
    """How a run ends; what more than one is true of ends with the first, but for what was cut
    short.
    """

    CONFORMS = 0
    NONCONFORMING = 1
    USAGE = 2
    COULD_NOT_RUN = 3
    """Also of a run that ended before its time, whatever it had found by then: it is not all."""
    STALE = 4
    """An entry of the baseline that matches nothing, or passes now."""
    INTERRUPTED = 130
    """By Ctrl-C, as a shell counts it: 128 and the signal's number."""


class Shown(Struct, frozen=True):
    """A check with how it ended, and what that means for the requirement it is told under."""

    check: Check
    ending: Ending
    outcome: Outcome


class Finding(Struct, frozen=True, kw_only=True):
    """What a run has to say of one requirement; `known` is why it is known to fail."""

    requirement: Requirement
    outcome: Outcome
    shown: tuple[Shown, ...]
    known: str | None = None

    @property
    def counts(self) -> bool:
        """Whether it alone keeps the run from being green."""
        match self.outcome:
            case Outcome.FAIL:
                return self.known is None
            case Outcome.COULD_NOT_RUN:
                return self.requirement.level == "MUST"
        return False


class Verdict(Struct, frozen=True, kw_only=True):
    """What a run came to. `stale` are sentences about the baseline."""

    findings: tuple[Finding, ...]
    exit_code: ExitCode
    sentence: str
    stale: tuple[str, ...] = ()

    @property
    def numbers(self) -> dict[Outcome, int]:
        """How many requirements had each outcome."""
        return {one: sum(f.outcome is one for f in self.findings) for one in Outcome}


def conclude(
    plan: Plan,
    endings: Mapping[str, Ending],
    known: Mapping[str, str],
    *,
    aborted: str | None = None,
    interrupted: bool = False,
    narrowed: bool = False,
) -> Verdict:
    """Judge the run: every check of the plan counts, also one that has no ending.

    `aborted` says why the run ended before its end; `interrupted`, that a person wanted it so.
    `narrowed` is a run of a few requirements: there an entry of the baseline may well match none.
    """
    lacking = Ending(
        outcome=Outcome.COULD_NOT_RUN,
        message=f"did not run: {aborted or 'the run ended before it'}",
    )
    told = {check.name: endings.get(check.name, lacking) for check in plan.checks}
    findings = tuple(
        _finding(REQUIREMENTS[one], plan, told, known.get(one)) for one in plan.requirements
    )
    stale = _stale(findings, known, narrowed=narrowed)
    code = ExitCode.INTERRUPTED if interrupted else _exit_code(findings, stale, aborted)
    return Verdict(
        findings=findings,
        exit_code=code,
        sentence=_sentence(code, findings, stale, aborted),
        stale=stale,
    )


def _finding(
    one: Requirement, plan: Plan, told: Mapping[str, Ending], known: str | None
) -> Finding:
    shown = tuple(
        Shown(check, told[check.name], told[check.name].for_level(one.level))
        for check in plan.checks
        if one.id in check.shows and told[check.name].speaks_of(one.id)
    )
    return Finding(requirement=one, outcome=_outcome(one, shown), shown=shown, known=known)


def _outcome(one: Requirement, shown: tuple[Shown, ...]) -> Outcome:
    """The gravest of its checks'.

    Where every check calls it not applicable although it needs no capability, nothing was shown;
    where no check can show it, the registry says why.
    """
    if one.why_not is not None:
        return Outcome.NOT_APPLICABLE
    found = {each.outcome for each in shown}
    outcome = next((rank for rank in _RANK if rank in found), Outcome.COULD_NOT_RUN)
    if outcome is Outcome.NOT_APPLICABLE and not one.needs:
        return Outcome.COULD_NOT_RUN
    return outcome


def _stale(
    findings: tuple[Finding, ...], known: Mapping[str, str], *, narrowed: bool
) -> tuple[str, ...]:
    """A sentence for each entry of the baseline that has to go."""
    outcomes = {finding.requirement.id: finding.outcome for finding in findings}
    sentences = []
    for identifier in known:
        outcome = outcomes.get(identifier)
        if outcome is None and not (narrowed and identifier in REQUIREMENTS):
            sentences.append(matches_nothing(identifier))
        elif outcome is Outcome.PASS:
            sentences.append(f"{identifier} is known to fail, but passes now.")
        elif outcome is Outcome.NOT_APPLICABLE:
            sentences.append(f"{identifier} is known to fail, but is not applicable.")
    return tuple(sentences)


def _exit_code(
    findings: tuple[Finding, ...], stale: tuple[str, ...], aborted: str | None
) -> ExitCode:
    against = {finding.outcome for finding in findings if finding.counts}
    if aborted:
        return ExitCode.COULD_NOT_RUN
    if Outcome.FAIL in against:
        return ExitCode.NONCONFORMING
    if Outcome.COULD_NOT_RUN in against:
        return ExitCode.COULD_NOT_RUN
    return ExitCode.STALE if stale else ExitCode.CONFORMS


def _sentence(
    code: ExitCode, findings: tuple[Finding, ...], stale: tuple[str, ...], aborted: str | None
) -> str:
    """The run in one sentence."""
    against = [finding for finding in findings if finding.counts]
    fails = [one.requirement.id for one in against if one.outcome is Outcome.FAIL]
    unrun = [one.requirement.id for one in against if one.outcome is Outcome.COULD_NOT_RUN]
    all_of_them = "1 requirement" if len(findings) == 1 else f"{len(findings)} requirements"
    match code:
        case ExitCode.NONCONFORMING:
            also = f"; {len(unrun)} could not be tried" if unrun else ""
            return f"Not kept: {', '.join(fails)} ({len(fails)} of {all_of_them}){also}."
        case ExitCode.COULD_NOT_RUN:
            broken = f" Not kept, of what was tried: {', '.join(fails)}." if fails else ""
            return f"{_untried(unrun, all_of_them, aborted)}{broken}"
        case ExitCode.INTERRUPTED:
            return f"The run was interrupted; {len(unrun)} of {all_of_them} had not been tried."
        case ExitCode.STALE:
            return f"The list of what is known to fail is stale: {' '.join(stale)}"
    return f"Of {all_of_them}: {_kept(findings)}."


def _untried(unrun: list[str], all_of_them: str, aborted: str | None) -> str:
    """What a run that is not whole lacks, and why if it ended before its time."""
    why = aborted.rstrip(".") if aborted else ", ".join(unrun)
    if not unrun:
        return f"The run ended before its time: {why}."
    return f"{len(unrun)} of {all_of_them} could not be tried: {why}."


def _kept(findings: tuple[Finding, ...]) -> str:
    """What a green run is made of: kept, and whatever else there was."""
    words = {
        Outcome.PASS: "kept",
        Outcome.NOT_APPLICABLE: "not applicable",
        Outcome.WARN: "warned of",
        Outcome.FAIL: "known to fail",
        Outcome.COULD_NOT_RUN: "not tried",
    }
    counted = {one: sum(f.outcome is one for f in findings) for one in words}
    return ", ".join(
        f"{number} {words[one]}" for one, number in counted.items() if number or one is Outcome.PASS
    )
