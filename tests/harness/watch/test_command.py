"""`chatengine-harness watch` as a user starts it: a process, its output, its exit code."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from fakes.evolution.bodies import Contact, Content
from fakes.together import RunningFakes, running_fakes
from tests.harness.watch.test_demo import SECRET, SETTINGS
from tests.processes import Ended, end, program, run_program
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

NASTY = Contact("5511990000001@s.whatsapp.net", "\x1b]0;owned\x07Eve")
DEADLINE_S = 30.0
DOWN = b"\x1b[B"
COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")


async def watch(*arguments: str, env: dict[str, str] | None = None) -> Ended:
    return await run_program("harness", "watch", *arguments, env=env)


def options(fakes: RunningFakes) -> tuple[str, ...]:
    return ("--url", fakes.chatengine.url, "--workspace", "w-1", "--open", NASTY.jid)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "nothing to watch: give --url, --supabase-url, or --demo"),
        (("--url", "http://127.0.0.1:1"), "--workspace is missing"),
        (("--url", "http://127.0.0.1:1", "--workspace", "w-1"), "CHATENGINE_JWT_SECRET is not set"),
        (
            ("--supabase-url", "http://127.0.0.1:1", "--workspace", "w-1"),
            "SUPABASE_ANON_KEY is not set",
        ),
        (("--demo", "--open", "x" * 2000), "--open is no conversation"),
        (("--demo", "--for", "0"), "--for"),
        (("--demo", "--workspace", "w-1"), "--demo brings its own servers"),
    ],
)
async def test_a_mistake_is_a_usage_error(arguments: tuple[str, ...], sentence: str) -> None:
    """What is missing or wrong is named, and how it is given."""
    told = await watch(*arguments)
    assert told.code == 2
    assert sentence in told.err
    assert "Traceback" not in told.err


async def test_a_wrong_url_is_named_as_its_option() -> None:
    """And not quoted: it may hold a password."""
    told = await watch(
        *("--url", "ftp://me:hidden@x", "--workspace", "w-1"), env={"CHATENGINE_JWT_SECRET": SECRET}
    )
    assert told.code == 2
    assert "--url is not an http(s) URL" in told.err
    assert "hidden" not in told.err


async def test_what_never_served_is_a_failure() -> None:
    """A watch of a time in which nobody answered could not run."""
    told = await watch(
        *("--url", "http://127.0.0.1:1", "--workspace", "w-1", "--for", "1.5"),
        env={"CHATENGINE_JWT_SECRET": SECRET},
    )
    assert told.code == 3
    assert told.err.startswith("chatengine-harness: nothing served in 1.5 s: ")


async def test_a_demo_in_lines_of_json() -> None:
    """Without a terminal each event is a line of JSON; it ends by itself and leaves nothing."""
    told = await watch("--demo", "--json", "--for", "5")
    assert told.code == 0, told
    assert told.err == ""
    items = [json.loads(line) for line in told.out.splitlines()]
    assert items[0]["event"] == "connected"
    assert {"switch", "conversation", "message", "typing"} <= {item["event"] for item in items}


async def test_metrics_are_served_on_loopback() -> None:
    """Where they are is told; Prometheus reads them there."""
    async with program("harness", "watch", "--demo", "--metrics-port", "0") as process:
        assert process.stdout is not None
        said = await asyncio.wait_for(process.stdout.readuntil(b"/metrics"), DEADLINE_S)
        url = said.decode().split()[-1]
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert "chatengine_client_connected" in await answer.text()
        process.send_signal(signal.SIGINT)
        assert (await end(process)).code == 0
    assert url.startswith("http://127.0.0.1:")


async def test_a_reader_that_leaves_ends_it() -> None:
    """As in `| head`: no traceback, no error."""
    process = await asyncio.create_subprocess_shell(
        f"{sys.executable} -m harness watch --demo | head -n 2",
        cwd=Path(__file__).parents[3],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    assert out.count(b"\n") == 2
    assert err == b""


class Terminal:
    """A program on a pseudo-terminal, and everything it has written to it."""

    def __init__(self, process: asyncio.subprocess.Process, leader: int) -> None:
        self.process = process
        self.written = b""
        self._leader = leader
        asyncio.get_running_loop().add_reader(leader, self._read)

    def _read(self) -> None:
        try:
            self.written += os.read(self._leader, 65_536)
        except OSError:  # nobody has the other end open any more
            asyncio.get_running_loop().remove_reader(self._leader)

    def press(self, keys: bytes) -> None:
        os.write(self._leader, keys)

    async def shows(self, text: str) -> None:
        """Wait until it was written."""
        await until(lambda: text.encode() in self.written, within_s=DEADLINE_S)


@asynccontextmanager
async def terminal(*arguments: str, **env: str) -> AsyncIterator[Terminal]:
    """Run `watch` on a terminal of 80 to 24."""
    leader, follower = pty.openpty()
    os.set_blocking(leader, False)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "harness", "watch", *arguments),
        cwd=Path(__file__).parents[3],
        env={"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **env},
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    try:
        yield Terminal(process, leader)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        asyncio.get_running_loop().remove_reader(leader)
        os.close(leader)


@pytest.mark.parametrize(
    "leave",
    [
        lambda screen: screen.press(b"\x11"),
        lambda screen: screen.press(b"\x03"),
        lambda screen: screen.process.terminate(),
    ],
    ids=["Ctrl+Q", "Ctrl+C", "SIGTERM"],
)
async def test_a_terminal_is_left_as_it_was(leave: Callable[[Terminal], None]) -> None:
    """The screen is drawn on the other page of the terminal, which is left however it ends."""
    async with running_fakes(SETTINGS) as fakes:
        async with terminal(*options(fakes), CHATENGINE_JWT_SECRET=SECRET) as screen:
            await screen.shows("● WebSocket")
            leave(screen)
            assert await asyncio.wait_for(screen.process.wait(), DEADLINE_S) == 0
            await screen.shows("\x1b[?1049l")
        assert b"\x1b[?1049h" in screen.written
        assert b"Traceback" not in screen.written


@pytest.mark.parametrize("coloured", [True, False])
async def test_a_terminal_gets_no_control_of_a_message(coloured: bool) -> None:
    """Nor a secret; and with NO_COLOR no colour either."""
    env = {"CHATENGINE_JWT_SECRET": SECRET} | ({} if coloured else {"NO_COLOR": "1"})
    async with running_fakes(SETTINGS) as fakes:
        text = "\x1b]0;owned\x07\x1b[31mred\x9b31m \u202e[red]hi[/red]"
        provider = fakes.evolution.provider
        await provider.customer_writes("sales-1", NASTY, Content(text=text))
        async with terminal(*options(fakes), **env) as screen:
            await screen.shows("[red]hi[/red]")
            await screen.shows("␛]0;owned␇Eve")
            assert b"\x1b]0;owned" not in screen.written
            assert b"\x1b[31mred" not in screen.written
            assert "\x9b".encode() not in screen.written
            assert "\u202e".encode() not in screen.written
            assert SECRET.encode() not in screen.written
            assert bool(COLOUR.search(screen.written)) is coloured


async def test_keys_pressed_faster_than_they_are_read_keep_their_order() -> None:
    """The bar down, Enter, a text, Enter, another, all in one go: both are sent, and there."""
    async with running_fakes(SETTINGS) as fakes:
        provider = fakes.evolution.provider
        await provider.customer_writes("sales-1", NASTY, Content(text="Olá"))
        arguments = options(fakes)[:-2]
        async with terminal(*arguments, CHATENGINE_JWT_SECRET=SECRET) as screen:
            await screen.shows("Eve")
            screen.press(DOWN + b"\rone\rtwo\r")
            await until(lambda: {each.text for each in provider.sent()} == {"one", "two"})
            assert {each.remote_jid for each in provider.sent()} == {NASTY.jid}
