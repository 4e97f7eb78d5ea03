"""`python -m benchmarks`: run the sections, print their tables and the verdict, write the file.

Exit codes: 0 all goals hold, 1 one does not, 2 usage, 3 something could not run, 130 interrupted.
"""

import argparse
import logging
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from benchmarks.client import section as client
from benchmarks.compression import section as compression
from benchmarks.core import section as core
from benchmarks.engine import section as engine
from benchmarks.engine.scenario import Scenario
from benchmarks.processes import CouldNotRun, pin_driver
from benchmarks.proxy import section as proxy
from benchmarks.results import COULD_NOT_RUN, Results
from benchmarks.section import Context, Section
from benchmarks.supabase import section as supabase
from benchmarks.switching import section as switching
from benchmarks.table import print_verdict
from reports.files import ReportError, write_file

_INTERRUPTED: Final = 130

_SECTIONS: Final[dict[str, Section]] = {
    "engine": partial(engine.run, Scenario()),
    "client": client.run,
    "supabase": supabase.run,
    "switching": switching.run,
    "compression": compression.run,
    "core": core.run,
    "proxy": proxy.run,
}

_messages = Console(stderr=True)
_results = Console()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    options = _parser().parse_args(arguments)
    scenario = Scenario(**{name: getattr(options, name) for name in _MOST})
    sections = _SECTIONS | {"engine": partial(engine.run, scenario)}
    wanted = {name: sections[name] for name in _SECTIONS if name in (options.only or _SECTIONS)}
    out = Path(options.out)
    try:
        results = _measure(wanted, scenario.rounds, _log_in(out))
        document = results.document(_environment())
        write_file(out / "bench.json", msgspec.json.format(msgspec.json.encode(document)))
    except (CouldNotRun, ReportError) as error:
        _complain(str(error))
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        _messages.print("interrupted")
        return _INTERRUPTED
    for outcome in results.outcomes.values():
        _results.print(outcome.table)
    print_verdict(results.goals, _results)
    for name, why in results.could_not_run.items():
        _complain(f"{name} could not run: {why}")
    return results.exit_code


def _log_in(folder: Path) -> Path:
    """Where the programs write; raises `CouldNotRun`."""
    if sys.platform != "linux":
        raise CouldNotRun("the benchmark reads processor time and memory as Linux tells them")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CouldNotRun(f"{folder} cannot be made: {error.strerror}") from None
    log = folder / "programs.log"
    logging.basicConfig(filename=log)  # what the clients in this process have to say belongs there
    return log


def _measure(sections: Mapping[str, Section], rounds: int, log: Path) -> Results:
    """Run one section after the other; raises nothing but KeyboardInterrupt."""
    pin_driver()
    results = Results()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=_messages, transient=True) as progress:
        task = progress.add_task("", total=None)
        for number, (name, section) in enumerate(sections.items(), 1):
            label = f"{number} of {len(sections)}, {name}"

            def step(what: str, label: str = label) -> None:
                progress.update(task, description=f"{label}: {what}")

            try:
                results.outcomes[name] = section(Context(rounds, log, step))
            except CouldNotRun as error:
                results.could_not_run[name] = str(error)
            progress.print(f"{label}: done")
    return results


def _complain(sentence: str) -> None:
    _messages.print(sentence, style="red", markup=False, highlight=False)


def _environment() -> dict[str, Any]:
    packages = ("locust", "python-socketio", "picows", "uvloop", "aiohttp", "realtime")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "node": _node_version(),
        **{name: _version(name) for name in packages},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _node_version() -> str | None:
    if shutil.which("node") is None:
        return None
    asked = subprocess.run(["node", "--version"], check=False, capture_output=True, text=True)
    return asked.stdout.strip()


def _parser() -> argparse.ArgumentParser:
    usual = Scenario()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--out", default="out/bench", help="folder of bench.json and the log")
    parser.add_argument(
        "--only",
        action="append",
        choices=list(_SECTIONS),
        metavar="SECTION",
        help=f"one section, or more when repeated: {', '.join(_SECTIONS)}",
    )
    for name, most in _MOST.items():
        default = getattr(usual, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=_between(type(default), most),
            default=default,
            metavar="N",
            help=f"of {'every section' if name == 'rounds' else 'engine'}, default {default:g}",
        )
    return parser


_MOST: Final = {
    "subscribers": 5000,
    "messages_per_s": 1000.0,
    "wire_bytes": 65_536,
    "warm_up_s": 60.0,
    "window_s": 120.0,
    "idle": 10_000,
    "at_once": 500,
    "settle_s": 60.0,
    "rounds": 20,
}


def _between(kind: type[float], most: float) -> Any:
    """The argument type: a number above 0 and up to `most`."""

    def number(text: str) -> float:
        value = kind(text)
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not above 0 and up to {most:g}")
        return value

    return number


if __name__ == "__main__":
    sys.exit(main())
