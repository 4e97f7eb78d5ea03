"""`python -m conformance.mutants`: try every mutant, and say whether the suites tell them apart."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, get_args

from conformance.mutants.matrix import Matrix, Trial, judged
from conformance.mutants.page import write_matrix
from conformance.mutants.trying import MUTANTS, tasks, tried
from conformance.requirements import Side

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
    trials = asyncio.run(
        tried(
            wanted,
            _FOLDER,
            at_once=options.parallel,
            within_s=options.seconds,
            tell=_tell,
        )
    )
    matrix = judged(trials)
    write_matrix(matrix, _FOLDER)
    _conclude(matrix)
    return _LACKING if matrix.wrongs else _FOUND


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="these mutants alone")
    parser.add_argument("--side", choices=get_args(Side), help="those of this side alone")
    parser.add_argument("--whole", action="store_true", help="the whole suite on each mutant")
    parser.add_argument("--seconds", type=float, default=_WITHIN_S, help="for a trial at most")
    parser.add_argument("--parallel", type=int, default=os.cpu_count() or 2, help="trials at once")
    return parser


def _tell(trial: Trial) -> None:
    checks = {each for found in trial.caught_by.values() for each in found}
    if trial.results is None:
        what = "NO RESULT"
    elif trial.is_correct:
        what = f"BLAMED for {', '.join(trial.blames)}" if trial.blames else "blamed for nothing"
    else:
        what = f"caught by {', '.join(sorted(checks))}" if checks else "SURVIVES"
    print(f"{trial.seconds:6.1f} s  {trial.side:6}  {trial.name}: {what}", flush=True)


def _conclude(matrix: Matrix) -> None:
    for wrong in matrix.wrongs:
        print(wrong)
    print(f"{matrix.score}; {len(matrix.caught)} checks; see {_FOLDER / 'matrix.md'}.")


if __name__ == "__main__":
    sys.exit(main())
