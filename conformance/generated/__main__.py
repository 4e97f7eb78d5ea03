"""`python -m conformance.generated`: how soon are known bugs found, and how small are they shown?

Each is a mutant (`conformance.mutants`), tried as an implementer's program is: by the drawn check
alone, in a process of its own. What is promised of the first three: at most 6 steps, in 2 minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from conformance.generated.failures import FailureError, read_failure
from conformance.requirements import Side
from conformance.runs import run_suites, until_interrupted

__all__ = ["main"]

_FOLDER: Final = Path("out/counterexamples")
_MOST_STEPS, _WITHIN_S = 6, 120.0
_GIVE_UP_S: Final = 300.0
_KEPT, _NOT_KEPT = 0, 1


class _Bug(Struct, frozen=True):
    """A bug as it is spoken of, and the mutant that has it."""

    name: str
    side: Side
    mutant: str


_BUGS: Final = (
    _Bug("no backfill after reconnect", "client", "fetches-nothing-after-a-gap"),
    _Bug("status overwritten", "client", "lets-the-last-status-win"),
    _Bug("subscription lost", "client", "forgets-subscriptions-at-a-reconnect"),
    _Bug("message duplicated", "server", "tells-a-repeated-webhook-again"),
    _Bug("subscription leaked", "server", "never-ends-a-subscription"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 where each bug is found in time, and small, under every seed; else 1."""
    options = _parser().parse_args(arguments)
    print(f"{'seconds':>8} {'steps':>6}  seed  bug", flush=True)
    kept = True
    for bug in _BUGS:
        for seed in options.seeds:
            kept &= asyncio.run(_tried(bug, seed))
    return _KEPT if kept else _NOT_KEPT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance.generated", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="1 2 3")
    return parser


async def _tried(bug: _Bug, seed: int) -> bool:
    """Look for a bug, and say what came of it; whether that is as it is promised."""
    command = (sys.executable, "-m", f"conformance.mutants.{bug.side}", bug.mutant)
    place = _FOLDER / f"{bug.mutant}-{seed}"
    found = place / f"failure-{bug.side}-{seed}.json"
    found.unlink(missing_ok=True)
    run = await run_suites(
        (
            *("--side", bug.side, f"--{bug.side}-cmd", shlex.join(command)),
            *("-n", "0", "-k", "test_drawn", "--seed", str(seed)),
        ),
        place,
        _GIVE_UP_S,
    )
    try:
        failure = read_failure(found)
    except FailureError:
        print(f"{run.seconds:8.1f} {'none':>6}  {seed:4}  {bug.name}: not found", flush=True)
        return False
    steps = len(failure.schedule.steps)
    print(
        f"{run.seconds:8.1f} {steps:6}  {seed:4}  {bug.name}: {failure.anomaly}, "
        f"{' '.join(failure.blames)}: {failure.schedule}",
        flush=True,
    )
    return steps <= _MOST_STEPS and run.seconds < _WITHIN_S


if __name__ == "__main__":
    sys.exit(until_interrupted(main))
