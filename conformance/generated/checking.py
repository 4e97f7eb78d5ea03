"""What a check does with schedules: draws them, or runs again one that was found."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from conformance.generated.blame import Blame
from conformance.generated.failures import Failure, FailureError, read_failure, save
from conformance.generated.machine import PROFILES, Profile
from conformance.generated.search import carried_out, search
from conformance.generated.target import Target
from conformance.history import Invalid, check
from conformance.outcomes import CouldNotRun, Nonconforming
from conformance.requirements import Side
from conformance.settings import Settings

__all__ = ["holds"]

_FEW: Final = Profile(schedules=20, steps=30, searching_s=4, shrinking_s=60)
"""Whoever asks for single requirements wants to know within seconds."""

_TIMES: Final = 3
"""What depends on the moment may miss it once."""


async def holds(target: Target, side: Side, blame: Blame, settings: Settings, name: str) -> None:
    """Hold a target to the checkers, under schedules that are drawn, or the one to replay.

    Raises `Nonconforming` with the file of the counterexample, and `CouldNotRun`. `name` is the
    check's.
    """
    path = settings.replay or settings.evidence / f"failure-{side}-{settings.seed}.json"
    if settings.replay is not None:
        failure = await _again(target, read_failure(path))
    else:
        failure = await search(
            target,
            blame,
            _FEW if settings.only else PROFILES[settings.profile],
            settings.seed,
            check=name,
            target_name=settings.targets[side],
        )
        if failure is not None:
            _save(failure, path)
    if failure is not None:
        raise Nonconforming(
            expected="no message lost, duplicated or out of order, no status that goes back, no "
            "stale list, no leaked subscription, whatever is done and goes wrong",
            seen=f"{failure.anomaly}: {failure.says}, after [{failure.schedule}]",
            history=[msgspec.json.encode(record).decode() for record in failure.part],
            replay=path,
            blames=failure.blames,
        )


async def _again(target: Target, failure: Failure) -> Failure | None:
    """Run a failure's schedule again; returns how it fails now, None where it does not."""
    for _ in range(_TIMES):
        history = await carried_out(target, failure.schedule, seed=failure.seed)
        verdict = check(history, (failure.anomaly,))
        if isinstance(verdict, Invalid):
            return replace(failure, says=verdict.says, part=verdict.part, history=tuple(history))
    return None


def _save(failure: Failure, path: Path) -> None:
    try:
        save(path, failure)
    except FailureError as error:
        raise CouldNotRun(f"A counterexample was found, and {error}: {failure.schedule}.") from None
