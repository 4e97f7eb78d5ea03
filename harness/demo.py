"""`chatengine-harness demo`: the whole slice on one machine, with embedded fakes.

The fakes are one process and Locust another (with workers, several), as they would be in earnest:
what is measured crosses real sockets between processes that do not share an interpreter.
"""

import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from chatengine.history import MOST_RECORDS
from harness.exits import CouldNotRun
from harness.load import locust
from reports.thresholds import PROMISED_OF_FAKES

__all__ = ["demo"]

_AGENTS_TO_A_WORKSPACE: Final = 100
_CONVERSATIONS_TO_A_WORKSPACE: Final = 2
_START_S: Final = 30.0
_END_S: Final = 10.0


class _Plan(NamedTuple):
    """The command's options."""

    subscribers: int
    seconds: float
    rate: float
    spawn_rate: float
    workers: int
    out: Path
    run_name: str
    history: int


_AGENTS = click.IntRange(1, 50_000)
_SECONDS = click.FloatRange(1, 3600)
_RATE = click.FloatRange(0.1, 2000)
_SPAWN_RATE = click.FloatRange(1, 2000)
_WORKERS = click.IntRange(0, 64)
_FOLDER = click.Path(path_type=Path)
_RECORDS = click.IntRange(0, MOST_RECORDS)


@click.command(context_settings={"show_default": True})
@click.option("--subscribers", default=2000, type=_AGENTS, help="Agents; 100 to a workspace.")
@click.option("--seconds", default=30, type=_SECONDS, help="How long messages are published.")
@click.option("--rate", default=50, type=_RATE, help="Messages a second, each to 50 agents.")
@click.option("--spawn-rate", default=200, type=_SPAWN_RATE, help="Agents that come a second.")
@click.option("--workers", default=0, type=_WORKERS, help="Worker processes; 0: one does it all.")
@click.option("--out", default="out", type=_FOLDER, help="Folder for the reports.")
@click.option("--run-name", default="", show_default="its moment", help="Name of the run's folder.")
@click.option("--history", default=0, type=_RECORDS, help="Records to keep of its history.")
def demo(**options: Any) -> None:
    """Thousands of subscribers on the embedded fakes, and a latency report.

    Starts the fakes on free loopback ports, runs Locust without its web page, posts messages to the
    real webhook, measures every delivery, and ends with OUT/<run>/report.html and run.json. Passes
    only if 100 % of what had to arrive did, in order and once, 99 % of it within 100 ms.
    """
    sys.exit(_run(_Plan(**options)))


def _run(plan: _Plan) -> int:
    """Run the demo; the exit code of its verdict. Raises `CouldNotRun`."""
    workspaces = -(-plan.subscribers // _AGENTS_TO_A_WORKSPACE)
    instances = ",".join(f"load-{n}=workspace-{n}" for n in range(1, workspaces + 1))
    environment = dict(os.environ)
    environment.setdefault("CHATENGINE_JWT_SECRET", secrets.token_urlsafe(32))
    with tempfile.TemporaryDirectory(prefix="chatengine-demo-") as folder:
        private = Path(folder)
        with _fakes(instances, private, environment) as url:
            return _locust(plan, url, instances, private, environment)


@contextmanager
def _fakes(instances: str, folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Run the fakes in a process of their own; yields ChatEngine's URL."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "harness", "fakes", "--instances", instances),
            *("--chatengine-port", "0", "--evolution-port", "0", "--folder", str(folder)),
            "--no-supabase",  # what is measured is ChatEngine
        ],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for Locust, which still drains; the fakes end after it
    )
    try:
        yield _url(process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _url(process: "subprocess.Popen[str]") -> str:
    """ChatEngine's URL, from the first line that the fakes print when they are ready."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _START_S)
    line = process.stdout.readline().split() if ready else []
    if len(line) < 2:
        raise CouldNotRun("the fakes did not start; `chatengine-harness fakes` says why")
    return line[1]


def _locust(
    plan: _Plan, url: str, instances: str, private: Path, environment: Mapping[str, str]
) -> int:
    workspaces = instances.count(",") + 1
    arguments = [
        *("--headless", "--host", url),
        *("--users", str(plan.subscribers), "--spawn-rate", str(plan.spawn_rate)),
        *("--instances", instances, "--message-rate", str(plan.rate)),
        *("--conversations", str(_CONVERSATIONS_TO_A_WORKSPACE * workspaces)),
        *("--publish-seconds", str(plan.seconds), "--thresholds", PROMISED_OF_FAKES),
        *("--out", str(plan.out), "--run-name", plan.run_name),
        *("--history", str(plan.history)),
        # Our summary says it all: Locust's own tables go to a file that nobody reads.
        *("--only-summary", "--json-file", str(private / "locust"), "--loglevel", "ERROR"),
    ]
    if plan.workers:
        port = str(_free_port())  # not Locust's usual one: another run may be on
        arguments += ["--processes", str(plan.workers), "--master-bind-host", "127.0.0.1"]
        arguments += ["--master-bind-port", port, "--master-port", port]
    process = subprocess.Popen(locust("subscribers", arguments), env=environment)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The terminal sent it to Locust as well, which ends the run in order and reports.
            continue


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
