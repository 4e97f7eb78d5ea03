"""What a section of the benchmark is given, and what it gives back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct
from rich.table import Table

from benchmarks.figures import Goal

__all__ = ["Context", "Outcome", "Section"]


class Context(Struct, frozen=True):
    """How often everything is measured, where programs write, and who hears how far it is."""

    rounds: int
    log: Path
    progress: Callable[[str], None]

    def step(self, number: int, what: str) -> None:
        """Tell what is measured now, in the round of this number, from 0."""
        self.progress(f"round {number + 1} of {self.rounds}: {what}")


class Outcome(Struct, frozen=True):
    """A section's table, its goals, and the keys that it adds to `bench.json`."""

    table: Table
    goals: list[Goal]
    record: dict[str, Any]


Section = Callable[[Context], Outcome]
"""Measures; raises `CouldNotRun`."""
