"""What the trials of all mutants come to: who was caught by what, and what is lacking. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from conformance.outcomes import Outcome
from conformance.requirements import Side
from conformance.results import Results

__all__ = ["CORRECT", "Matrix", "Trial", "judged"]

CORRECT: Final = "the correct one"
"""What a trial of the program itself is called."""

_BLAMES: Final = (Outcome.FAIL, Outcome.WARN)


class Trial(Struct, frozen=True, kw_only=True):
    """One program with what the suite of its side said; `results` None where it said nothing.

    `whole`: all of the suite was run, not only what shows the requirements that are broken.
    """

    side: Side
    name: str
    does: str
    breaks: tuple[str, ...]
    whole: bool
    seconds: float
    results: Results | None

    @property
    def is_correct(self) -> bool:
        """Whether nothing may blame it."""
        return not self.breaks

    @property
    def blames(self) -> dict[str, list[str]]:
        """By requirement the checks that it failed."""
        found = {
            identifier: sorted(
                {_function(each.name) for each in one.checks if each.outcome in _BLAMES}
            )
            for identifier, one in (self.results.requirements if self.results else {}).items()
        }
        return {identifier: checks for identifier, checks in found.items() if checks}

    @property
    def caught_by(self) -> dict[str, list[str]]:
        """Of those, the ones of a requirement that it breaks."""
        return {each: checks for each, checks in self.blames.items() if each in self.breaks}

    @property
    def unseen(self) -> list[str]:
        """The requirements that it breaks, and that none of their own checks found broken."""
        return [each for each in self.breaks if each not in self.caught_by]

    @property
    def checks_that_caught(self) -> list[str]:
        """The checks among them, each once, by name."""
        return sorted({each for checks in self.caught_by.values() for each in checks})

    @property
    def checks(self) -> set[str]:
        """Every check that was run on it."""
        found = self.results.requirements.values() if self.results else ()
        return {_function(each.name) for one in found for each in one.checks}

    @property
    def untried(self) -> list[str]:
        """The requirements that could not be tried."""
        found = self.results.requirements if self.results else {}
        return [each for each, one in found.items() if one.outcome is Outcome.COULD_NOT_RUN]


class Matrix(Struct, frozen=True, kw_only=True):
    """The whole: `caught` by check the mutants that it caught; what is wrong, as sentences."""

    trials: tuple[Trial, ...]
    caught: dict[str, list[str]]
    wrongs: tuple[str, ...]

    @property
    def mutants(self) -> list[Trial]:
        """The trials of what is broken."""
        return [each for each in self.trials if not each.is_correct]

    @property
    def survivors(self) -> list[Trial]:
        """Those that no check of what they break has caught."""
        return [each for each in self.mutants if not each.caught_by]

    @property
    def score(self) -> str:
        """How many were caught, in words."""
        total, left = len(self.mutants), len(self.survivors)
        percent = 100.0 * (total - left) / total if total else 100.0
        shown = f"{percent:.1f}".removesuffix(".0") if not left else f"{min(percent, 99.9):.1f}"
        return f"{total - left} of {total} mutants caught ({shown} %)"


def judged(trials: Sequence[Trial]) -> Matrix:
    """Judge: every mutant caught by whatever it breaks, nothing correct blamed, and no check that
    catches nothing.

    The last where a side's correct program was tried: that trial says which checks there are.
    """
    caught: dict[str, list[str]] = {
        check: []
        for trial in trials
        if trial.name == CORRECT and trial.whole
        for check in sorted(trial.checks)
    }
    for trial in trials:
        for check in trial.checks_that_caught:
            caught.setdefault(check, []).append(trial.name)
    return Matrix(trials=tuple(trials), caught=caught, wrongs=tuple(_wrongs(trials, caught)))


def _wrongs(trials: Sequence[Trial], caught: Mapping[str, Sequence[str]]) -> Iterable[str]:
    for trial in trials:
        who = f"{trial.side}/{trial.name}"
        if trial.results is None:
            yield f"{who}: the suite came to no result."
        elif not trial.is_correct and not trial.caught_by:
            yield f"{who} survives ({', '.join(trial.breaks)}): {trial.does}"
        elif trial.unseen:
            yield f"{who} breaks {', '.join(trial.unseen)}, and no check of that says so."
        elif trial.is_correct and trial.blames:
            for identifier, checks in trial.blames.items():
                yield f"{who} keeps {identifier} and is blamed by {', '.join(checks)}."
        elif trial.is_correct and trial.untried:
            yield f"{who}: {', '.join(trial.untried)} could not be tried."
    for check, names in caught.items():
        if not names:
            yield f"{check} catches no mutant."


def _function(name: str) -> str:
    """A check without its parameters."""
    return name.partition("[")[0]
