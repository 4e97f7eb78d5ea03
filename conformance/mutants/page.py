"""The matrix written down: for programs as JSON, for people as Markdown and as a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec

from conformance.mutants.html_page import as_html
from conformance.mutants.matrix import Matrix, Trial
from conformance.requirements import Side
from conformance.results import write_file

__all__ = ["as_json", "as_markdown", "write_matrix"]


def write_matrix(matrix: Matrix, folder: Path) -> None:
    """Write `matrix.json`, `matrix.md` and `matrix.html`. Raises OSError."""
    encoded = msgspec.json.format(msgspec.json.encode(as_json(matrix)), indent=2)
    write_file(folder / "matrix.json", encoded + b"\n")
    write_file(folder / "matrix.md", as_markdown(matrix).encode())
    write_file(folder / "matrix.html", as_html(matrix).encode())


def as_json(matrix: Matrix) -> dict[str, Any]:
    """What `matrix.json` holds."""
    return {
        "score": matrix.score,
        "wrongs": matrix.wrongs,
        "mutants": [_told(each) for each in matrix.mutants],
        "correct": [_told(each) for each in matrix.trials if each.is_correct],
        "checks": matrix.caught,
    }


def _told(trial: Trial) -> dict[str, Any]:
    return {
        "side": trial.side,
        "name": trial.name,
        "does": trial.does,
        "breaks": trial.breaks,
        "caughtBy": trial.caught_by,
        "blamedFor": trial.blames,
        "seconds": trial.seconds,
    }


def as_markdown(matrix: Matrix) -> str:
    """The score, what is wrong, every mutant with what caught it, every check."""
    return "\n".join(_lines(matrix)) + "\n"


def _lines(matrix: Matrix) -> Iterator[str]:
    yield "# Broken on purpose"
    yield f"\n**{matrix.score}.**"
    if matrix.wrongs:
        yield "\n## What is wrong\n"
        yield from (f"- {each}" for each in matrix.wrongs)
    for side in get_args(Side):
        yield f"\n## Mutants of the {side}\n"
        yield "| mutant | what it does | breaks | caught by |"
        yield "|---|---|---|---|"
        yield from (_row(each) for each in matrix.mutants if each.side == side)
    yield "\n## What is correct\n"
    yield "| program | what it does | blamed for |"
    yield "|---|---|---|"
    for trial in matrix.trials:
        if trial.is_correct:
            blamed = ", ".join(
                sorted({each for checks in trial.blames.values() for each in checks})
            )
            yield f"| {trial.side}: {trial.name} | {trial.does} | {blamed or 'nothing'} |"
    yield "\n## Checks\n"
    yield "| check | catches |"
    yield "|---|---|"
    for check, names in matrix.caught.items():
        yield f"| {check} | {', '.join(sorted(names)) or '**nothing**'} |"


def _row(trial: Trial) -> str:
    shown = "<br>".join(trial.checks_that_caught) or "**nobody**"
    return f"| {trial.name} | {trial.does} | {', '.join(trial.breaks)} | {shown} |"
