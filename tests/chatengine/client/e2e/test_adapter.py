"""The adapter as a harness meets it: a process, lines in, lines out."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.chatengine.client.e2e.world import JID, OTHER_JID, World
from tests.fakes.chatengine.world import SECRET
from tests.processes import end, program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ADAPTER = "chatengine.client.adapter"

TIMING = {
    "reconnectDelayMs": 100,
    "reconnectDelayMaxMs": 1000,
    "fallbackAfterMs": 300,
    "pollIntervalMs": 500,
}
"""As the adapter protocol's example has it."""


class Adapter:
    """The harness' side."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._id = 0

    async def line(self, line: bytes) -> dict[str, Any]:
        """Write a line, and return the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + b"\n")
        await self.process.stdin.drain()
        answer: dict[str, Any] = json.loads(
            await asyncio.wait_for(self.process.stdout.readline(), 20)
        )
        return answer

    async def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Return the whole answer."""
        self._id += 1
        request = {"id": self._id, "verb": verb} | arguments
        answer = await self.line(json.dumps(request).encode())
        assert answer["id"] == self._id
        return answer

    async def do(self, verb: str, **arguments: Any) -> Any:
        """Return the result."""
        answer = await self.ask(verb, **arguments)
        assert answer["ok"] is True, answer
        return answer["result"]

    async def refused(self, verb: str, **arguments: Any) -> str:
        """Return the error's code."""
        answer = await self.ask(verb, **arguments)
        assert answer["ok"] is False
        assert answer["error"]["message"]
        code: str = answer["error"]["code"]
        return code

    async def until(self, look: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Return the first snapshot of which `look` is true."""
        deadline = time.monotonic() + 10
        while True:
            snapshot: dict[str, Any] = await self.do("snapshot")
            if look(snapshot):
                return snapshot
            assert time.monotonic() < deadline, snapshot
            await asyncio.sleep(0.01)


@asynccontextmanager
async def adapter() -> AsyncIterator[Adapter]:
    """Run the adapter; it must end with 0 within 5 s of `exit`."""
    async with program(ADAPTER, stdin=asyncio.subprocess.PIPE) as process:
        running = Adapter(process)
        yield running
        if process.returncode is None:
            assert await running.do("exit") == {}
            began = time.monotonic()
            ended = await end(process)
            assert ended.code == 0
            assert ended.out == ""
            assert time.monotonic() - began < 5


def config(world: World, **changes: Any) -> dict[str, Any]:
    """The protocol's `config`, for an agent behind the network."""
    return {
        "chatengine": {"url": world.network.url, "path": "/api/ws"},
        "supabase": {
            "url": world.supabase_network.url,
            "anonKey": world.supabase.anon_keys["w-1"],
        },
        "token": {
            "secret": SECRET,
            "ttlSeconds": 3600,
            "claims": {"workspace_id": "w-1", "sub": "agent-1"},
        },
        "workspaceId": "w-1",
        "userId": "agent-1",
        "whatsappNumberId": None,
        "timing": TIMING,
    } | changes


def serves(source: str) -> Callable[[dict[str, Any]], bool]:
    return lambda snapshot: snapshot["connection"]["source"] == source


def texts(snapshot: dict[str, Any], conversation_id: str = JID) -> list[str]:
    return [each["body"] for each in snapshot["messages"].get(conversation_id, [])]


async def test_hello_and_what_is_refused() -> None:
    """Capabilities, timing, and each error with its code; nothing of it ends the adapter."""
    async with adapter() as crm:
        hello = await crm.do("hello", protocol=1)
        assert hello["language"] == "python"
        assert {"websocket", "supabase", "polling", "send"} <= set(hello["capabilities"])
        assert {"typing", "reconfigure", "cache", "metrics"} <= set(hello["capabilities"])
        assert hello["timing"]["fallbackAfterMs"] == 500
        assert await crm.refused("hello", protocol=2) == "unsupported"
        assert await crm.refused("hello") == "invalid"
        assert await crm.refused("no-such-verb-5d1c") == "unsupported"
        for verb in ("open", "close"):
            assert await crm.refused(verb, conversationId=JID) == "failed"
            assert await crm.refused(verb) == "invalid"
        assert await crm.refused("stop") == "failed"
        assert await crm.refused("configure", config={}) == "invalid"
        assert await crm.refused("start", config={"workspaceId": ""}) == "invalid"
        assert await crm.refused("start") == "invalid"


@pytest.mark.parametrize(
    "line", [b"", b"{", b"hello", b"[1]", b"null", b'"x"', b"\xff", b"[" * 100_000, b"{'id': 1}"]
)
async def test_a_line_that_is_no_request(line: bytes) -> None:
    """It is answered as invalid, with id null; the next line is answered as ever."""
    async with adapter() as crm:
        answer = await crm.line(line)
        assert (answer["id"], answer["ok"]) == (None, False)
        assert answer["error"]["code"] == "invalid"
        assert answer["error"]["message"]
        assert (await crm.do("hello", protocol=1))["name"]


@pytest.mark.parametrize(
    "identity", ["c", 0, -1, 10**30, 1.5, None, True, {"a": [1]}, "\ud83d", "\u2028"]
)
async def test_the_id_comes_back_as_it_was(identity: object) -> None:
    """Whatever JSON has for an id is echoed; half a character as U+FFFD, which UTF-8 can carry."""
    async with adapter() as crm:
        request = {"id": identity, "verb": "snapshot"}
        answer = await crm.line(json.dumps(request).encode())
        assert answer["ok"] is True
        assert answer["id"] == ("\ufffd" if identity == "\ud83d" else identity)


async def test_requests_are_answered_in_order() -> None:
    """Many lines written at once get their answers one after the other, whatever their ids."""
    async with adapter() as crm:
        assert crm.process.stdin is not None
        assert crm.process.stdout is not None
        ids: list[Any] = [7, "seven", None, 7.5, [7], {"seven": 7}]
        lines = [json.dumps({"id": each, "verb": "snapshot"}).encode() for each in ids]
        crm.process.stdin.write(b"\n".join(lines) + b"\n")
        for each in ids:
            assert json.loads(await crm.process.stdout.readline())["id"] == each


async def test_the_snapshots_shape(world: World) -> None:
    """Exactly the fields of the protocol, before start, while running, and after stop."""
    async with adapter() as crm:
        before = await crm.do("snapshot")
        msgspec.convert(before, Snapshot)
        assert before["connection"]["state"] == "disconnected"
        assert await crm.do("start", config=config(world)) == {}
        await crm.do("open", conversationId=JID)
        await crm.until(serves("websocket"))
        await crm.do("send", conversationId=JID, content="hi", clientMessageId="c-1")
        other = {"conversationId": OTHER_JID, "content": "ho", "clientMessageId": "c-2"}
        await crm.do("send", **other, replyToMessageId="evo-1")
        await world.write("Olá!")
        await crm.until(lambda snapshot: "Olá!" in texts(snapshot))
        shown = await crm.until(lambda snapshot: texts(snapshot, OTHER_JID) == ["ho"])
        msgspec.convert(shown, Snapshot)
        assert set(shown["messages"]) == {JID, OTHER_JID}
        assert shown["messages"][OTHER_JID][0]["clientMessageId"] == "c-2"
        assert shown["metrics"]["latencyMs"]["count"] > 0
        assert await crm.do("stop") == {}
        after = await crm.do("snapshot")
        msgspec.convert(after, Snapshot)
        assert after["connection"] | {"lastError": None} == {
            "isEnabled": True,
            "isConnected": False,
            "source": "none",
            "state": "disconnected",
            "lastError": None,
        }


async def test_every_verb_in_the_order_of_a_life(world: World) -> None:
    """Start, open, typing, close, configure, stop, and a second start that begins afresh."""
    async with adapter() as crm, world.client(user_id="agent-2") as other:
        await crm.do("start", config=config(world))
        assert await crm.refused("start", config=config(world)) == "failed"
        await crm.do("open", conversationId=JID)
        await crm.until(serves("websocket"))
        await world.write("one")
        await crm.until(lambda snapshot: "one" in texts(snapshot))
        other.typing(JID, True)
        await crm.until(lambda snapshot: snapshot["typing"].get(JID) == ["agent-2"])
        await crm.do("typing", conversationId=JID, isTyping=True)
        assert await crm.refused("typing", conversationId=JID, isTyping="yes") == "invalid"
        assert await crm.refused("open", conversationId="") == "invalid"
        assert await crm.refused("send", conversationId=JID, content="x") == "invalid"
        assert await crm.refused("configure", config={"workspaceId": "w-1"}) == "invalid"
        await crm.do("configure", config=config(world, chatengine=None))
        snapshot = await crm.until(serves("supabase"))
        assert snapshot["connection"]["isEnabled"] is False
        await crm.do("configure", config=config(world))
        await crm.until(serves("websocket"))
        await crm.do("close", conversationId=JID)
        await crm.do("stop")
        assert await crm.refused("open", conversationId=JID) == "failed"
        await crm.do("start", config=config(world))
        snapshot = await crm.until(serves("websocket"))
        assert snapshot["messages"] == {}


async def test_with_the_timing_of_a_test_the_fallback_is_quick(world: World) -> None:
    """From the loss of the socket to Supabase serving in less than half a second, and back."""
    async with adapter() as crm:
        await crm.do("start", config=config(world))
        await crm.do("open", conversationId=JID)
        await crm.until(serves("websocket"))
        world.take_chatengine_down()
        began = time.monotonic()
        await crm.until(serves("supabase"))
        assert time.monotonic() - began < 4
        await world.write("meanwhile")
        await crm.until(lambda snapshot: "meanwhile" in texts(snapshot))
        world.network.heal()
        began = time.monotonic()
        await crm.until(serves("websocket"))
        assert time.monotonic() - began < 5


async def test_exit_in_the_middle_of_everything(world: World) -> None:
    """While it connects, joins and sends it still ends within 5 s, with 0."""
    world.network.half_open(new=True)
    async with adapter() as crm:
        await crm.do("start", config=config(world))
        await crm.do("open", conversationId=JID)
        await crm.do("send", conversationId=JID, content="hi", clientMessageId="c-1")


async def test_the_end_of_stdin_is_an_exit() -> None:
    """A harness that is gone leaves no adapter behind."""
    async with adapter() as crm:
        assert crm.process.stdin is not None
        crm.process.stdin.close()
        assert (await end(crm.process)).code == 0


async def test_the_end_of_stdout_is_an_exit_too() -> None:
    """Where nobody takes the answers it ends by itself, with 1 and one sentence."""
    reader, writer = os.pipe()
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", ADAPTER), stdin=pipe, stdout=writer, stderr=pipe
    )
    os.close(writer)
    assert process.stdin is not None
    process.stdin.write(b'{"id": 1, "verb": "hello", "protocol": 1}\n')
    with os.fdopen(reader, "rb") as answers:
        assert await asyncio.to_thread(answers.readline)
    _, said = await asyncio.wait_for(process.communicate(b'{"id": 2, "verb": "stop"}\n'), 20)
    assert process.returncode == 1
    assert said.endswith(b"nobody takes the answers any more\n")
    assert said.count(b"\n") == 1


@pytest.mark.parametrize("closed", ["0<&-", "1>&-"])
async def test_without_stdin_or_stdout_there_is_no_conversation(closed: str) -> None:
    """It says so and ends with 1."""
    command = f"exec {shlex.quote(sys.executable)} -m {ADAPTER} {closed}"
    process = await asyncio.create_subprocess_shell(command, stderr=asyncio.subprocess.PIPE)
    _, said = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert said.endswith(b"the adapter protocol needs stdin and stdout\n")
    assert said.count(b"\n") == 1


class _Exact(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    pass


class _Connection(_Exact):
    is_enabled: bool
    is_connected: bool
    source: str
    state: str
    last_error: str | None


class _Conversation(_Exact):
    id: str
    workspace_id: str
    whatsapp_number_id: str | None
    last_message_at: str | None
    preview: str | None


class _Message(_Exact):
    id: str
    external_id: str | None
    client_message_id: str | None
    body: str
    type: str
    status: str
    is_outgoing: bool
    media_url: str | None
    reply_to_id: str | None
    created_at: str
    error_message: str | None


class _Counters(_Exact):
    received: int
    duplicates: int
    malformed: int
    reconnects: int


class _Latency(_Exact):
    count: int
    p50: float | None
    p99: float | None


class _Reconnect(_Exact):
    at: str
    cause: str
    down_ms: int


class _Metrics(_Exact):
    latency_ms: _Latency
    reconnects: list[_Reconnect]
    alert: bool


class Snapshot(_Exact):
    connection: _Connection
    conversations: list[_Conversation]
    messages: dict[str, list[_Message]]
    typing: dict[str, list[str]]
    counters: _Counters
    metrics: _Metrics
