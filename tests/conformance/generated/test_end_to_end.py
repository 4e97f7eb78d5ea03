"""Drawn schedules as an implementer meets them: found, saved, told, and run again."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from conformance.generated.failures import read_failure, save
from conformance.generated.schedules import Open, Schedule, Status, Write
from tests.conformance.generated.samples import failure
from tests.processes import Ended, program

DEADLINE_S = 110.0
"""A search that fails at once, confirmed and made small, on a machine that is busy with others."""

CHECK = "client/test_drawn.py::test_drawn_schedules"


def mutant(side: str, name: str) -> str:
    return shlex.join((sys.executable, "-m", f"conformance.mutants.{side}", name))


async def run(folder: Path, *arguments: str) -> tuple[Ended, dict[str, Any]]:
    """Run a program of the project to its end; returns that, and the results."""
    results = folder / "results.json"
    async with program(*arguments, "--results", str(results)) as process:
        out, err = await asyncio.wait_for(process.communicate(), DEADLINE_S)
        assert process.returncode is not None
        ended = Ended(process.returncode, out.decode(), err.decode())
    return ended, json.loads(results.read_bytes())


@pytest.mark.timeout(360)
async def test_a_server_that_tells_everybody_is_caught(tmp_path: Path) -> None:
    """The failure is blamed on one requirement; its file is named everywhere, and fails again."""
    command = mutant("server", "tells-the-whole-workspace")
    drawn = ("pytest", "conformance", "-n", "0", "-k", "test_drawn", "--seed", "3")
    ended, found = await run(tmp_path, *drawn, "--side", "server", "--server-cmd", command)
    assert ended.code == 1, ended
    path = tmp_path / "failure-server-3.json"
    told = found["requirements"]["S-SUB-2"]
    assert told["outcome"] == "fail"
    assert [check["replay"] for check in told["checks"]] == [str(path)]
    assert f"--replay {path}" in ended.out
    assert str(path) in (tmp_path / "report.html").read_text()
    assert len(read_failure(path).schedule.steps) <= 6
    again, found = await run(
        tmp_path,
        *("harness", "conform", "server", "--server-cmd", command, "--workers", "0"),
        *("--replay", str(path)),
    )
    assert (again.code, set(found["requirements"])) == (1, {"S-SUB-2"}), again
    mended, found = await run(
        tmp_path, *("harness", "conform", "server", "--workers", "0", "--replay", str(path))
    )
    assert (mended.code, found["requirements"]["S-SUB-2"]["outcome"]) == (0, "pass"), mended
    assert "Not reproduced: the counterexample passes." in mended.out


@pytest.mark.timeout(360)
async def test_a_clients_counterexample_is_run_again(tmp_path: Path) -> None:
    """On the client that has the bug it fails, on ours it passes: the exit code says which."""
    steps = (Open(), Write(0), Status(0, "read"), Status(0, "sent"))
    path = tmp_path / "failure.json"
    found = replace(failure(CHECK, "C-STA-1"), anomaly="status went back", schedule=Schedule(steps))
    save(path, found)
    for options, code, outcome in (
        (("--client-cmd", mutant("client", "lets-the-last-status-win")), 1, "fail"),
        ((), 0, "pass"),
    ):
        ended, results = await run(
            tmp_path,
            *("harness", "conform", "client", *options, "--workers", "0", "--replay", str(path)),
        )
        told = results["requirements"]["C-STA-1"]
        assert (ended.code, told["outcome"]) == (code, outcome), ended
