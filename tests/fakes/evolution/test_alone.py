"""The provider as a program of its own, and its customers on the command line."""

from __future__ import annotations

import errno
import json
import signal
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientOSError, ClientSession

from chatengine.webhooks import Inbound, parse
from fakes.control import ControlClient, ControlDoor
from fakes.environment import Secret
from fakes.serving import listening_socket
from tests.processes import end, listening_port, program, run_program
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fakes.evolution.receiver import Receiver

SAMPLE = Path(__file__).parents[2] / "data" / "evolution-webhooks.jsonl"
PROGRAM = "fakes.evolution"
API_KEY = "key-that-stays-hidden"
INSTANCES = '{"sales-1": {"workspaceId": "w-1", "whatsappNumberId": "n-1"}}'
ENV = {"EVOLUTION_API_KEY": API_KEY, "INSTANCES": INSTANCES}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_runs_until_a_signal_and_ends_with_0(
    receiver: Receiver, tmp_path: Path, number: signal.Signals
) -> None:
    """It prints its port, serves, sends webhooks, and leaves neither token file nor secrets."""
    token_file = tmp_path / "token"
    env = ENV | {
        "WEBHOOK_URL": receiver.url, "CONTROL_TOKEN_FILE": str(token_file), "ECHO": "false",
        "SERVER_ACK_MS": "0", "DELIVERY_ACK_MS": "10", "READ_MS": "20",
    }  # fmt: skip
    async with program(PROGRAM, env=env) as process, ClientSession() as session:
        port = await listening_port(process)
        token = token_file.read_text()
        assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
        async with session.post(
            f"http://127.0.0.1:{port}/message/sendText/sales-1",
            json={"number": "5511990000001", "text": "texto secreto"},
            headers={"apikey": API_KEY},
        ) as answer:
            assert answer.status == 201
        await receiver.arrived(3)
        process.send_signal(number)
        ended = await end(process)
    assert ended.code == 0
    assert receiver.statuses == ["SERVER_ACK", "DELIVERY_ACK", "READ"]
    lines = [json.loads(line) for line in ended.err.splitlines()]
    assert {"control ready", "send taken"} <= {line["event"] for line in lines}
    for secret in (API_KEY, token, "texto secreto"):
        assert secret not in ended.out + ended.err
    assert not token_file.exists()


async def test_the_control_port_and_token_may_be_given(tmp_path: Path) -> None:
    """`CONTROL_PORT` and `CONTROL_TOKEN` decide where the fake is controlled; it obeys there."""
    with listening_socket("127.0.0.1", 0) as free:
        control_port = free.getsockname()[1]
    env = ENV | {
        "CONTROL_PORT": str(control_port), "CONTROL_TOKEN": "t0ken",
        "CONTROL_TOKEN_FILE": str(tmp_path / "token"),
    }  # fmt: skip
    async with program(PROGRAM, env=env) as process, ClientSession() as session:
        port = await listening_port(process)
        door = ControlDoor(f"http://127.0.0.1:{control_port}", Secret("t0ken"), tmp_path / "token")
        state = await ControlClient(session, door).call("GET", "/state")
        assert state["connections"] == {"sales-1": "open"}
        await ControlClient(session, door).call("PUT", "/plan", {"failure": {"kind": "reset"}})
        url = f"http://127.0.0.1:{port}/message/sendText/sales-1"
        with pytest.raises(ClientOSError) as caught:
            await session.post(
                url, json={"number": "5511990000001", "text": "x"}, headers={"apikey": API_KEY}
            )
        assert caught.value.errno == errno.ECONNRESET
        process.terminate()
        assert (await end(process)).code == 0


async def test_a_taken_port_is_one_sentence_and_3() -> None:
    """The exit code is 3 and stderr says which port is taken."""
    with listening_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        ended = await run_program(PROGRAM, env=ENV | {"PORT": str(port)})
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == f"cannot listen on 127.0.0.1:{port}: the port is taken\n"


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"INSTANCES": INSTANCES}, "EVOLUTION_API_KEY is not set"),
        (ENV | {"WEBHOOK_URL": "chatengine"}, "WEBHOOK_URL is not an http(s) URL"),
    ],
)
async def test_a_wrong_setting_is_one_sentence_and_2(env: dict[str, str], sentence: str) -> None:
    """The exit code is 2 and stderr names the variable."""
    ended = await run_program(PROGRAM, env=env)
    assert (ended.code, ended.out, ended.err) == (2, "", sentence + "\n")


async def test_replay_plays_a_file_to_a_webhook(receiver: Receiver) -> None:
    """`replay FILE --speed --webhook` posts the recording and says what came of it."""
    receiver.answers = [200] * 35 + [403]
    asked = ("replay", str(SAMPLE), "--speed", "1000", "--webhook", receiver.url, "--fresh-ids")
    ended = await run_program(PROGRAM, *asked)
    assert (ended.code, json.loads(ended.out)) == (0, {"outcomes": {"ok": 35, "status 403": 1}})
    assert len(receiver.bodies) == 36


async def test_customers_write_from_the_command_line(receiver: Receiver) -> None:
    """`customers` writes open-ended, until Ctrl-C ends it with 0."""
    asked = ("customers", "--instance", "sales-1", "--rate", "200", "--webhook", receiver.url)
    async with program(PROGRAM, *asked) as process:
        await until(lambda: len(receiver.bodies) >= 20, within_s=20)
        process.send_signal(signal.SIGINT)
        ended = await end(process)
    assert ended.code == 0
    assert json.loads(ended.out)["outcomes"]["ok"] >= 19


async def test_write_is_one_message(receiver: Receiver) -> None:
    """`write` posts one message of the kind asked for."""
    ended = await run_program(
        PROGRAM, "write", "--instance", "sales-1", "--number", "5511990000001", "--kind", "image",
        "--webhook", receiver.url, "veja",
    )  # fmt: skip
    (message,) = parse(receiver.bodies[0]).changes
    assert isinstance(message, Inbound)
    assert (ended.code, message.type, message.content) == (0, "image", "veja")


@pytest.mark.parametrize(
    "asked",
    [
        ("replay", "no-such-file", "--webhook", "http://127.0.0.1:1/"),
        ("replay", __file__, "--webhook", "http://127.0.0.1:1/"),
        ("replay", str(SAMPLE)),
        ("replay", str(SAMPLE), "--webhook", "chatengine"),
        ("replay", str(SAMPLE), "--webhook", "http://127.0.0.1:1/", "--speed", "0"),
        ("write", "--instance", "a", "--number", "x", "--webhook", "http://127.0.0.1:1/"),
    ],
)
async def test_wrong_usage_is_2(asked: tuple[str, ...]) -> None:
    """A missing file, one that is no recording, a wrong URL, speed or number: exit code 2."""
    ended = await run_program(PROGRAM, *asked)
    assert (ended.code, ended.out) == (2, "")
    assert "Error: " in ended.err
    assert "Traceback" not in ended.err


async def test_a_webhook_nobody_serves_is_3() -> None:
    """Without a ChatEngine the exit code is 3, with a sentence, after the tries."""
    with listening_socket("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    env = {"WEBHOOK_ATTEMPTS": "2", "WEBHOOK_RETRY_MS": "10"}
    url = f"http://127.0.0.1:{port}/hook"
    ended = await run_program(
        PROGRAM, "replay", str(SAMPLE), "--speed", "99", "--webhook", url, env=env
    )
    assert (ended.code, json.loads(ended.out)) == (3, {"outcomes": {"unreachable": 1}})
    assert ended.err.endswith(f"ChatEngine did not take everything at {url}\n")
