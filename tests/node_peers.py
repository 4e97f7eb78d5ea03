"""Node's official clients as peers: installed once, run as child processes.

Where Node is missing these tests skip and say so; in CI (environment `CI=true`) they fail.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "node"
SCRIPT_DEADLINE_S = 30
"""A script takes well below a second; this is what a busy two-core machine may add."""

RunNode = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="session")
def node_peers() -> Path:
    """The directory of the Node scripts, with their packages installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        reason = "node and npm are not on the PATH"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with (HERE / ".install-lock").open("w") as lock:  # pytest-xdist's workers come at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        installed = HERE / "node_modules" / ".package-lock.json"
        wanted = HERE / "package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
            command = ["npm", "ci", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=HERE, check=True, capture_output=True, timeout=300)
            installed.touch()
    return HERE


@pytest.fixture
def node(node_peers: Path) -> RunNode:
    """Run `tests/node/<script>` with arguments; returns what it prints, read as JSON."""

    async def run(script: str, *arguments: str) -> Any:
        process = await asyncio.create_subprocess_exec(
            "node",
            str(node_peers / script),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(SCRIPT_DEADLINE_S):
                out, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, errors.decode()
        return json.loads(out)

    return run
