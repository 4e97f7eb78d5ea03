"""The server on Node, as whoever copies it begins: installed from its lock, started, ended.

Whether it keeps the contract is the conformance suite's to say (`make examples`).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
from aiohttp import ClientSession

from conformance.targets.server import ServerCommand
from conformance.targets.servers import INSTANCES
from fakes.chatengine.settings import ChatEngineSettings
from fakes.environment import Secret

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "node-server"

START_S: Final = 30.0
"""Node starts in a tenth of a second; this is what a busy two-core machine may add."""


@pytest.fixture(scope="session")
def command() -> tuple[str, ...]:
    """How it is started, once its packages are there; in CI Node has to be."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        reason = "node and npm are not on the PATH"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with (EXAMPLE / ".install-lock").open("w") as lock:  # pytest-xdist's workers come at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        installed = EXAMPLE / "node_modules" / ".package-lock.json"
        wanted = EXAMPLE / "package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
            npm = ["npm", "ci", "--no-audit", "--no-fund"]
            subprocess.run(npm, cwd=EXAMPLE, check=True, capture_output=True, timeout=300)
            installed.touch()
    return ("node", str(EXAMPLE / "server.js"))


async def test_starts_answers_and_ends(command: tuple[str, ...]) -> None:
    """It listens, is healthy, and ends with 0 on SIGTERM, with a socket open."""
    settings = ChatEngineSettings(secret=Secret("shared"), instances=INSTANCES)
    server = ServerCommand(command, settings)
    await server.start()
    try:
        async with ClientSession() as http:
            assert await server.problem(http) is None
            handshake = f"{server.url}/api/ws/?EIO=4&transport=websocket"
            async with http.ws_connect(handshake) as socket:
                assert (await socket.receive_str()).startswith("0{")
                await server.stop()
    finally:
        await server.kill()
    assert server.ending == "it ended with exit code 0"


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({}, "CHATENGINE_JWT_SECRET is not set"),
        ({"CHATENGINE_JWT_SECRET": "s"}, "INSTANCES is not set"),
        ({"CHATENGINE_JWT_SECRET": "s", "INSTANCES": "{}", "PORT": "x"}, "PORT is not a whole"),
    ],
)
async def test_a_setting_that_is_wrong(
    command: tuple[str, ...], variables: dict[str, str], says: str
) -> None:
    """What cannot be used is said in one sentence, and the exit code is 2."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": os.environ["PATH"]} | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(START_S):
        _, err = await process.communicate()
    assert process.returncode == 2
    assert err.decode().startswith(says)
    assert len(err.decode().splitlines()) == 1
