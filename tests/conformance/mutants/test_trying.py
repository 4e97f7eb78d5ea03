"""Trials: which are made, and one of them from end to end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from conformance.mutants.trying import MUTANTS, tasks


def test_what_is_tried() -> None:
    """All of a side, the correct program first; what is broken by what has to catch it alone."""
    wanted = tasks(["server"], [], whole=False)
    assert len(wanted) == 1 + len(MUTANTS["server"])
    assert (wanted[0].mutant, wanted[0].whole) == (None, True)
    assert all(each.whole is (each.breaks == ()) for each in wanted)
    assert all(each.whole for each in tasks(["server"], [], whole=True))


def test_some_by_name() -> None:
    """Named mutants are tried on each side that has them, and nothing else is."""
    wanted = tasks(["server", "client"], ["drops-early-statuses", "trusts-tcp"], whole=False)
    assert [(each.side, each.name) for each in wanted] == [
        ("server", "drops-early-statuses"),
        ("client", "trusts-tcp"),
        ("client", "drops-early-statuses"),
    ]


def test_what_the_suite_is_told() -> None:
    """A mutant is an ordinary command, and the requirements are those that it breaks."""
    (task,) = tasks(["client"], ["shows-a-second-tabs-message-twice"], whole=False)
    command = f"{sys.executable} -m conformance.mutants.client shows-a-second-tabs-message-twice"
    assert task.arguments == [
        *("--side", "client", "--seed", "1", "--client-cmd", command, "-n", "0"),
        *("--only", "C-FBK-5", "--only", "C-MSG-4", "-k", "not test_drawn"),
    ]


def test_on_some_schedules_are_drawn_too() -> None:
    """What takes a minute is tried on a few of each side, and on what is correct."""
    for side in MUTANTS:
        wanted = tasks([side], [], whole=False)
        drawn = [each for each in wanted if "not test_drawn" not in each.arguments]
        assert any(each.breaks for each in drawn)
        assert all(each.whole for each in drawn if not each.breaks)


def test_from_end_to_end(tmp_path: Path) -> None:
    """A mutant is caught from outside, exit code 0; an unknown name is 2."""
    command = [sys.executable, "-m", "conformance.mutants"]
    run = subprocess.run(
        [*command, "knows-no-probe"], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "knows-no-probe: caught by server/test_webhook.py::test_get" in run.stdout
    told = msgspec.json.decode((tmp_path / "out/mutants/matrix.json").read_bytes())
    assert told["checks"] == {"server/test_webhook.py::test_get": ["knows-no-probe"]}
    run = subprocess.run([*command, "nobody"], capture_output=True, text=True, timeout=100)
    assert (run.returncode, run.stderr) == (2, "There is no mutant nobody.\n")
