"""`chatengine-harness report`: a run shown again, from its record."""

import sys
from pathlib import Path

import click

from harness.exits import CouldNotRun
from reports import page, record, summary, thresholds
from reports.files import ReportError

__all__ = ["report"]

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("run", type=_PATH)
@click.option("--page", "target", type=_PATH, help="Write the page here, too.")
def report(run: Path, target: Path | None) -> None:
    """Show a run again: RUN is a run.json or the folder of one.

    Prints its summary, makes its page anew with --page, and ends with the exit code of its verdict.
    """
    try:
        shown = record.read(run / "run.json" if run.is_dir() else run)
        if target is not None:
            page.write_page(shown, target)
    except ReportError as error:
        raise CouldNotRun(str(error)) from None
    summary.print_summary(shown, {} if target is None else {"report": target})
    sys.exit(thresholds.EXIT_CODES[shown.verdict])
