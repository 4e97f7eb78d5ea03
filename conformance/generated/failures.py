"""A failure as a file: what was drawn, what remained of it, and the history that shows it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from chatengine.history import Record
from conformance.generated.schedules import Schedule
from conformance.history import Anomaly

__all__ = ["Failure", "FailureError", "read_failure", "save"]


class Failure(Struct, frozen=True, kw_only=True):
    """A schedule that a target fails.

    `check` is the name of the check that found it, and that `--replay` runs again; `blames` are the
    requirements that it breaks. `schedule` is the smallest, `drawn` the one it was at first, under
    `seed`; `history` and the verdict are those of `schedule`.
    """

    check: str
    target: str
    seed: int
    blames: tuple[str, ...]
    anomaly: Anomaly
    says: str
    schedule: Schedule
    drawn: Schedule
    part: tuple[Record, ...]
    history: tuple[Record, ...]


class FailureError(ValueError):
    """A failure's file that cannot be read or written; its text is one sentence, without a stop."""


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
        raise FailureError(f"{path} is nothing to replay: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FailureError(f"{path} is nothing to replay: it is no JSON") from None
