"""The result for a person: one table of the contenders, and the goals beneath."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figures, Goal
from benchmarks.scenario import Scenario

__all__ = ["print_result"]

_COLUMNS: Final = (
    ("receive us", "receive_us", ".1f"),
    ("send us", "send_us", ".1f"),
    ("idle KiB", "idle_kib", ".1f"),
    ("connects /s", "connects_per_s", ",.0f"),
    ("offered /s", "offered_per_s", ",.0f"),
    ("delivered /s", "delivered_per_s", ",.0f"),
)


def print_result(
    scenario: Scenario, contenders: Mapping[str, Figures], reached: Sequence[Goal], console: Console
) -> None:
    """Print the table and whether each goal holds."""
    table = Table(title=_title(scenario))
    table.add_column("", no_wrap=True)
    for heading, _, _ in _COLUMNS:
        table.add_column(heading, justify="right", min_width=7)
    for name, found in contenders.items():
        table.add_row(name, *(_cell(getattr(found, key), form) for _, key, form in _COLUMNS))
    console.print(table)
    for goal in reached:
        mark = "[green]holds[/]" if goal.ok else "[red]fails[/]"
        console.print(f"{mark}  {goal.name}: {goal.actual:.3g}, at most {goal.limit:.3g}")


def _title(scenario: Scenario) -> str:
    return (
        f"us: processor time for each delivered event; {scenario.subscribers} subscribers, "
        f"{scenario.messages_per_s:g} messages/s of {scenario.wire_bytes} bytes; "
        f"medians of {scenario.rounds} rounds"
    )


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
