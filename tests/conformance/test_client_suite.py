"""The client suite itself: what it makes of the reference client, and of adapters that break."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from chatengine.history import Record
from conformance.history.files import read
from tests.conformance.targets.adapters import program

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0


async def ran(folder: Path, command: tuple[str, ...], *only: str) -> tuple[int, dict[str, Any]]:
    """Run what shows these requirements, nothing that is drawn; the exit code, and the results."""
    results = folder / "results.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "conformance", "-n", "0", "-k", "not test_drawn"),
        *("--client-cmd", shlex.join(command), "--results", str(results)),
        *(f"--only={each}" for each in only),
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(DEADLINE_S):
        code = await process.wait()
    return code, json.loads(results.read_bytes())


async def test_the_reference_client_is_kept(tmp_path: Path) -> None:
    """What our own client keeps is kept, also where a check tries both ways of being told."""
    command = (sys.executable, "-m", "chatengine.client.adapter")
    code, results = await ran(tmp_path, command, "C-SUB-1", "C-MSG-1")
    assert code == 0, results
    outcomes = [one["outcome"] for one in results["requirements"]["C-MSG-1"]["checks"]]
    assert len(outcomes) > 1
    assert set(outcomes) == {"pass"}


async def test_the_history_of_a_failure_is_kept(tmp_path: Path) -> None:
    """All that was done and shown, for the checkers; nothing of what passed, or of before."""
    (tmp_path / "histories").mkdir()
    (tmp_path / "histories" / "earlier.jsonl").touch()
    command = (sys.executable, "-m", "conformance.mutants.client", "drops-what-has-no-text")
    code, _ = await ran(tmp_path, command, "C-MSG-6")
    assert code == 1
    kept = sorted(path.name for path in (tmp_path / "histories").iterdir())
    ways = ("supabase", "websocket")
    assert kept == [f"test_media_without_a_text-{way}.jsonl" for way in ways]
    history = read(tmp_path / "histories" / kept[0])
    assert {"began", "actor", "opened", "entered", "shown"} <= {tag(record) for record in history}


def tag(record: Record) -> str:
    """What kind of record it is, as it is written."""
    return str(record.__struct_config__.tag)


async def test_a_client_that_does_nothing_is_told_apart(tmp_path: Path) -> None:
    """It only says that it is connected: what needs a connection could not run, and says so."""
    code, results = await ran(tmp_path, program(), "C-SUB-1", "C-FBK-1")
    found = results["requirements"]
    assert code == 3
    assert found["C-SUB-1"]["outcome"] == "could not run"
    assert found["C-FBK-1"]["outcome"] == "not applicable"
    (check,) = found["C-SUB-1"]["checks"]
    assert check["message"].startswith("The check needs a connected client, and did not get it")


async def test_an_adapter_that_cannot_even_greet_ends_the_run(tmp_path: Path) -> None:
    """Nothing is tried any more, and all of it says why, in one sentence."""
    code, results = await ran(
        tmp_path, program("log('no license\\n')\nsys.exit(7)"), "C-SUB-1", "C-STA-1"
    )
    assert code == 3
    sentence = "The adapter ended with exit code 7"
    for one in results["requirements"].values():
        assert one["outcome"] == "could not run"
        assert all(sentence in check["message"] for check in one["checks"])


async def test_an_adapter_that_breaks_again_and_again_ends_the_run(tmp_path: Path) -> None:
    """After three checks in a row that it broke off, what remains is not tried."""
    body = "answer(read())\nread()\nsay('oops\\n')"
    code, results = await ran(tmp_path, program(body), "C-SUB-1", "C-SUB-2", "C-SUB-3", "C-SUB-4")
    assert code == 3
    checks = [check for one in results["requirements"].values() for check in one["checks"]]
    oops = "The adapter answered `start` with a line that is no JSON: 'oops'."
    assert [check["message"] for check in checks[:2]] == [oops, oops]
    assert "broke off 3 checks in a row" in checks[-1]["message"]
    assert {check["outcome"] for check in checks} == {"could not run"}
