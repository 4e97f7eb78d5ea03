"""The workflow that an implementer copies: it is one, and what it runs does what it says."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from conformance.known_failing import read_known_failing

ROOT: Final = Path(__file__).parents[2]
EXAMPLE: Final = ROOT / "examples" / "github-actions"
WORKFLOW: Final[dict[str, Any]] = YAML(typ="safe", pure=True).load(
    (EXAMPLE / "conformance.yml").read_text()
)
STEPS: Final[list[dict[str, Any]]] = WORKFLOW["jobs"]["conformance"]["steps"]
HERE: Final = ".harness"

PATIENCE_S: Final = 60.0
"""It takes two seconds; this is what a busy two-core machine may add."""


def command(program: str) -> list[str]:
    """The one command of the workflow that runs this program."""
    (found,) = [line for line in map(shlex.split, commands()) if line[0] == program]
    return found


def commands() -> list[str]:
    return [step["run"] for step in STEPS if "run" in step]


def test_it_is_a_workflow() -> None:
    """It says when it runs and where; every step either uses an action or runs a command."""
    assert {"name", "on", "permissions", "jobs"} == set(WORKFLOW)
    assert WORKFLOW["jobs"]["conformance"]["runs-on"] == "ubuntu-latest"
    for step in STEPS:
        assert ("uses" in step) != ("run" in step), step
        assert step.get("uses", "actions/x@v1").startswith("actions/")


def test_it_installs_what_is_there() -> None:
    """The harness is installed from where it was checked out, with the versions it names."""
    (place,) = [step["with"]["path"] for step in STEPS if step.get("with", {}).get("repository")]
    assert place == HERE
    install = command("pip")
    assert install[-1] == f"./{HERE}"
    for word in install:
        if word.startswith(f"{HERE}/"):
            assert (ROOT / word.removeprefix(f"{HERE}/")).is_file(), word


def test_its_baseline_is_empty() -> None:
    """Whoever copies it has nothing yet that is known to fail."""
    assert read_known_failing(EXAMPLE / "known.yaml") == {}


async def test_its_line_runs_and_leaves_what_is_kept(tmp_path: Path) -> None:
    """With the settings beside it the line is all there is to it, on a server of ours: results and
    JUnit are in the folder that is kept, and the summary is on the job's page.
    """
    settings = (EXAMPLE / "conformance.toml").read_text()
    ours = shlex.join([sys.executable, "-m", "fakes.chatengine"])
    assert 'command = "node server.js"' in settings
    (tmp_path / "conformance.toml").write_text(settings.replace("node server.js", ours))
    (tmp_path / "known.yaml").write_bytes((EXAMPLE / "known.yaml").read_bytes())
    summary = tmp_path / "summary.md"
    code, out = await run(tmp_path, summary, "--only", "S-WHK-2", "--workers", "0")
    assert code == 0, out
    kept = tmp_path / next(s["with"]["path"] for s in STEPS if "upload" in s.get("uses", ""))
    assert {"results.json", "report.html", "junit.xml"} <= {each.name for each in kept.iterdir()}
    assert summary.read_text().startswith("## Conformance to the ChatEngine contract")
    assert "Of 1 requirement: 1 kept." in summary.read_text()


async def run(folder: Path, summary: Path, *more: str) -> tuple[int | None, str]:
    """Run the workflow's line in a folder, as the job would; its exit code and its output."""
    _, *arguments = command("chatengine-harness")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "harness", *arguments, *more),
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "GITHUB_STEP_SUMMARY": str(summary),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, out.decode()
