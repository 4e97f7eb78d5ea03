"""The section `core`: the reducers, in one process and without I/O."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from rich.table import Table

from benchmarks.core.reducers import LONG, ReducerFigures
from benchmarks.figures import Goal, median_of
from benchmarks.processes import Program, cpus, module
from benchmarks.section import Context, Outcome
from benchmarks.table import Column, contenders_table

__all__ = ["goals", "run"]

_EVENTS_PER_S: Final = 200_000
_OPEN_MS: Final = 20.0

_PROGRAM: Final = module("benchmarks.core.reducers")


def run(context: Context) -> Outcome:
    """Measure; raises `CouldNotRun`."""
    _, cpu, _ = cpus()
    rounds: list[ReducerFigures] = []
    for number in range(context.rounds):
        context.step(number, "the client's core")
        with Program(_PROGRAM, cpu=cpu, log=context.log) as program:
            rounds.append(program.hear(ReducerFigures))
    figures = median_of(rounds)
    return Outcome(
        table=_table(figures),
        goals=goals(rounds),
        record={"core": {"figures": figures, "rounds": rounds}},
    )


def goals(rounds: Sequence[ReducerFigures]) -> list[Goal]:
    """What was promised of the reducers."""
    at_least = Goal.of(
        "events/s: messages, statuses and duplicates reduced in one process",
        _EVENTS_PER_S,
        rounds,
        lambda each: each.mixed_per_s,
        bound="at least",
    )
    changed = f"ms to open {LONG:,} cached messages, all changed since"
    at_most = Goal.of(changed, _OPEN_MS, rounds, lambda each: each.open_changed_ms)
    return [at_least, at_most]


def _table(figures: ReducerFigures) -> Table:
    rows = {label: (name, getattr(figures, name)) for name, label in _LABELS.items()}
    return contenders_table("core", _CAPTION, _COLUMNS, rows)


def _of(unit: str) -> Callable[[str, Any], float | None]:
    """What a row shows in the column of this unit."""

    def read(_: str, row: tuple[str, float]) -> float | None:
        name, value = row
        return value if name.endswith(unit) else None

    return read


_COLUMNS: Final[tuple[Column, ...]] = (
    ("events\n/s", _of("_per_s"), ",.0f"),
    ("ms", _of("_ms"), ".2f"),
    ("bytes", _of("_per_message"), ",.0f"),
)

_LABELS: Final = {
    "mixed_per_s": "messages, statuses, duplicates",
    "messages_per_s": "new messages alone",
    "statuses_per_s": "statuses alone",
    "duplicates_per_s": "messages known already",
    "rows_per_s": "rows of known messages",
    "open_cached_ms": f"open {LONG:,} cached messages",
    "open_changed_ms": "the same, all changed since",
    "open_fetched_ms": "the same, fetched just now",
    "bytes_per_message": "memory of a message",
}

_CAPTION: Final = (
    "By processor time, in one process; of the mix every message is delivered, read, and comes "
    "twice."
)
