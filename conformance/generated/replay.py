"""A failure as a file: what was drawn, what remained of it, and the history that shows it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from conformance.generated.running import run
from conformance.generated.schedules import Schedule
from conformance.generated.target import Target
from conformance.history import Anomaly, Record, Verdict, check

__all__ = ["Failure", "FailureError", "read_failure", "replay", "save"]


class Failure(Struct, frozen=True, kw_only=True):
    """A schedule that a target fails.

    `check` is the name of the check that found it, and that `--replay` runs again. `schedule` is
    the smallest, `drawn` the one it was at first, under `seed`; `history` and the verdict are those
    of `schedule`.
    """

    check: str
    target: str
    seed: int
    anomaly: Anomaly
    says: str
    schedule: Schedule
    drawn: Schedule
    part: tuple[Record, ...]
    history: tuple[Record, ...]


class FailureError(ValueError):
    """A failure's file that cannot be read or written; its text is one sentence."""


def save(path: Path, failure: Failure) -> None:
    """Write a failure, and the folder it lies in; raises `FailureError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(failure), indent=2) + b"\n")
    except OSError as error:
        raise FailureError(f"{path} cannot be written: {error.strerror}") from None


def read_failure(path: Path) -> Failure:
    """Read a failure; raises `FailureError`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Failure)
    except OSError as error:
        raise FailureError(f"{path} cannot be read: {error.strerror}") from None
    except msgspec.ValidationError as error:
        raise FailureError(f"{path} is no counterexample: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FailureError(f"{path} is no JSON") from None


async def replay(target: Target, failure: Failure) -> Verdict:
    """Run a failure's schedule again; raises `CouldNotRun`."""
    return check(await run(target, failure.schedule, seed=failure.seed))
