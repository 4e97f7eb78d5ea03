"""Section 10: the settings, and the fake as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from aiohttp import ClientSession

from fakes.chatengine.settings import ChatEngineSettings
from fakes.environment import Instance, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET = "a-secret-that-must-never-be-shown-to-anybody"
NEEDED = {
    "CHATENGINE_JWT_SECRET": SECRET,
    "INSTANCES": '{"sales-1": {"workspaceId": "w-1", "whatsappNumberId": "n-1"}}',
}


def test_the_whole_environment() -> None:
    """Every variable of section 10 is taken."""
    settings = ChatEngineSettings.from_environment(
        NEEDED
        | {
            "HOST": "127.0.0.2",
            "PORT": "4001",
            "CHATENGINE_JWT_ISSUER": "crm",
            "CHATENGINE_JWT_AUDIENCE": "chatengine",
            "EVOLUTION_API_URL": "http://127.0.0.1:4003/",
            "EVOLUTION_API_KEY": "key",
            "CORS_ALLOWED_ORIGINS": "https://a.example, https://b.example/",
            "PING_INTERVAL": "300",
            "PING_TIMEOUT": "200",
            "MAX_PAYLOAD": "5000",
            "MESSAGE_SCOPE": "workspace",
            "COMPRESSION": "true",
        }
    )
    assert (settings.host, settings.port) == ("127.0.0.2", 4001)
    assert settings.token_rules.issuer == "crm"
    assert settings.token_rules.audience == "chatengine"
    assert settings.instances == {"sales-1": Instance("w-1", "n-1")}
    assert (settings.provider.url, settings.provider.api_key) == ("http://127.0.0.1:4003", "key")
    assert settings.cors_allowed_origins == ("https://a.example", "https://b.example")
    assert (settings.realtime.ping_interval_ms, settings.realtime.ping_timeout_ms) == (300, 200)
    assert (settings.realtime.max_payload, settings.realtime.compression) == (5000, True)
    assert settings.message_scope == "workspace"


def test_secrets_do_not_show() -> None:
    """What prints the settings prints no secret."""
    settings = ChatEngineSettings.from_environment(NEEDED | {"EVOLUTION_API_KEY": "the-key"})
    assert SECRET not in repr(settings)
    assert "the-key" not in repr(settings)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"CHATENGINE_JWT_SECRET": ""}, "CHATENGINE_JWT_SECRET is not set"),
        ({"INSTANCES": ""}, "INSTANCES is not set"),
        ({"PORT": "70000"}, "PORT is not a whole number from 0 to 65535: 70000"),
        ({"PING_INTERVAL": "0"}, "PING_INTERVAL is not a whole number from 1 to 3600000: 0"),
        ({"PING_TIMEOUT": "1e3"}, "PING_TIMEOUT is not a whole number from 1 to 3600000: 1e3"),
        ({"MAX_PAYLOAD": "-5"}, "MAX_PAYLOAD is not a whole number from 1 to 1073741824: -5"),
        ({"MESSAGE_SCOPE": "all"}, "MESSAGE_SCOPE is neither conversation nor workspace: all"),
        ({"COMPRESSION": "maybe"}, "COMPRESSION is neither true nor false: maybe"),
        ({"EVOLUTION_API_URL": "evolution:80"}, "EVOLUTION_API_URL is not an http(s) URL"),
        ({"EVOLUTION_API_URL": "http://[x"}, "EVOLUTION_API_URL is not an http(s) URL"),
        ({"PUBLIC_URL": "/files"}, "PUBLIC_URL is not an http(s) URL"),
    ],
)
def test_each_mistake_has_a_sentence(wrong: Mapping[str, str], sentence: str) -> None:
    """A setting that cannot be used is named, with what it should have been."""
    with pytest.raises(SettingsError) as raised:
        ChatEngineSettings.from_environment({**NEEDED, **wrong})
    assert str(raised.value) == sentence


async def start(**variables: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "fakes.chatengine",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3])} | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def outcome(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    """Exit code, stdout, stderr."""
    async with asyncio.timeout(20):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def kept_in(name: str) -> tuple[int, str] | None:
    """Mode and content of a file, if it is there."""
    file = Path(name)
    return (stat.S_IMODE(file.stat().st_mode), file.read_text()) if file.exists() else None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_where_it_listens_and_ends_cleanly(number: signal.Signals) -> None:
    """`listening <port>` when ready, JSON log lines without secrets, exit code 0 on the signal."""
    process = await start(**NEEDED, EVOLUTION_API_KEY="the-provider-key", CONTROL_TOKEN="the-token")
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(20):
        word, port = (await process.stdout.readline()).split()
        log = msgspec.json.decode(await process.stderr.readline())
    assert word == b"listening"
    assert kept_in(log["token_file"]) == (0o600, "the-token")
    async with ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{int(port)}/api/health") as response:
            assert response.status == 200
        async with session.get(f"{log['url']}/connections") as response:
            assert response.status == 401
    process.send_signal(number)
    code, out, err = await outcome(process)
    assert (code, out) == (0, "")
    for secret in (SECRET, "the-provider-key", "the-token"):
        assert secret not in err
    assert kept_in(log["token_file"]) is None


async def test_a_wrong_setting_is_exit_code_2() -> None:
    """One sentence, no traceback, exit code 2."""
    code, out, err = await outcome(await start(**NEEDED | {"PORT": "x"}))
    assert (code, out, err) == (2, "", "PORT is not a whole number from 0 to 65535: x\n")


async def test_a_taken_port_is_exit_code_3() -> None:
    """One sentence, no traceback, exit code 3."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = await outcome(await start(**NEEDED, PORT=str(port)))
    sentence = f"cannot listen on 127.0.0.1:{port}: the port is taken\n"
    assert (code, out, err) == (3, "", sentence)
