"""Runs a program of this project as a mutant of it."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Mapping, Sequence

from conformance.mutants.mutant import Mutant, SeamMoved

__all__ = ["run_as"]

_USAGE, _COULD_NOT_RUN = 2, 3


def run_as(mutants: Mapping[str, Mutant], program: str, arguments: Sequence[str]) -> int:
    """Install the mutant that is named, then run the module `program` as `python -m` does.

    Returns 2 without a mutant's name, 3 where it cannot be installed; else the program's own
    `SystemExit` goes through. What is installed is said on stderr.
    """
    if len(arguments) != 1 or arguments[0] not in mutants:
        print(f"Name one of these: {' '.join(mutants)}.", file=sys.stderr)
        return _USAGE
    mutant = mutants[arguments[0]]
    try:
        seams = mutant.install()
    except SeamMoved as moved:
        print(f"{mutant.name}: {moved}", file=sys.stderr)
        return _COULD_NOT_RUN
    print(f"{program} as the mutant {mutant.name}: {', '.join(seams)}", file=sys.stderr)
    runpy.run_module(program, run_name="__main__", alter_sys=True)
    return 0
