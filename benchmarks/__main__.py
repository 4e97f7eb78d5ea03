"""`python -m benchmarks`: run everything, print the table, write the file.

Exit codes: 0 all goals hold, 1 one does not, 2 usage, 3 could not run, 130 interrupted.
"""

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console

from benchmarks.contenders import RECEIVERS, SERVERS, install_peers
from benchmarks.figures import Figures, Goal, Round, figures, goals
from benchmarks.measuring import idle, traffic
from benchmarks.processes import CouldNotRun, cpus
from benchmarks.scenario import Scenario
from benchmarks.table import print_result
from fakes.serving import raise_open_file_limit
from reports.files import ReportError, write_file

_FAILED: Final = 1
_COULD_NOT_RUN: Final = 3
_INTERRUPTED: Final = 130
_SPARE_FILES: Final = 200

progress = Console(stderr=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    options = _parser().parse_args(arguments)
    given = {name: value for name, value in vars(options).items() if name != "out"}
    scenario = Scenario(**given)
    out = Path(options.out)
    try:
        rounds = list(_rounds(scenario, out))
        contenders, reached = figures(rounds), goals(rounds)
        document = _document(scenario, contenders, reached, rounds)
        write_file(out / "bench.json", msgspec.json.format(msgspec.json.encode(document)))
    except (CouldNotRun, ReportError) as error:
        progress.print(str(error), style="red", markup=False, highlight=False)
        return _COULD_NOT_RUN
    except KeyboardInterrupt:
        progress.print("interrupted")
        return _INTERRUPTED
    print_result(scenario, contenders, reached, Console())
    return 0 if all(goal.ok for goal in reached) else _FAILED


def _rounds(scenario: Scenario, out: Path) -> Iterator[Round]:
    """Measure every contender once in each round, so that a machine's moods meet all of them."""
    _check(scenario)
    install_peers()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CouldNotRun(f"{out} cannot be made: {error.strerror}") from None
    log = out / "programs.log"
    os.sched_setaffinity(0, {cpus()[2]})
    for number in range(1, scenario.rounds + 1):
        measured = Round()
        with progress.status("") as status:
            label = f"round {number} of {scenario.rounds}: "
            for name in RECEIVERS:
                status.update(label + f"{name} receives")
                measured.receiving[name] = traffic("ours", name, scenario, log)
            measured.sending["ours"] = measured.receiving["ours"]
            for name in [name for name in SERVERS if name != "ours"]:
                status.update(label + f"{name} sends")
                measured.sending[name] = traffic(name, "ours", scenario, log)
            for name in RECEIVERS:
                status.update(label + f"{name} connects and waits")
                measured.idle[name] = idle(name, scenario, log)
        progress.print(f"round {number} of {scenario.rounds} is done")
        yield measured


def _check(scenario: Scenario) -> None:
    """Say what this machine lacks; raises `CouldNotRun`."""
    if sys.platform != "linux":
        raise CouldNotRun("the benchmark reads processor time and memory as Linux tells them")
    needed = max(scenario.idle, scenario.subscribers) + _SPARE_FILES
    if raise_open_file_limit() < needed:
        raise CouldNotRun(f"{needed} open files are needed; raise the limit with ulimit -n")


def _document(
    scenario: Scenario,
    contenders: dict[str, Figures],
    reached: list[Goal],
    rounds: list[Round],
) -> dict[str, Any]:
    node = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True)
    packages = ("locust", "python-socketio", "picows", "uvloop", "aiohttp")
    return {
        **contenders,
        "goals": [{**msgspec.to_builtins(goal), "ok": goal.ok} for goal in reached],
        "ok": all(goal.ok for goal in reached),
        "scenario": scenario,
        "environment": {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "cpus": os.cpu_count(),
            "platform": platform.platform(),
            "python": platform.python_version(),
            "node": node.stdout.strip(),
            **{name: version(name) for name in packages},
        },
        "rounds": rounds,
    }


def _parser() -> argparse.ArgumentParser:
    usual = Scenario()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--out", default="out/bench", help="folder of bench.json and the log")
    for name, most in _MOST.items():
        default = getattr(usual, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=_between(type(default), most),
            default=default,
            metavar="N",
            help=f"default {default:g}",
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
