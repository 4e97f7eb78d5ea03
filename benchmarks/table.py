"""The result for a person: a table for each section, and the goals beneath."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Goal

__all__ = ["Column", "contenders_table", "print_verdict"]

T = TypeVar("T")

Column = tuple[str, Callable[[str, Any], float | None], str]
"""A heading, what to show of a contender (its name, its figures), and the form of the number."""


def contenders_table(
    title: str, caption: str, columns: Sequence[Column], rows: Mapping[str, Any]
) -> Table:
    """A row for each contender; empty where it has no part in something."""
    table = Table(
        title=title,
        title_justify="left",
        caption=caption,
        caption_justify="left",
        box=SIMPLE,
    )
    table.add_column("", no_wrap=True)
    for heading, _, _ in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, found in rows.items():
        table.add_row(name, *(_cell(read(name, found), form) for _, read, form in columns))
    return table


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def print_verdict(goals: Sequence[Goal], console: Console) -> None:
    """Print whether each goal holds."""
    for goal in goals:
        mark = "[green]holds[/]" if goal.ok else "[red]fails[/]"
        sentence = f"{goal.name}: {_short(goal.actual)}, {goal.bound} {_short(goal.limit)}"
        console.print(f"{mark}  {sentence}", soft_wrap=True, highlight=False)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
