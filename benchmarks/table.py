"""The result for a person: one table of the contenders, and the goals beneath."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figures, Goal
from benchmarks.scenario import Scenario

__all__ = ["print_result"]

_COLUMNS: Final = (
    ("receive\nus", "receive_us", ".1f"),
    ("send\nus", "send_us", ".1f"),
    ("idle\nKiB", "idle_kib", ".1f"),
    ("connects\n/s", "connects_per_s", ",.0f"),
    ("offered\n/s", "offered_per_s", ",.0f"),
    ("delivered\n/s", "delivered_per_s", ",.0f"),
)


def print_result(
    scenario: Scenario, contenders: Mapping[str, Figures], reached: Sequence[Goal], console: Console
) -> None:
    """Print the table and whether each goal holds."""
    table = Table(caption=_caption(scenario), caption_justify="left", box=SIMPLE)
    table.add_column("", no_wrap=True)
    for heading, _, _ in _COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, found in contenders.items():
        table.add_row(name, *(_cell(getattr(found, key), form) for _, key, form in _COLUMNS))
    console.print(table)
    for goal in reached:
        mark = "[green]holds[/]" if goal.ok else "[red]fails[/]"
        console.print(f"{mark}  {goal.name}: {goal.actual:.3g}, at most {goal.limit:.3g}")


def _caption(scenario: Scenario) -> str:
    return (
        f"Medians of {scenario.rounds} rounds. us: processor time of the process for each event "
        f"delivered, {scenario.subscribers} subscribers of {scenario.messages_per_s:g} messages/s "
        f"of {scenario.wire_bytes} bytes. idle KiB: memory of each of {scenario.idle} subscribers."
    )


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
