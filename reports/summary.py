"""The run in a terminal: verdict first, then what it rests on. Plain text where there is none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports import words
from reports.measures import MEASURES, STATISTICS
from reports.thresholds import limit_text

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from typing import TextIO

    from reports.record import Percentiles, RunRecord

__all__ = ["print_summary"]

WIDTH: Final = 100
"""Columns where there is no terminal to ask."""

_COLUMNS: Final = {field: name for field, name in STATISTICS.items() if field != "mean"}
"""The percentiles that fit into 80 columns beside a name and the loss."""

_ERRORS: Final = 5
"""Kinds of error that are shown; the rest is in the report."""

_STYLES: Final = {"pass": "bold green", "fail": "bold red", "invalid": "bold yellow"}
_VERDICTS: Final = {"pass": "PASSED", "fail": "FAILED", "invalid": "INVALID"}


def print_summary(
    record: RunRecord,
    files: Mapping[str, str | os.PathLike[str]] | None = None,
    stream: TextIO | None = None,
) -> None:
    """Print the summary to `stream` (standard output); `files` says where what was written."""
    stream = stream or sys.stdout
    width = None if stream.isatty() else WIDTH
    console = Console(file=stream, width=width, highlight=False, emoji=False)
    console.print()
    console.print(_verdict(record), soft_wrap=True)
    for reason in record.reasons:
        console.print(_plain(f"  {reason}"), soft_wrap=True)
    console.print()
    console.print(_accounts(record))
    console.print()
    console.print(_percentiles(record))
    if record.thresholds:
        console.print()
        console.print(_thresholds(record))
    if record.errors:
        console.print()
        for error in record.errors[:_ERRORS]:
            console.print(_plain(f"{error.count:>8,} x {error.message}"), soft_wrap=True)
    console.print()
    for name, path in (files or {}).items():
        console.print(_plain(f"{name:<8}{path}"), soft_wrap=True)


def _plain(text: str) -> Text:
    """Text that cannot act on the terminal, whatever the record says."""
    return Text(words.printable(text))


def _verdict(record: RunRecord) -> Text:
    """The verdict and what it is on."""
    subscribers = words.plural(record.subscribers.requested, "subscriber")
    on = f"  {record.target}, {subscribers}, {words.duration(record.duration_s)}"
    lost = record.deliveries.lost
    verdict = _VERDICTS[record.verdict]
    if record.verdict == "pass" and lost:
        verdict += f", but {words.plural(lost, 'delivery', 'deliveries')} lost"
    return Text.assemble((verdict, _STYLES[record.verdict]), _plain(on))


def _accounts(record: RunRecord) -> Table:
    """What had to happen and what did."""
    told, sockets, posts = record.deliveries, record.subscribers, record.publishing
    lost = f"{told.lost:,} ({words.share(told.lost, told.expected)})" if told.lost else "0"
    table = _table()
    table.add_row("Connected", f"{sockets.connected:,} of {sockets.requested:,}")
    table.add_row("Published", f"{posts.accepted:,} of {posts.scheduled:,} accepted")
    if told.expected:
        table.add_row("Delivered", f"{told.received:,} of {told.expected:,} expected")
        table.add_row("Lost", Text(lost, style="bold red" if told.lost else ""))
        table.add_row("Repeated", f"{told.duplicates:,}")
        table.add_row("Out of order", f"{told.out_of_order:,}")
        for name, number in _oddities(record):
            table.add_row(name, f"{number:,}")
    else:
        table.add_row("Delivered", words.NOT_MEASURED)
    return table


def _oddities(record: RunRecord) -> list[tuple[str, int]]:
    """What most runs have nothing of, and where there is some it is to be seen."""
    told = record.deliveries
    rows = [
        ("Reconnects", record.reconnects),
        ("Missed while away", told.missed_while_disconnected),
        ("Unexpected", told.unexpected),
        ("Of other workspaces", told.other_workspace),
    ]
    return [(name, number) for name, number in rows if number]


def _percentiles(record: RunRecord) -> Table:
    """The distributions that matter, a row each."""
    lost = record.deliveries.lost
    table = _table("", *_COLUMNS.values(), "lost")
    rows: tuple[tuple[str, Percentiles, str], ...] = (
        ("Delivery latency", record.latency_ms, f"{lost:,}"),
        ("  publisher lag", record.publisher_lag_ms, ""),
        ("  server and network", record.server_ms, f"{lost:,}"),
        ("Connect", record.connect_ms, ""),
        ("Subscribe", record.subscribe_ms, ""),
        ("Reconnect", record.reconnect_ms, ""),
        ("Loop lag", record.generator.loop_lag_ms, ""),
    )
    for name, row, without in rows:
        if row.count:
            values = [words.milliseconds(getattr(row, field)) for field in _COLUMNS]
        else:
            values = [words.NOT_MEASURED] + [""] * (len(_COLUMNS) - 1)
        table.add_row(name, *values, without)
    return table


def _thresholds(record: RunRecord) -> Table:
    """Each threshold with its limit, what was measured, and whether it holds."""
    table = Table("", "limit", "measured", "", box=None, pad_edge=False, header_style="dim")
    for row in record.thresholds:
        label = MEASURES[row.name].label if row.name in MEASURES else row.name
        holds = Text("ok", style="green") if row.ok else Text("NOT OK", style="bold red")
        actual = words.exactly(row.actual, row.unit)
        table.add_row(_plain(label), limit_text(row), actual, holds)
    return table


def _table(first: str = "", *numbers: str) -> Table:
    """A table without lines: names at the left, numbers aligned at the right."""
    table = Table(box=None, pad_edge=False, show_header=bool(numbers), header_style="dim")
    table.add_column(first, no_wrap=True)
    for name in numbers or ("",):
        table.add_column(name, justify="right" if numbers else "left", no_wrap=True)
    return table
