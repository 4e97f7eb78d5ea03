"""The log of what happened, in memory and as a file, and its replay."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.environment import SettingsError
from fakes.network import (
    AfterBytes,
    Applied,
    Corrupt,
    Cut,
    Fired,
    HalfOpen,
    Heal,
    Latency,
    Refuse,
    Reset,
    Rule,
    Schedule,
    read_schedule,
    replay,
)
from fakes.network.record import Record
from tests.fakes.network.test_tcp import exchange
from tests.fakes.network.world import World, how_they_end, quiet, world


async def a_life(here: World) -> list[str]:
    """Three connections, as they fare; the last meets what the second left."""
    seen = []
    client, target = await here.connect()
    await exchange(client, target)
    target.send(b"more")
    seen += await how_they_end(client, target)
    seen.append(str(await here.is_refused()))
    client, target = await here.connect()
    client.send(b"abc")
    seen.append(repr(await target.read(3)))
    return seen


RULES = (
    Rule(Cut(), AfterBytes(4, "to_client"), last=1),
    Rule(Refuse(), first=2, last=2),
    Rule(Corrupt(mask=0x20), AfterBytes(1, "to_target"), first=3),
    Rule(Latency(1), first=3),
)


async def test_a_log_file_is_a_schedule_to_replay(tmp_path: Path) -> None:
    """What came of a schedule comes again of its log, whose log is the same."""
    lives, logs = [], []
    schedule = Schedule(RULES)
    for name in ("first", "second"):
        file = tmp_path / f"{name}.jsonl"
        async with world(*schedule.rules, log_file=file) as here:
            lives.append(await a_life(here))
            assert here.proxy.replay() == read_schedule(file.read_bytes())
        schedule = read_schedule(file.read_bytes())
        logs.append(schedule)
    assert lives[0] == ["FIN", "FIN", "True", "b'aBc'"]
    assert lives[0] == lives[1]
    assert logs[0] == logs[1]
    assert schedule.rules == (
        Rule(Cut(), AfterBytes(4, "to_client"), 1, 1),
        Rule(Refuse(), first=2, last=2),
        Rule(Latency(1), AfterBytes(0, "to_client"), 3, 3),
        Rule(Corrupt(mask=0x20), AfterBytes(1, "to_target"), 3, 3),
    )


async def test_commands_are_pinned_to_what_had_passed() -> None:
    """So many bytes had gone through, and so long ago."""
    async with world() as here:
        client, target = await here.connect()
        await exchange(client, target)
        here.proxy.half_open()
        assert await quiet(target)
        here.proxy.heal()
        assert await client.end() == "RST"
        half_open, heal = here.proxy.replay().rules
        assert (half_open.fault, heal.fault) == (HalfOpen(), Heal())
        assert half_open.on == heal.on == AfterBytes(4, "to_client")
        assert (half_open.first, half_open.last) == (1, 1)
        assert heal.wait_ms - half_open.wait_ms >= 90
        rules = here.proxy.replay().rules
    async with world(*rules) as here:
        client, target = await here.connect()
        await exchange(client, target)
        assert await how_they_end(client, target) == ["RST", "RST"]


async def test_entries_tell_what_was_applied_and_what_fired() -> None:
    """In order, with their moment, and whether a schedule or a command did it."""
    async with world() as here:
        schedule = Schedule((Rule(Reset(), AfterBytes(4, "to_target"), last=1),))
        here.proxy.apply(schedule)
        client, target = await here.connect()
        client.send(b"ping")
        assert await client.end() == "RST"
        client, target = await here.connect()
        await exchange(client, target)
        here.proxy.cut_all()
        applied, by_rule, by_command = here.proxy.log
    assert isinstance(applied, Applied)
    assert applied.schedule == schedule
    assert isinstance(by_rule, Fired)
    assert isinstance(by_command, Fired)
    assert (by_rule.by, by_command.by) == ("schedule", "command")
    assert applied.at_ms <= by_rule.at_ms <= by_command.at_ms
    assert replay(here.proxy.log).rules == (by_rule.rule, by_command.rule)


def test_memory_keeps_the_last_entries() -> None:
    """A soak does not fill it; the counts go on."""
    with Record() as record:
        for number in range(1, 10_051):
            record.fired(Rule(Cut(), first=number), "schedule")
        assert len(record.entries) == 10_000
        assert record.entries[0] == Fired(
            record.entries[0].at_ms, "schedule", Rule(Cut(), first=51)
        )
        assert record.fired_by_kind == {"cut": 10_050}


def test_a_log_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """In one sentence."""
    with pytest.raises(SettingsError, match=r"the log .* cannot be made: Is a directory"):
        Record(tmp_path).__enter__()


def test_a_full_disk_ends_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    """It is said once; what happens goes on being counted."""
    with Record(Path("/dev/full")) as record:
        record.fired(Rule(Cut()), "schedule")
        record.fired(Rule(Cut()), "schedule")
        assert record.fired_by_kind == {"cut": 2}
    assert [entry.message for entry in caplog.records] == ["log file ended"]
