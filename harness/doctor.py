"""`chatengine-harness doctor`: what this machine lacks, and how to mend it."""

import os
import platform
import resource
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

import click
from msgspec import Struct
from rich.console import Console
from rich.table import Table

__all__ = ["Finding", "doctor", "examine"]

_NODE: Final = 20
_FILES: Final = 10_000  # two processes of a demo with 2,000 sockets each, with ample room
_PORTS: Final = 10_000
_FREE_MIB: Final = 200
_PORT_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")

_STYLE: Final = {"ok": "green", "warn": "yellow", "missing": "bold red"}


class Finding(Struct, frozen=True):
    """One thing looked at. `missing`: `demo` will not run; `warn`: something else will not."""

    what: str
    state: Literal["ok", "warn", "missing"]
    found: str
    mend: str = ""


@click.command()
def doctor() -> None:
    """What this machine lacks for large runs and for the tests, and how to mend it.

    Ends with 0 when nothing that `demo` needs is missing, else with 1.
    """
    findings = list(examine())
    table = Table(box=None, pad_edge=False)
    for heading in ("", "found", "what to do"):
        table.add_column(heading, overflow="fold")
    table.add_column("", overflow="fold")
    for finding in findings:
        mark = f"[{_STYLE[finding.state]}]{finding.state}[/]"
        table.add_row(finding.what, finding.found, finding.mend, mark)
    Console().print(table)
    sys.exit(any(finding.state == "missing" for finding in findings))


def examine() -> Iterator[Finding]:
    """Look at everything, in the order in which it matters."""
    for look in _LOOKS:
        yield look()


def _python() -> Finding:
    return Finding("Python", "ok", platform.python_version())


def _cores() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if (cores or 1) < 2:
        advice = "Server and generator share one core: runs will be invalid; ask for fewer agents."
        return Finding("Cores", "warn", str(cores), advice)
    return Finding("Cores", "ok", str(cores))


def _open_files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = f"{soft}, at most {'unlimited' if hard == resource.RLIM_INFINITY else hard}"
    if hard != resource.RLIM_INFINITY and hard < _FILES:
        advice = f"Each socket is a file: `ulimit -Hn {_FILES}` as root, or limits.conf, for 2,000."
        return Finding("Open files", "warn", found, advice)
    # The soft limit needs no mending: the harness raises it to the hard one by itself.
    return Finding("Open files", "ok", found)


def _local_ports() -> Finding:
    try:
        low, high = map(int, _PORT_RANGE.read_text().split())
    except (OSError, ValueError):
        return Finding("Local ports", "ok", "unknown on this system")
    found = f"{low} to {high}"
    if high - low < _PORTS:
        advice = "Each socket needs one: sysctl -w net.ipv4.ip_local_port_range='10000 60999'"
        return Finding("Local ports", "warn", found, advice)
    return Finding("Local ports", "ok", found)


def _loopback() -> Finding:
    try:
        with socket.create_server(("127.0.0.1", 0)):
            return Finding("Loopback", "ok", "can listen on 127.0.0.1")
    except OSError as error:
        return Finding("Loopback", "missing", str(error.strerror), "Allow listening on 127.0.0.1.")


def _default_ports() -> Finding:
    taken = [port for port in (4001, 4003, 8089) if _is_taken(port)]
    if taken:
        found = f"taken: {', '.join(map(str, taken))}"
        advice = "4001 and 4003 are those of `fakes`, 8089 that of Locust: choose others by option."
        return Finding("Usual ports", "warn", found, advice)
    return Finding("Usual ports", "ok", "4001, 4003 and 8089 are free")


def _is_taken(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return False
    except OSError:
        return True


def _node() -> Finding:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        advice = (
            f"Only the tests and benchmarks against Node need it: install Node {_NODE} and npm."
        )
        return Finding("Node", "warn", "not found", advice)
    printed = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = printed.stdout.strip()
    if not version.startswith("v") or int(version[1:].split(".")[0]) < _NODE:
        return Finding("Node", "warn", version or "unknown", f"Install Node {_NODE} or newer.")
    return Finding("Node", "ok", version)


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free // 2**20
    found = f"{free:,} MiB free here"
    if free < _FREE_MIB:
        return Finding("Disk", "warn", found, "Reports and the environment need about 200 MiB.")
    return Finding("Disk", "ok", found)


_LOOKS: Final[tuple[Callable[[], Finding], ...]] = (
    _python,
    _cores,
    _open_files,
    _local_ports,
    _loopback,
    _default_ports,
    _node,
    _disk,
)
