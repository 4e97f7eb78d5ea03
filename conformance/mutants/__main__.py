"""`python -m conformance.mutants`: try every mutant, and say whether the suites tell them apart."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final, get_args

from conformance.mutants.matrix import Matrix, Trial, judged
from conformance.mutants.page import write_matrix
from conformance.mutants.trying import MUTANTS, tasks, tried
from conformance.requirements import Side
from conformance.runs import until_interrupted

_FOLDER: Final = Path("out/mutants")
_FOUND, _LACKING, _USAGE = 0, 1, 2

_WITHIN_S: Final = 600.0
"""One trial at most; the whole suite of a side takes a minute or two."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 where all that is broken was caught and nothing else, 1 where not, 2 for a name
    that no mutant has.
    """
    options = _parser().parse_args(arguments)
    names: list[str] = options.names
    known = {name for mutants in MUTANTS.values() for name in mutants}
    if unknown := sorted(set(names) - known):
        print(f"There is no mutant {unknown[0]}.", file=sys.stderr)
        return _USAGE
    sides: Sequence[Side] = [options.side] if options.side else get_args(Side)
    wanted = tasks(sides, names, whole=options.whole)
    print(f"{len(wanted)} trials, {options.parallel} at once.", flush=True)
    began, numbers = time.monotonic(), count(1)
    trials = asyncio.run(
        tried(
            wanted,
            _FOLDER,
            at_once=options.parallel,
            within_s=options.seconds,
            tell=lambda trial: _tell(trial, f"[{next(numbers):3}/{len(wanted)}]"),
        )
    )
    matrix = judged(trials)
    write_matrix(matrix, _FOLDER)
    _conclude(matrix, time.monotonic() - began)
    return _LACKING if matrix.wrongs else _FOUND


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="these mutants alone")
    parser.add_argument("--side", choices=get_args(Side), help="those of this side alone")
    parser.add_argument("--whole", action="store_true", help="the whole suite on each mutant")
    parser.add_argument("--seconds", type=float, default=_WITHIN_S, help="for a trial at most")
    parser.add_argument("--parallel", type=int, default=os.cpu_count() or 2, help="trials at once")
    return parser


def _tell(trial: Trial, place: str) -> None:
    if trial.results is None:
        what = "NO RESULT"
    elif trial.is_correct:
        what = f"BLAMED for {', '.join(trial.blames)}" if trial.blames else "blamed for nothing"
    else:
        what = ", ".join(trial.checks_that_caught)
        what = f"caught by {what}" if what else "SURVIVES"
    print(f"{place} {trial.seconds:6.1f} s  {trial.side}  {trial.name}: {what}", flush=True)


def _conclude(matrix: Matrix, seconds: float) -> None:
    print(f"\n{matrix.score}, in {seconds / 60:.0f} min.")
    for side in dict.fromkeys(each.side for each in matrix.mutants):
        mine = [each for each in matrix.mutants if each.side == side]
        caught = sum(1 for each in mine if each.caught_by)
        print(f"  {caught} of {len(mine)} broken {side}s, each by what it breaks")
    print(f"  {sum(map(bool, matrix.caught.values()))} of {len(matrix.caught)} checks catch some")
    correct = [each for each in matrix.trials if each.is_correct]
    blameless = sum(1 for each in correct if not each.blames)
    print(f"  {blameless} of {len(correct)} correct programs are blamed for nothing")
    for wrong in matrix.wrongs:
        print(f"WRONG: {wrong}")
    print(f"See {_FOLDER / 'matrix.html'}, matrix.md and matrix.json beside it.")


if __name__ == "__main__":
    sys.exit(until_interrupted(main))
