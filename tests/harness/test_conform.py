"""`chatengine-harness conform` as a person uses it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Ended, run_program


async def conform(*arguments: str, **how: Any) -> Ended:
    """Run `chatengine-harness conform` to its end; `how` as of `run_program`."""
    return await run_program("harness", "conform", *arguments, **how)


@pytest.mark.parametrize("side", ["server", "client"])
async def test_help_has_an_example_and_every_exit_code(side: str) -> None:
    """`--help` teaches: what to type, and what a run ends with."""
    told = await conform(side, "--help")
    assert told.code == 0
    assert f"chatengine-harness conform {side} --{side}-cmd" in told.out
    assert "Exit codes: 0 conforms, 1 does not, 2 usage, 3 could not run" in told.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("server", "--only", "S-SUB-9"), "The contract has no requirement S-SUB-9"),
        (("server", "--only", "C-SUB-1"), "C-SUB-1 is a client's, and no client is tried."),
        (("client", "--client-cmd", "node '"), "The client's command cannot be read"),
        (
            ("server", "--url", "http://x", "--cmd", "y"),
            "A server is tried at a URL or by a command, not both.",
        ),
        (("server", "--known-failing", "none.yaml"), "none.yaml cannot be read"),
    ],
)
async def test_a_mistake_is_one_sentence_and_exit_code_2(
    arguments: tuple[str, ...], sentence: str
) -> None:
    """Nothing is started for what cannot be run."""
    told = await conform(*arguments)
    assert told.code == 2
    assert sentence in told.err
    assert "Traceback" not in told.out + told.err


async def test_a_run_of_one_requirement_says_what_came_of_it(tmp_path: Path) -> None:
    """Every option reaches the run, which tries our own fake where no server is named."""
    results, junit = tmp_path / "r" / "results.json", tmp_path / "junit.xml"
    config = tmp_path / "conformance.toml"
    config.write_text('profile = "night"\n')
    told = await conform(
        *("server", "--only", "S-SUB-1", "--only", "S-SUB-4", "--seed", "5", "--workers", "0"),
        *("--results", str(results), "--junitxml", str(junit), "--config", str(config)),
    )
    assert told.code == 0, told.out
    assert "server   the fake ChatEngine" in told.out
    assert "Of 2 requirements: 2 kept." in told.out
    found = json.loads(results.read_bytes())
    assert set(found["requirements"]) == {"S-SUB-1", "S-SUB-4"}
    assert (found["summary"]["seed"], found["summary"]["profile"]) == (5, "night")
    assert "S-SUB-4" in junit.read_text()
    assert "Conforms" in (tmp_path / "r" / "report.html").read_text()


async def test_an_implementers_packages_are_not_taken_for_ours(tmp_path: Path) -> None:
    """It runs in an implementer's folder, which may have modules of the same names."""
    for name in ("chatengine", "fakes", "conformance", "html"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not ours')\n")
    told = await conform("server", "--only", "S-WHK-2", "--workers", "1", folder=tmp_path)
    assert told.code == 0, told.out + told.err
    assert (tmp_path / "out" / "conformance" / "results.json").is_file()
