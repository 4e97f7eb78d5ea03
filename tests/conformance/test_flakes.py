"""What a row of runs says of the checks: decided or not."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil

from conformance.flakes import flakes
from conformance.outcomes import Outcome
from conformance.results import CheckResult, RequirementResult, Results, Summary


def run(**outcomes: Outcome) -> Results:
    """A run in which these checks came to these outcomes."""
    checks = [
        CheckResult(name, outcome, f"{name} told", None) for name, outcome in outcomes.items()
    ]
    summary = Summary(
        verdict="conforms",
        exit_code=0,
        sentence="",
        requirements={},
        known_failing={},
        stale=[],
        seed=1,
        profile="ci",
        started_at="2025-01-01T00:00:00Z",
        duration_s=1.0,
    )
    return Results({}, {"S-SUB-1": RequirementResult("MUST", Outcome.PASS, checks)}, summary)


def test_the_same_each_time_is_no_flake() -> None:
    """A check that fails in every run is decided, and so is one that passes in every run."""
    assert flakes([run(a=Outcome.PASS, b=Outcome.FAIL)] * 3) == []


def test_now_this_now_that_is_a_flake() -> None:
    """A check with two outcomes is named with how often it had each, and why it did not pass."""
    (flake,) = flakes([run(a=Outcome.PASS), run(a=Outcome.FAIL), run(a=Outcome.PASS)])
    assert str(flake) == "a: 2 x pass, 1 x fail. a told"


def test_now_run_now_not_is_a_flake() -> None:
    """A check that a run never came to did not come out the same."""
    (flake,) = flakes([run(a=Outcome.PASS, b=Outcome.PASS), run(a=Outcome.PASS)])
    assert flake.check == "b"
    assert flake.outcomes == ("pass", "not run")


def test_from_end_to_end(tmp_path: Path) -> None:
    """Runs the suites as often as it is told; a run without a result is an exit code of its own."""
    command = [sys.executable, "-m", "conformance.flakes", "--runs", "2", "-n", "0", "--only"]
    twice = subprocess.run(
        [*command, "S-WHK-2"], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert twice.returncode == 0, twice.stdout + twice.stderr
    assert twice.stdout.splitlines()[-1] == (
        "2 of 2 runs came to a result; no checks undecided; see out/flakes."
    )
    assert (tmp_path / "out/flakes/2/results.json").exists()
    never = subprocess.run(
        [*command, "S-NONE-1"], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert never.returncode == 3, never.stdout + never.stderr


def test_a_signal_ends_the_run_that_is_under_way(tmp_path: Path) -> None:
    """SIGTERM, which a job that is cancelled gets: exit code 130, and nothing goes on."""
    command = [sys.executable, "-m", "conformance.flakes", "--runs", "2", "-n", "0", "--only"]
    with subprocess.Popen([*command, "S-PRO-2"], cwd=tmp_path) as leading:
        running: list[psutil.Process] = []
        until = time.monotonic() + 40
        while not running and time.monotonic() < until:
            time.sleep(0.05)
            running = psutil.Process(leading.pid).children()
        leading.terminate()
        assert leading.wait(timeout=40) == 130
    assert running
    assert not any(each.is_running() for each in running)
