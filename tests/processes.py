"""Programs of ours as a user starts them: in a process of their own, ended by its id."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

__all__ = ["Ended", "end", "listening_port", "program", "run_program"]

_ROOT = Path(__file__).parents[1]
_DEADLINE_S = 40.0  # a cold start of the interpreter on a loaded two-core machine takes 3


class Ended(Struct, frozen=True):
    """What a program left behind."""

    code: int
    out: str
    err: str


@asynccontextmanager
async def program(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    stdin: int | None = None,
    folder: Path = _ROOT,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `python -m <arguments>` within the block; what still runs at its end is killed.

    What lies in `folder`, where it runs, is not imported.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m"),
        *arguments,
        cwd=folder,
        env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(_ROOT), **(env or {})},
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def listening_port(process: asyncio.subprocess.Process) -> int:
    """Wait for `listening <port>`; returns the port."""
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), _DEADLINE_S)
    word, _, port = line.decode().strip().partition(" ")
    assert word == "listening", line
    return int(port)


async def end(process: asyncio.subprocess.Process) -> Ended:
    """Wait for the end of a program."""
    out, err = await asyncio.wait_for(process.communicate(), _DEADLINE_S)
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def run_program(
    *arguments: str, env: Mapping[str, str] | None = None, folder: Path = _ROOT
) -> Ended:
    """Run `python -m <arguments>` to its end."""
    async with program(*arguments, env=env, folder=folder) as process:
        return await end(process)
