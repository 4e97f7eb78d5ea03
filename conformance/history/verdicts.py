"""What a checker says of a history."""

from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from chatengine.history import Record

__all__ = [
    "ANOMALIES",
    "Anomaly",
    "Doubt",
    "Finding",
    "Found",
    "Invalid",
    "Unknown",
    "Valid",
    "Verdict",
]

Anomaly: TypeAlias = Literal[
    "lost",
    "duplicated",
    "phantom",
    "reordered",
    "status went back",
    "stale list",
    "leaked subscription",
]

ANOMALIES: tuple[Anomaly, ...] = get_args(Anomaly)


class Valid(Struct, frozen=True):
    """Nothing in the history contradicts the contract."""


class Invalid(Struct, frozen=True):
    """The history cannot be of something that keeps the contract.

    `says` is one sentence, of the first of `times` such findings. `part` shows the anomaly too, and
    without any one of its records it would not.
    """

    anomaly: Anomaly
    says: str
    part: tuple[Record, ...]
    times: int = 1


class Unknown(Struct, frozen=True):
    """The history does not tell; `reason` is one sentence."""

    reason: str


Verdict: TypeAlias = Valid | Invalid | Unknown


class Found(Struct, frozen=True):
    """A checker's finding: an anomaly in one sentence, and the records that bear it out."""

    says: str
    evidence: tuple[Record, ...]


class Doubt(Struct, frozen=True):
    """A checker's finding: why something could not be judged, in one sentence."""

    reason: str


Finding: TypeAlias = Found | Doubt
