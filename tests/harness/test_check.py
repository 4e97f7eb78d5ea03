"""`chatengine-harness check`: the verdict on a history, for people, programs and shells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chatengine.history import (
    VERSION,
    Actor,
    Began,
    Entered,
    LeftOut,
    Received,
    Settled,
    Subscribed,
)
from conformance.history import ANOMALIES, write
from harness.check import Progress
from tests.processes import Ended, run_program

if TYPE_CHECKING:
    from chatengine.history import Record

PAGE = (Path(__file__).parents[2] / "docs" / "histories.md").read_text()
ALL: list[Record] = [
    Began(at_us=0, who="harness", version=VERSION),
    Actor(at_us=1, who="agent", workspace="w-1", kind="socket"),
    Subscribed(at_us=2, who="agent", conversation="A"),
    Entered(at_us=3, who="publisher", message="m1", conversation="A", workspace="w-1"),
    Received(at_us=4, who="agent", message="evo-m1", conversation="A"),
    Settled(at_us=9, who="*", upto_us=8),
]
LOST = [record for record in ALL if not isinstance(record, Received)]
LEAKED = [record for record in ALL if not isinstance(record, Subscribed)]
CUT_SHORT = [*ALL, LeftOut(at_us=9, who="*", why="the rest")]


async def checked(*arguments: object) -> Ended:
    """Run the command to its end."""
    return await run_program("harness", "check", *map(str, arguments))


@pytest.mark.parametrize(
    ("records", "code", "word"),
    [(ALL, 0, "VALID"), (LOST, 1, "INVALID: lost"), (CUT_SHORT, 4, "UNKNOWN")],
    ids=["valid", "invalid", "unknown"],
)
async def test_the_exit_code_tells_the_verdict(
    tmp_path: Path, records: list[Record], code: int, word: str
) -> None:
    """0, 1 or 4; each checker has its line, and the last line is the verdict."""
    path = tmp_path / "history.jsonl"
    write(path, records)
    ended = await checked(path)
    assert (ended.code, ended.err) == (code, "")
    assert ended.out.splitlines()[-1] == word
    for anomaly in ANOMALIES:
        assert f"  {anomaly} " in ended.out


async def test_the_smallest_part_is_shown(tmp_path: Path) -> None:
    """An anomaly has its name, a sentence, and the records that show it, and no other."""
    write(tmp_path / "history.jsonl", LOST)
    ended = await checked(tmp_path)  # the folder of a run does as well
    shown = [json.loads(line) for line in ended.out.splitlines() if line.startswith("      {")]
    assert [record["what"] for record in shown] == ["subscribed", "entered", "settled"]
    assert "invalid  agent was subscribed and did not receive m1" in ended.out


async def test_the_verdicts_are_there_for_programs(tmp_path: Path) -> None:
    """`--json` has every history and every checker; the gravest verdict is that of all."""
    for name, records in (("good", ALL), ("bad", LOST), ("short", CUT_SHORT)):
        write(tmp_path / name, records)
    target = tmp_path / "out" / "verdicts.json"
    files = [tmp_path / name for name in ("good", "bad", "short")]
    ended = await checked("--json", target, *files)
    told = json.loads(target.read_bytes())
    assert (ended.code, told["verdict"]) == (1, "invalid")
    assert [each["verdict"] for each in told["histories"]] == ["valid", "invalid", "unknown"]
    lost = told["histories"][1]["checkers"]["lost"]
    assert (lost["verdict"], lost["times"], len(lost["part"])) == ("invalid", 1, 3)
    assert told["histories"][2]["checkers"]["lost"]["says"] == "left out is the rest"


async def test_a_server_that_sends_to_the_workspace_leaks_nothing(tmp_path: Path) -> None:
    """`--message-scope` is what the server claims, where the history does not know it."""
    path = tmp_path / "history.jsonl"
    write(path, LEAKED)
    assert (await checked(path)).out.splitlines()[-1] == "INVALID: leaked subscription"
    ended = await checked("--message-scope", "workspace", path)
    assert "  leaked subscription  valid" in ended.out


async def test_what_is_no_history_is_named(tmp_path: Path) -> None:
    """Exit code 2 and one sentence, with the number of the line; nothing acts on the terminal."""
    path = tmp_path / "history.jsonl"
    path.write_text(
        '{"what":"opened","at_us":1,"who":"c","conversation":"A"}\n{"what":"\x1b[2J"}\n'
    )
    ended = await checked(path)
    assert (ended.code, ended.out) == (2, "")
    (sentence,) = ended.err.splitlines()
    assert sentence.startswith(f"chatengine-harness: line 2 of {path} is no record: ")
    missing = await checked(tmp_path / "nothing.jsonl")
    assert missing.code == 2
    assert "nothing.jsonl cannot be read: No such file" in missing.err


async def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    """Exit code 3 and one sentence; the verdict was printed."""
    path = tmp_path / "history.jsonl"
    write(path, ALL)
    ended = await checked("--json", path / "below", path)
    assert ended.code == 3
    assert "Cannot write" in ended.err
    assert "VALID" in ended.out


async def test_the_history_that_the_page_begins_with_is_one(tmp_path: Path) -> None:
    """The example of docs/histories.md is valid as it stands, and unknown without its fence."""
    lines = PAGE.partition("```json\n")[2].partition("```")[0].splitlines(keepends=True)
    path = tmp_path / "history.jsonl"
    path.write_text("".join(lines))
    assert (await checked(path)).code == 0
    path.write_text("".join(line for line in lines if "settled" not in line))
    assert (await checked(path)).code == 4


def test_who_has_to_wait_is_told_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """After the silence it says something on stderr, and before it nothing."""
    lines = [b"{}\n"] * 20_000
    assert list(Progress(silence_s=3600).passing(lines, "h")) == lines
    assert capsys.readouterr().err == ""
    assert list(Progress(silence_s=0).passing(lines, "h")) == lines
    told = capsys.readouterr()
    assert told.err == "h: 10,000 lines read\nh: 20,000 lines read\n"
    assert told.out == ""
