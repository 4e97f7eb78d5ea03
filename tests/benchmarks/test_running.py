"""The measured programs, started and asked as in a benchmark, but only for a moment."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.__main__ import main
from benchmarks.client.section import CONTENDERS as BY_SOCKET
from benchmarks.client.section import FAKE as CHATENGINE
from benchmarks.flow import Pace, measure_flow
from benchmarks.pairs import pair
from benchmarks.processes import CouldNotRun, Program, cpus
from benchmarks.supabase.section import CONTENDERS as BY_SUPABASE
from benchmarks.supabase.section import FAKE as SUPABASE
from benchmarks.talk import Connected, Count, Counted, Listening, Open, Weigh, Weighed, Write

if TYPE_CHECKING:
    from pathlib import Path

BRIEF = Pace(per_s=50, warm_up_s=0.2, window_s=0.6)
PROGRAMS = {f"socket-{name}": (CHATENGINE, each) for name, each in BY_SOCKET.items()} | {
    f"supabase-{name}": (SUPABASE, each)
    for name, each in BY_SUPABASE.items()
    if each.command[0] != "node"
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_client_receives_what_is_written(name: str, tmp_path: Path) -> None:
    """Each message comes as many times as its contender says, and costs both sides something."""
    fake, contender = PROGRAMS[name]
    with pair(fake, contender.command, tmp_path / "log") as (sending, receiving, listening):
        receiving.ask(Open(listening.url, listening.key), Connected)
        flow = measure_flow(sending, receiving, lambda n: Write(f"text {n}"), BRIEF)
    assert flow.sent == pytest.approx(30, abs=2)
    # Supabase polls: what was written last may not have come.
    assert flow.events == pytest.approx(flow.sent * contender.events, rel=0.5)
    assert flow.receive_us > 0
    assert flow.send_us > 0


@pytest.mark.parametrize(("compression", "most"), [(False, 4500), (True, 1500)])
def test_bytes_on_the_wire(compression: bool, most: float, tmp_path: Path) -> None:
    """A long repetitive text takes its length, and deflated a fraction of it."""
    fake = [*CHATENGINE, "deflate"] if compression else CHATENGINE
    client = BY_SOCKET["socket"].command
    with pair(fake, client, tmp_path / "log") as (sending, receiving, listening):
        wanted = Open(listening.url, listening.key, sockets=2, compression=compression)
        receiving.ask(wanted, Connected)
        before = receiving.ask(Weigh(), Weighed).bytes
        events = receiving.ask(Count(), Counted).events
        sending.tell(Write("and so on " * 400))
        while receiving.ask(Count(), Counted).events < events + 4:
            pass
        grown = (receiving.ask(Weigh(), Weighed).bytes - before) / 4
    assert most / 10 < grown < most


def test_a_program_that_ends_is_told(tmp_path: Path) -> None:
    """One that ends before it answers could not run, and its log is named."""
    program = [sys.executable, "-c", "raise SystemExit('no')"]
    with (
        Program(program, cpu=cpus()[0], log=tmp_path / "log") as ended,
        pytest.raises(CouldNotRun, match=r"ended early; .*log says why"),
    ):
        ended.hear(Listening)
    assert (tmp_path / "log").read_text() == "no\n"


def test_the_driver_stays_off_the_measured_processors() -> None:
    """Once it is pinned to its own, the others are still the ones that they were."""
    script = (
        "from benchmarks.processes import cpus, pin_driver\n"
        "before = cpus(); pin_driver(); print(before == cpus(), *cpus())"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    same, *found = told.stdout.split()
    assert same == "True"
    assert len(set(found)) == min(3, len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("arguments", [["--only", "nothing"], ["--rounds", "0"]])
def test_a_wrong_option(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It is a matter of usage, and said."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err
