"""The measured programs as child processes: started, told, read from outside, and ended."""

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

__all__ = ["CouldNotRun", "Program", "cpus", "module", "pin_driver"]

T = TypeVar("T", bound=Struct)

_END_S: Final = 5.0
_ANSWER_S: Final = 60.0  # Locust's SocketIOUser, saturated, takes seconds to look at its stdin
_ROOT: Final = Path(__file__).parents[1]
_CPUS: Final = sorted(os.sched_getaffinity(0))  # before the driver pins itself to one of them


class CouldNotRun(Exception):
    """Something that the benchmark needs is missing or failed; `str` is one sentence."""


class Program:
    """A measured program, as a context manager: within the block it runs, on one processor.

    What it writes to stderr goes to `log`.
    """

    def __init__(self, command: Sequence[str], *, cpu: int, log: Path) -> None:
        self._command = command
        self._cpu = cpu
        self._log = log

    def __enter__(self) -> "Program":
        with self._log.open("ab") as log, _pinned(self._cpu):
            self._process = subprocess.Popen(
                self._command,
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                start_new_session=True,  # Ctrl-C is for the driver, which ends its programs
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()  # it has nothing to save, and thousands of sockets to close
        self._process.communicate(timeout=_END_S)

    def tell(self, command: Struct) -> None:
        """Give a command; raises `CouldNotRun` when the program is gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(msgspec.json.encode(command) + b"\n")
        except BrokenPipeError:
            raise self._gone() from None

    def hear(self, kind: type[T], timeout_s: float = _ANSWER_S) -> T:
        """Wait for the next answer; raises `CouldNotRun` when none comes."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], timeout_s)
        if not ready:
            raise CouldNotRun(f"{self._name} did not answer within {timeout_s:g} s")
        line = self._process.stdout.readline()
        if not line:
            raise self._gone()
        return msgspec.json.decode(line, type=kind)

    def ask(self, command: Struct, kind: type[T], timeout_s: float = _ANSWER_S) -> T:
        """Give a command and wait for its answer."""
        self.tell(command)
        return self.hear(kind, timeout_s)

    def cpu_us(self) -> float:
        """Processor time of all its threads so far, user and system, in microseconds.

        From its CPU-time clock, whose id is made of the process id as clock_getcpuclockid(3) does;
        /proc/<pid>/stat tells the same in ticks of 10 ms.
        """
        return time.clock_gettime_ns(~self._process.pid << 3 | 2) / 1000

    def memory_kib(self) -> int:
        """Memory that is its own: what ending it would free (USS)."""
        rollup = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text()
        return sum(int(size) for size in re.findall(r"^Private_\w+: +(\d+) kB", rollup, re.M))

    @property
    def _name(self) -> str:
        return " ".join(self._command[1:])

    def _gone(self) -> CouldNotRun:
        return CouldNotRun(f"{self._name} ended early; {self._log} says why")


def cpus() -> tuple[int, int, int]:
    """The processors for the server, the receiver and the driver, as different as there are."""
    # With two, the driver shares the server's: of 10,000 deliveries a second it does 20 writes.
    return _CPUS[0], _CPUS[1 % len(_CPUS)], _CPUS[2 % len(_CPUS)]


def pin_driver() -> None:
    """Keep this process off the processors of those that it measures."""
    os.sched_setaffinity(0, {cpus()[2]})


def module(name: str) -> list[str]:
    """The command that runs a Python module."""
    return [sys.executable, "-m", name]


@contextmanager
def _pinned(cpu: int) -> Iterator[None]:
    """Within the block this process, and what it starts for good, runs on one processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
