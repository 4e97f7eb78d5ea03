"""The matrix for people: one self-contained HTML file in the manner of a run's report."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from msgspec import Struct

from conformance.mutants.matrix import Matrix, Trial
from conformance.page import GROUPS, SIDES, template
from conformance.requirements import REQUIREMENTS, Requirement, Side

__all__ = ["as_html"]


class _Row(Struct, frozen=True):
    """A requirement with what was broken in it."""

    requirement: Requirement
    trials: list[Trial]

    @property
    def caught(self) -> int:
        """How many of them were caught."""
        return sum(1 for each in self.trials if each.caught_by)

    @property
    def state(self) -> str:
        """As the report's colours name it; nothing may have been tried."""
        if not self.trials:
            return "not-applicable"
        return "pass" if self.caught == len(self.trials) else "fail"


class _Group(Struct, frozen=True):
    """A line of the matrix."""

    id: str
    title: str
    rows: list[_Row]


def as_html(matrix: Matrix) -> str:
    """The page: the score, what is wrong, the matrix of requirements, every mutant, every check."""
    sides = dict.fromkeys(each.side for each in matrix.trials)
    return template("mutants.html").render(
        matrix=matrix,
        correct=[each for each in matrix.trials if each.is_correct],
        sides=[(side, SIDES[side], list(_groups(matrix, side))) for side in sides],
        of=lambda side: [each for each in matrix.mutants if each.side == side],
    )


def _groups(matrix: Matrix, side: Side) -> Iterator[_Group]:
    mine = [
        _Row(one, [each for each in matrix.mutants if one.id in each.breaks])
        for one in REQUIREMENTS.values()
        if one.side == side
    ]
    for group, rows in groupby(mine, lambda row: row.requirement.group):
        yield _Group(group, GROUPS[group], list(rows))
