"""A run of the suites in a process of its own, as whoever types `pytest conformance` has it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from conformance.results import Results
from conformance.verdict import ExitCode

__all__ = ["Run", "run_suites", "until_interrupted"]

_SUITES: Final = Path(__file__).parent

_GRACE_S: Final = 10.0
"""From the signal on which pytest writes down what it has found, to its end by force."""


class Run(Struct, frozen=True):
    """What a run said, None where it said nothing, and how long it took."""

    results: Results | None
    seconds: float


async def run_suites(arguments: Sequence[str], place: Path, within_s: float) -> Run:
    """Run pytest on the suites, and wait for its end; what it started ends with it.

    `place` gets `results.json`, and `log.txt` with all that was printed. Raises OSError.
    """
    results, began = _emptied(place), time.monotonic()
    with (place / "log.txt").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pytest", str(_SUITES), *arguments, "--results", str(results)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            await _until_end(process, within_s)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Run(_read(results), round(time.monotonic() - began, 1))


def until_interrupted(command: Callable[[], int]) -> int:
    """Return the exit code of a command that runs the suites, 130 where it was interrupted.

    SIGTERM ends it as Ctrl-C does: the runs that are under way end with it.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return command()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)


def _emptied(place: Path) -> Path:
    """Make the folder, without the results of an earlier run; returns where they will be."""
    place.mkdir(parents=True, exist_ok=True)
    results = place / "results.json"
    results.unlink(missing_ok=True)
    return results


async def _until_end(process: asyncio.subprocess.Process, within_s: float) -> None:
    """Wait for the end; when the time is over, ask for it: what was found before is kept."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await process.wait()
            return
    process.send_signal(signal.SIGTERM)
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_S):
            await process.wait()


def _read(path: Path) -> Results | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Results)
    except (OSError, msgspec.DecodeError):
        return None
