"""`python -m conformance.flakes`: run the suites again and again, and name what is undecided.

A check that passes now and fails then says nothing of its target: it is a fault of the check, or a
race in the target. Whatever option it does not know goes to each run, such as `--side client` or
`--server-cmd "node server.js"`; each draws a seed of its own unless `--seed` is among them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from conformance.outcomes import Outcome
from conformance.results import Results
from conformance.runs import run_suites, until_interrupted

__all__ = ["Flake", "flakes", "main"]

_FOLDER: Final = Path("out/flakes")
_DECIDED, _UNDECIDED, _NO_RESULT = 0, 1, 3
_NOT_RUN: Final = "not run"

_WITHIN_S: Final = 900.0
"""One run at most; both suites take three minutes on two cores."""


class Flake(Struct, frozen=True):
    """A check with what it came to, run by run; `message` is of the last that did not pass."""

    check: str
    outcomes: tuple[str, ...]
    message: str

    def __str__(self) -> str:
        counted = ", ".join(f"{count} x {name}" for name, count in Counter(self.outcomes).items())
        return f"{self.check}: {counted}. {self.message}"


def flakes(runs: Sequence[Results]) -> list[Flake]:
    """The checks that did not come out the same in each run, by name."""
    tables = [_ends(run) for run in runs]
    found: list[Flake] = []
    for check in sorted({check for table in tables for check in table}):
        ends = [table.get(check, (_NOT_RUN, "")) for table in tables]
        outcomes = tuple(outcome for outcome, _ in ends)
        if len(set(outcomes)) > 1:
            bad = [message for outcome, message in ends if outcome != Outcome.PASS]
            found.append(Flake(check, outcomes, bad[-1]))
    return found


def _ends(run: Results) -> dict[str, tuple[str, str]]:
    return {
        check.name: (check.outcome.value, check.message)
        for requirement in run.requirements.values()
        for check in requirement.checks
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 where each check came out the same in every run, 1 where one did not, 3 where a
    run came to no result.
    """
    options, passed_on = _parser().parse_known_args(arguments)
    runs = asyncio.run(_runs(options.runs, passed_on, options.seconds))
    found = flakes([run for run in runs if run is not None])
    for flake in found:
        print(flake)
    silent = runs.count(None)
    print(_conclusion(len(runs), len(found), silent))
    if silent:
        return _NO_RESULT
    return _UNDECIDED if found else _DECIDED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance.flakes", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--runs", type=int, default=20, help="in a row (20)")
    parser.add_argument("--seconds", type=float, default=_WITHIN_S, help="for a run at most")
    return parser


async def _runs(count: int, passed_on: Sequence[str], within_s: float) -> list[Results | None]:
    found: list[Results | None] = []
    for number in range(1, count + 1):
        run = await run_suites(passed_on, _FOLDER / str(number), within_s)
        said = run.results.summary.sentence if run.results else "no result, see its log.txt"
        print(f"{run.seconds:6.1f} s  run {number} of {count}: {said}", flush=True)
        found.append(run.results)
    return found


def _conclusion(runs: int, flaky: int, silent: int) -> str:
    came = f"{runs - silent} of {runs} runs came to a result"
    return f"{came}; {flaky or 'no'} check{'' if flaky == 1 else 's'} undecided; see {_FOLDER}."


if __name__ == "__main__":
    sys.exit(until_interrupted(main))
