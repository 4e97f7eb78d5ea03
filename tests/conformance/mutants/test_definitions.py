"""The mutants: what they say they break, and that each is what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.mutants import client, server
from conformance.mutants.mutant import Mutant
from conformance.requirements import REQUIREMENTS, Side

SIDES: dict[Side, dict[str, Mutant]] = {"client": client.MUTANTS, "server": server.MUTANTS}
README = Path(__file__).parents[3] / "README.md"
EACH = [(side, mutant) for side, mutants in SIDES.items() for mutant in mutants.values()]


@pytest.mark.parametrize("side", SIDES)
def test_there_are_thirty_of_each_side(side: Side) -> None:
    """At least thirty mutants of each side are broken, and some differ lawfully."""
    broken = [each for each in SIDES[side].values() if each.breaks]
    assert len(broken) >= 30
    assert len(SIDES[side]) > len(broken)


def test_the_readme_tells_how_many() -> None:
    """The README has as many mutants and lawful variants as there are."""
    broken = {side: sum(bool(each.breaks) for each in SIDES[side].values()) for side in SIDES}
    lawful = len(EACH) - sum(broken.values())
    told = " ".join(README.read_text().split())
    assert f"{broken['server']} broken servers and {broken['client']} broken clients" in told
    assert f"while {lawful} that differ lawfully" in told


@pytest.mark.parametrize("side", SIDES)
def test_every_requirement_is_broken_by_one(side: Side) -> None:
    """For each requirement that can be tried there is a mutant that breaks it."""
    broken = {identifier for each in SIDES[side].values() for identifier in each.breaks}
    wanted = {one.id for one in REQUIREMENTS.values() if one.side == side and one.why_not is None}
    assert broken == wanted


@pytest.mark.parametrize(("side", "mutant"), EACH, ids=[f"{s}-{m.name}" for s, m in EACH])
def test_each_says_what_it_does(side: Side, mutant: Mutant) -> None:
    """Each has a sentence of its own, and names requirements of its side."""
    assert mutant.does.endswith(".")
    assert len(mutant.does.split()) > 2
    assert "\n" not in mutant.does
    assert {REQUIREMENTS[each].side for each in mutant.breaks} <= {side}
    assert len(set(mutant.breaks)) == len(mutant.breaks)


@pytest.mark.parametrize("side", SIDES)
def test_no_two_do_the_same(side: Side) -> None:
    """No two mutants of a side say that they do the same."""
    said = [each.does for each in SIDES[side].values()]
    assert len(set(said)) == len(said)


@pytest.mark.parametrize("side", SIDES)
def test_each_starts_and_answers(side: Side) -> None:
    """Each mutant finds its seams, starts, and answers: `hello`, or `listening <port>`."""
    script = Path(__file__).with_name("starting.py")
    run = subprocess.run(
        [sys.executable, str(script), side],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    said = {told["name"]: told["said"] for told in map(json.loads, run.stdout.splitlines())}
    assert said.keys() == SIDES[side].keys(), run.stderr[-2000:]
    ready = '"ok":true' if side == "client" else "listening "
    silent = [name for name, line in said.items() if ready not in line]
    assert not silent, run.stderr[-2000:]
