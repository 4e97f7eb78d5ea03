"""The client in TypeScript, as whoever copies it begins: built from its lock, then spoken to.

Whether it keeps the contract is the conformance suite's to say (`make examples`).
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from conformance.client.stages import bodies, connected, fence
from conformance.journal import Journal
from conformance.targets.adapter import Adapter
from conformance.targets.client import ClientUnderTest
from conformance.world import ANNA, WorldSettings, running_world

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "typescript-client"

TALK_S: Final = 30.0
"""A talk takes half a second; this is what a busy two-core machine may add."""


@pytest.fixture(scope="session")
def command() -> Sequence[str]:
    """How its adapter is started, once it is built; in CI Node has to be there."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        reason = "node and npm are not on the PATH"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with (EXAMPLE / ".install-lock").open("w") as lock:  # pytest-xdist's workers come at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        _build()
    return ("node", str(EXAMPLE / "dist" / "adapter.js"))


def _build() -> None:
    """Install what the lock says, and compile, where either is not done yet."""
    installed = EXAMPLE / "node_modules" / ".package-lock.json"
    if not _is_newer(installed, EXAMPLE / "package-lock.json"):
        _run("npm", "ci", "--no-audit", "--no-fund")
        installed.touch()
    adapter = EXAMPLE / "dist" / "adapter.js"
    if not _is_newer(adapter, installed, EXAMPLE / "tsconfig.json", *EXAMPLE.glob("src/*.ts")):
        _run("npm", "run", "build")
        adapter.touch()


def _is_newer(made: Path, *sources: Path) -> bool:
    newest = max(each.stat().st_mtime for each in sources)
    return made.exists() and made.stat().st_mtime >= newest


def _run(*arguments: str) -> None:
    done = subprocess.run(arguments, cwd=EXAMPLE, capture_output=True, timeout=300, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
async def client(command: Sequence[str]) -> AsyncIterator[ClientUnderTest]:
    """The client behind its adapter."""
    adapter = await Adapter.start(command)
    try:
        yield await ClientUnderTest.greet(adapter, Journal())
    finally:
        await adapter.close()


async def talk(command: Sequence[str], *lines: str) -> tuple[list[Any], int | None]:
    """Write these lines; returns the answers, and the exit code."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(TALK_S):
            out, _ = await process.communicate("".join(f"{each}\n" for each in lines).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return [json.loads(line) for line in out.decode().split("\n") if line], process.returncode


async def test_says_who_it_is_and_exits(command: Sequence[str]) -> None:
    """Greets with its language and what it can, and ends with 0."""
    (hello, end), code = await talk(
        command, '{"id": 1, "verb": "hello", "protocol": 1}', '{"id": 2, "verb": "exit"}'
    )
    assert hello["result"]["language"] == "typescript"
    assert {"websocket", "supabase", "send"} <= set(hello["result"]["capabilities"])
    assert (end, code) == ({"id": 2, "ok": True, "result": {}}, 0)


async def test_refuses_in_the_words_of_the_protocol(command: Sequence[str]) -> None:
    """Names what it cannot carry out: no JSON, bad arguments, no such verb, the wrong moment."""
    answers, _ = await talk(
        command,
        "no JSON",
        '{"id": 2, "verb": "start", "config": {"workspaceId": 5}}',
        '{"id": 3, "verb": "no\u2028verb"}',
        '{"id": 4, "verb": "hello", "protocol": 2}',
        '{"id": 5, "verb": "open", "conversationId": "c-1"}',
    )
    assert [(each["id"], each["error"]["code"]) for each in answers] == [
        (None, "invalid"),
        (2, "invalid"),
        (3, "unsupported"),
        (4, "unsupported"),
        (5, "failed"),
    ]


async def test_shows_what_is_written_and_sends(client: ClientUnderTest) -> None:
    """Connects, shows a message and its own send, and starts afresh after a stop."""
    async with running_world(WorldSettings(), Journal()) as world:
        await connected(world, client, ANNA)
        await client.send(ANNA, "an answer", "c-1")
        await client.until(
            "the send is sent",
            lambda snapshot: [each.status for each in snapshot.messages[ANNA]] == ["sent"],
        )
        await fence(world, client)
        await client.stop()
        await client.start(world.config(workspace_id="w-2"))
        assert bodies(await client.look()) == []
        await client.stop()
