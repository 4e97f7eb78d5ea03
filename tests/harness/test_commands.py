"""The command line as a person uses it: every command a process, its output, its exit code."""

import asyncio
import json
import os
import shlex
import signal
import stat
import time
from pathlib import Path
from typing import cast

import aiohttp
import pytest
import socketio

from chatengine.events import WEBHOOK_PATH
from chatengine.tokens import TokenRules, mint
from chatengine.webhooks import text_message
from fakes.serving import listening_socket
from harness.cli import main
from harness.doctor import examine
from harness.lazy import Lazy
from reports import record
from tests.processes import Ended, end, program, run_program

SECRET = "a secret of thirty-two characters"
IMPORTS_TOLD = {"PYTHONPROFILEIMPORTTIME": "1"}  # on stderr, each when it is done
FREE_PORTS = ("--chatengine-port", "0", "--supabase-port", "0", "--evolution-port", "0")


async def harness(*arguments: str, env: dict[str, str] | None = None) -> Ended:
    """Run `chatengine-harness` to its end."""
    return await run_program("harness", *arguments, env=env)


async def test_help_names_every_command_and_exit_code() -> None:
    """`--help` teaches: what there is, and what a command ends with."""
    told = await harness("--help")
    assert told.code == 0
    for word in (
        "check",
        "demo",
        "fakes",
        "load",
        "doctor",
        "report",
        "proxy",
        "watch",
        "Exit codes: 0 pass",
    ):
        assert word in told.out


async def test_help_does_not_wait_for_what_the_commands_import() -> None:
    """`--help` imports none of the commands."""
    told = await harness("--help", env=IMPORTS_TOLD)
    assert told.code == 0
    assert "harness.cli" in told.err
    assert "harness.watch" not in told.err
    assert "aiohttp" not in told.err


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_listed_is_there(name: str) -> None:
    """What `--help` lists is what its module calls so, with a help of its own."""
    command = cast(Lazy, main.commands[name]).load()
    assert command.name == name
    assert command.help


async def test_ctrl_c_while_a_command_is_imported_is_quiet(tmp_path: Path) -> None:
    """Whoever changes their mind in the first second sees no traceback."""
    arguments = ("harness", "fakes", *FREE_PORTS, "--folder", str(tmp_path))
    async with program(*arguments, env=IMPORTS_TOLD) as process:
        assert process.stderr is not None
        while not (line := await process.stderr.readline()).endswith(b" uvloop\n"):
            assert line, "it ended before it had imported its event loop"
        process.send_signal(signal.SIGINT)
        ended = await end(process)
    assert "Traceback" not in ended.err
    assert ended.code in (-signal.SIGINT, 0), "0: it had begun to serve meanwhile"


async def test_load_help_shows_our_options() -> None:
    """What `locust --help` cannot show is shown."""
    told = await harness("load", "--help")
    assert told.code == 0
    assert "--message-rate" in told.out
    assert "--thresholds" in told.out


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
async def test_a_demo_passes_and_leaves_its_reports(tmp_path: Path, workers: int) -> None:
    """A small demo delivers everything, says so, and writes record, page and JUnit."""
    told = await harness(
        *("demo", "--subscribers", "40", "--seconds", "2", "--rate", "20", "--spawn-rate", "40"),
        *("--workers", str(workers), "--out", str(tmp_path), "--run-name", "small"),
        *("--history", "10000"),
    )
    kept = record.read(tmp_path / "small" / "run.json")
    assert told.code in (0, 4), told  # 4: a machine so busy that the generator itself was late
    assert (told.code == 0) is (kept.verdict == "pass"), kept.reasons
    assert kept.subscribers.connected == 40
    assert kept.deliveries.lost == 0
    assert kept.deliveries.expected == kept.deliveries.received >= 30 * 20
    assert kept.generator.workers == max(1, workers)
    assert (tmp_path / "small" / "report.html").stat().st_size > 10_000
    assert (tmp_path / "small" / "junit.xml").exists()
    assert "Traceback" not in told.err
    judged = await harness("check", str(tmp_path / "small"))
    assert (judged.code, judged.out.splitlines()[-1]) == (0, "VALID"), judged


async def test_a_report_is_shown_again(tmp_path: Path) -> None:
    """`report` prints a kept run, makes its page anew, and ends with its verdict's code."""
    made = await harness(
        *("demo", "--subscribers", "2", "--seconds", "1", "--rate", "5"),
        *("--out", str(tmp_path), "--run-name", "tiny"),
    )
    page = tmp_path / "again.html"
    told = await harness("report", str(tmp_path / "tiny"), "--page", str(page))
    assert told.code == made.code
    assert "Delivered" in told.out
    assert page.read_text().startswith("<!")


async def test_a_missing_report_is_one_sentence(tmp_path: Path) -> None:
    """What cannot be read is named, without a traceback."""
    told = await harness("report", str(tmp_path / "none.json"))
    assert told.code == 3
    assert told.err.startswith("chatengine-harness: Cannot read ")
    assert told.err.count("\n") == 1


async def test_fakes_serve_a_client_until_ctrl_c(tmp_path: Path) -> None:
    """They say where they are and where the secrets are, serve, and end with nothing left."""
    async with program(
        *("harness", "fakes", *FREE_PORTS),
        *("--folder", str(tmp_path / "private")),
        env={"CHATENGINE_JWT_SECRET": SECRET},
    ) as process:
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().split()[1]
        printed = await asyncio.wait_for(process.stdout.readuntil(b"Ctrl-C"), 20)
        secrets = tmp_path / "private" / "secrets.env"
        assert str(secrets).encode() in printed
        assert SECRET.encode() not in printed
        assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
        assert f"CHATENGINE_JWT_SECRET='{SECRET}'" in secrets.read_text()
        await connect_and_leave(url)
        process.send_signal(signal.SIGINT)
        told = await end(process)
    assert told.code == 0
    assert "Traceback" not in told.err
    assert list((tmp_path / "private").iterdir()) == []


async def test_fakes_serve_one_set_of_data_behind_proxies(tmp_path: Path) -> None:
    """With the printed keys, and through the proxy, Supabase tells what ChatEngine was told."""
    async with program(
        *("harness", "fakes", *FREE_PORTS, "--proxy", "supabase"),
        *("--folder", str(tmp_path / "private")),
        env={"CHATENGINE_JWT_SECRET": SECRET},
    ) as process:
        assert process.stdout is not None
        printed = await asyncio.wait_for(process.stdout.readuntil(b"Ctrl-C"), 40)
        lines = (tmp_path / "private" / "secrets.env").read_text().splitlines()
        values = {name: "".join(shlex.split(value)) for name, _, value in map(parted, lines)}
        assert f"Supabase    {values['SUPABASE_URL']}".encode() in printed
        assert values["SUPABASE_PROXY_CONTROL_URL"].encode() in printed
        assert values["SUPABASE_ANON_KEY"].encode() not in printed
        async with aiohttp.ClientSession() as session:
            written = text_message(
                instance="sales-1", remote_jid="1@s.whatsapp.net", key_id="K", text="Olá!", second=1
            )
            await session.post(values["CHATENGINE_URL"] + WEBHOOK_PATH, json=written)
            assert await rows(session, values, values["SUPABASE_ANON_KEY"]) == ["Olá!"]
            of_another = json.loads(values["SUPABASE_ANON_KEYS"])["w-2"]
            assert await rows(session, values, of_another) == []
            control = {"Authorization": f"Bearer {values['SUPABASE_PROXY_CONTROL_TOKEN']}"}
            url = values["SUPABASE_PROXY_CONTROL_URL"]
            await session.post(f"{url}/refuse", headers=control, data="{}")
            await session.post(f"{url}/strike", headers=control, json={"fault": {"kind": "cut"}})
            with pytest.raises(aiohttp.ClientError):
                await rows(session, values, of_another)


def parted(line: str) -> tuple[str, str, str]:
    return line.partition("=")


async def rows(session: aiohttp.ClientSession, values: dict[str, str], key: str) -> list[str]:
    """The texts of the messages that a key shows."""
    url = f"{values['SUPABASE_URL']}/rest/v1/messages?select=body"
    async with session.get(url, headers={"apikey": key}) as answer:
        return [row["body"] for row in await answer.json()]


async def test_a_proxy_needs_something_behind_it() -> None:
    """A proxy in front of a fake that does not run is a mistake."""
    told = await harness("fakes", "--no-supabase", "--proxy", "supabase")
    assert told.code == 2
    assert "nothing to put a proxy in front of" in told.err


async def test_a_short_supabase_secret_is_one_sentence(tmp_path: Path) -> None:
    """What a secret has to have is said, and the secret is not."""
    told = await harness(
        *("fakes", *FREE_PORTS, "--folder", str(tmp_path)), env={"SUPABASE_JWT_SECRET": "short-one"}
    )
    assert told.code == 3
    assert told.err == ("chatengine-harness: SUPABASE_JWT_SECRET has less than 32 characters\n")


async def connect_and_leave(url: str) -> None:
    """Connect as an agent of w-1 with python-socketio's client, and leave."""
    token = mint(TokenRules(SECRET), workspace_id="w-1", subject="a", now=time.time())
    client = socketio.AsyncClient(handle_sigint=False)
    auth = {"token": token, "workspaceId": "w-1"}
    await client.connect(url, auth=auth, socketio_path="/api/ws", transports=["websocket"])
    await client.disconnect()
    async with aiohttp.ClientSession() as session, session.get(f"{url}/api/health") as answer:
        assert (await answer.json())["status"] == "ok"


async def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    """The port, and what to do about it."""
    with listening_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        told = await harness(
            *("fakes", *FREE_PORTS, "--chatengine-port", str(port)),
            *("--folder", str(tmp_path)),
        )
    assert told.code == 3
    assert told.err == (
        f"chatengine-harness: cannot listen on 127.0.0.1:{port}: the port is taken; "
        "choose another port, or 0 for a free one\n"
    )


async def test_instances_that_are_none_are_a_usage_error() -> None:
    """What was wrong, and how it is written."""
    told = await harness("fakes", "--instances", "sales-1")
    assert told.code == 2
    assert "'sales-1' is not a list of instance=workspace" in told.err


async def test_doctor_finds_nothing_missing_where_the_tests_run() -> None:
    """It looks at everything a large run needs, and mends nothing where nothing lacks."""
    told = await harness("doctor", env={"PATH": os.environ["PATH"]})
    assert told.code == 0, told
    for look in ("Open files", "Local ports", "Node", "Disk"):
        assert look in told.out


def test_doctor_says_how_to_mend_a_missing_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that is not there is a warning with what to do."""
    monkeypatch.setenv("PATH", "")
    node = next(finding for finding in examine() if finding.what == "Node")
    assert node.state == "warn"
    assert "install Node 20" in node.mend


async def test_a_secret_of_any_text_can_be_sourced(tmp_path: Path) -> None:
    """The shell that reads secrets.env gets the secret itself, and runs nothing in it."""
    secret = f"it's $(touch {tmp_path}/ran) `touch {tmp_path}/ran` \\ \" a secret"
    async with program(
        *("harness", "fakes", *FREE_PORTS),
        *("--folder", str(tmp_path / "private")),
        env={"CHATENGINE_JWT_SECRET": secret},
    ) as process:
        assert process.stdout is not None
        await asyncio.wait_for(process.stdout.readuntil(b"Ctrl-C"), 40)
        shell = await asyncio.create_subprocess_exec(
            *("sh", "-c", '. "$0"; printf %s "$CHATENGINE_JWT_SECRET"'),
            str(tmp_path / "private" / "secrets.env"),
            stdout=asyncio.subprocess.PIPE,
        )
        read, _ = await shell.communicate()
    assert read.decode() == secret
    assert not (tmp_path / "ran").exists()


async def test_a_folder_that_cannot_hold_the_secrets_is_one_sentence(tmp_path: Path) -> None:
    """Something in the way of a token's file is named."""
    (tmp_path / "chatengine-control.token").mkdir()
    told = await harness("fakes", *FREE_PORTS, "--folder", str(tmp_path))
    assert told.code == 3
    assert "chatengine-control.token" in told.err
    assert "Traceback" not in told.err
