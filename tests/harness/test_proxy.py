"""`chatengine-harness proxy` as a person uses it: its output, its faults, its exit codes."""

from __future__ import annotations

import asyncio
import re
import signal
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from aiohttp import ClientSession
from click.testing import CliRunner

from fakes.control import ControlClient, ControlDoor
from fakes.environment import Secret
from fakes.network import AfterBytes, Corrupt, Cut, Rule, Schedule, read_schedule, to_json
from fakes.serving import listening_socket
from harness.cli import main
from tests.processes import end, program, run_program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DEADLINE_S = 40.0


@asynccontextmanager
async def echoing() -> AsyncIterator[str]:
    """A server that says what it hears; yields its address."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def told(process: asyncio.subprocess.Process) -> dict[str, str]:
    """What it says before it waits: a word a line, and the rest of the line."""
    assert process.stdout is not None
    said = await asyncio.wait_for(process.stdout.readuntil(b"Ctrl-C ends it.\n"), DEADLINE_S)
    return dict(line.split(None, 1) for line in said.decode().splitlines())


async def said_through(address: str, words: bytes) -> bytes:
    """Say something through the proxy; return what comes back before the end."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(words)
    heard = await asyncio.wait_for(reader.read(), DEADLINE_S)
    writer.close()
    return heard


async def test_faults_come_from_options_files_and_rules_and_are_logged(tmp_path: Path) -> None:
    """It says where it is, does what it is told, tells what happened; its log can be replayed."""
    log, schedule = tmp_path / "log.jsonl", tmp_path / "schedule.json"
    schedule.write_bytes(to_json(Schedule((Rule(Cut(), AfterBytes(4, "to_client"), last=1),))))
    rule = msgspec.json.encode(Rule(Corrupt(mask=32), AfterBytes(0, "to_target"))).decode()
    options = ("--latency", "1", "--jitter", "2", "--seed", "7", "--slice", "2", "--rule", rule)
    async with echoing() as target:
        async with program(
            *("harness", "proxy", "0", target, *options),
            *("--schedule", str(schedule), "--log", str(log)),
        ) as process:
            said = await told(process)
            address, _, in_front_of = said["Proxy"].partition(" in front of ")
            assert (said["Rules"], in_front_of) == ("4", target)
            assert address.startswith("127.0.0.1:")
            assert await said_through(address, b"abcdef") == b"Abcd"
            process.send_signal(signal.SIGINT)
            ended = await end(process)
        assert ended.code == 0
        assert ended.out.startswith(
            "Ended after 1 connections; faults: corrupt 1, cut 1, latency 1"
        )
        assert "Traceback" not in ended.err
        async with program("harness", "proxy", "0", target, "--schedule", str(log)) as process:
            again = (await told(process))["Proxy"].partition(" ")[0]
            assert await said_through(again, b"abcdef") == b"Abcd"
    assert len(read_schedule(log.read_bytes()).rules) == 4


async def test_it_is_controlled_while_it_runs(tmp_path: Path) -> None:
    """Behind the token in the file that it names."""
    token_file = tmp_path / "token"
    async with (
        echoing() as target,
        program(
            *("harness", "proxy", "0", target, "--control-token-file", str(token_file))
        ) as process,
        ClientSession() as session,
    ):
        said = await told(process)
        found = re.fullmatch(r"(http://127.0.0.1:\d+)  \(token in (.*)\)", said["Control"])
        assert found is not None
        assert found[2] == str(token_file)
        door = ControlDoor(found[1], Secret(token_file.read_text()), token_file)
        control = ControlClient(session, door)
        await control.call("POST", "/schedule", msgspec.json.decode('{"rules": []}'))
        assert (await control.call("GET", "/stats"))["accepted"] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("x", "4001"), "LISTEN is not HOST:PORT with a port from 0 to 65535: x"),
        (("4001", "4001"), "TARGET is the proxy itself: 127.0.0.1:4001"),
        (("0.0.0.0:4001", "http://localhost:4001"), "TARGET is the proxy itself: localhost:4001"),
        (("0", "http://"), "TARGET is no http(s) or ws(s) URL"),
        (("0", "1", "--rule", "{}"), "--rule cannot be used: Object missing required field"),
        (("0", "1", "--rule", "\ud800"), "--rule cannot be used: "),
        (("0", "1", "--latency", "3600001"), "3600001 is not in the range 0<=x<=3600000"),
        (("0", "1", "--schedule", "/none.json"), "/none.json cannot be read: No such file"),
        (("0", "1", "--schedule", __file__), "test_proxy.py: the schedule cannot be used: "),
        (("0", "1", "--slice", "65537"), "65537 is not in the range 1<=x<=65536"),
    ],
)
def test_what_was_written_wrongly_is_one_sentence(
    arguments: tuple[str, ...], sentence: str
) -> None:
    """It ends with 2, before anything is begun."""
    ended = CliRunner().invoke(main, ["proxy", *arguments])
    assert ended.exit_code == 2
    assert sentence in ended.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("0", "nobody.invalid:1"), "TARGET has a host that cannot be found: nobody.invalid:1"),
        (("0", "1", "--log", "/none/log"), "the log /none/log cannot be made: No such file"),
    ],
)
async def test_what_cannot_be_had_is_one_sentence(
    arguments: tuple[str, ...], sentence: str
) -> None:
    """It ends with 3."""
    ended = await run_program("harness", "proxy", *arguments)
    assert ended.code == 3
    assert ended.err.startswith(f"chatengine-harness: {sentence}")
    assert ended.err.count("\n") == 1


async def test_a_taken_port_is_one_sentence() -> None:
    """And what to do about it."""
    with listening_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        ended = await run_program("harness", "proxy", str(port), "4001")
    assert ended.code == 3
    assert ended.err == (
        f"chatengine-harness: cannot listen on 127.0.0.1:{port}: the port is taken; "
        "choose another port, or 0 for a free one\n"
    )
