"""An adapter process: whatever it does instead of answering is named in one sentence."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import psutil
import pytest

from conformance.deadlines import Deadline, until
from conformance.outcomes import TargetGone
from conformance.targets.adapter import Adapter, AdapterEnded, AdapterProblem, Refusal
from conformance.targets.protocol import Hello, Snapshot
from tests.conformance.targets.adapters import adapter

Result = dict[str, Any]

SENTENCES = {
    "it ends": (
        "read()\nlog('no such module: crm\\n')\nsys.exit(3)",
        "The adapter ended with exit code 3 while `hello` was asked; "
        "its last log line: 'no such module: crm'.",
    ),
    "it ends as Node does": (
        "read()\nlog('Error: no crm\\n    at main\\n\\nNode.js v20\\n')\nsys.exit(1)",
        "The adapter ended with exit code 1 while `hello` was asked; "
        "its last log line: 'Error: no crm'.",
    ),
    "it is killed": (
        "read()\nos.kill(os.getpid(), 9)",
        "The adapter ended by SIGKILL while `hello` was asked.",
    ),
    "it ends within a line": (
        'read()\nsay(\'{"id": 1, "ok"\')\nsys.exit(0)',
        'The adapter ended with exit code 0 in the middle of a line: \'{"id": 1, "ok"\' '
        "while `hello` was asked.",
    ),
    "it says nothing": (
        "read()\ntime.sleep(60)",
        "The adapter did not answer `hello` within 0.3 s.",
    ),
    "it stops within a line": (
        "read()\nsay('{\"id\": 1')\ntime.sleep(60)",
        "The adapter did not answer `hello` within 0.3 s; half a line came: '{\"id\": 1'.",
    ),
    "it closes stdout": (
        "read()\nos.close(1)\ntime.sleep(60)",
        "The adapter closed its stdout while `hello` was asked.",
    ),
    "it prints garbage": (
        "read()\nsay('listening on port 4001\\n')",
        "The adapter answered `hello` with a line that is no JSON: 'listening on port 4001'.",
    ),
    "it prints control characters": (
        "read()\nsay('\\x1b[31mred\\x1b[0m\\n')",
        "The adapter answered `hello` with a line that is no JSON: '\\x1b[31mred\\x1b[0m'.",
    ),
    "it prints a list": (
        "read()\nsay('[]\\n')",
        "The adapter answered `hello` in another shape (Expected `object`, got `array`): '[]'.",
    ),
    "it answers another question": (
        "request = read()\nanswer(request | {'id': 7})",
        "The adapter answered out of turn: id 7 where 1 (`hello`) was asked.",
    ),
    "it answers without a result": (
        'read()\nsay(\'{"id": 1, "ok": true}\\n\')',
        'The adapter answered `hello` without a result: \'{"id": 1, "ok": true}\'.',
    ),
    "it refuses without a reason": (
        'read()\nsay(\'{"id": 1, "ok": false}\\n\')',
        'The adapter answered `hello` without an error: \'{"id": 1, "ok": false}\'.',
    ),
    "it refuses with a code of its own": (
        "refuse(read(), 'teapot', 'short and stout')",
        "The adapter answered `hello` in another shape (Invalid enum value 'teapot' - at "
        '`$.error.code`): \'{"id": 1, "ok": false, "error": {"code": "teapot", '
        '"message": "short and stout"}}\'.',
    ),
    "it answers in another shape": (
        "answer(read(), {'name': 'crm', 'version': 2})",
        "The adapter answered `hello` in another shape (Expected `str`, got `int` - at "
        '`$.version`): \'{"name": "crm", "version": 2}\'.',
    ),
    "it is too much": (
        "read()\nsay('x' * (17 * 1024 * 1024))\ntime.sleep(60)",
        "The adapter wrote a line of more than 16 MiB.",
    ),
}


@pytest.mark.parametrize(("body", "sentence"), SENTENCES.values(), ids=SENTENCES)
async def test_what_it_does_instead_is_one_sentence(body: str, sentence: str) -> None:
    """Each way not to answer has its sentence, and ends the process for good."""
    async with adapter(body) as broken:
        within_s = 0.3 if "0.3 s" in sentence else 10
        for _ in range(2):
            with pytest.raises(AdapterProblem) as problem:
                await broken.ask("hello", Hello, {"protocol": 1}, within_s=within_s)
            assert str(problem.value) == sentence
        assert broken.problem is problem.value


async def test_what_it_says_unasked_is_named() -> None:
    """A line before anything was asked, or a second answer, is known by the next question."""
    async with adapter("say('hello!\\n')") as eager:
        await until(lambda: eager.problem, Deadline(5))
        with pytest.raises(AdapterProblem, match="nobody had asked for, at its start: 'hello!'"):
            await eager.ask("hello", Hello)
    async with adapter("request = read()\nanswer(request)\nanswer(request)") as double:
        await double.ask("open", Result)
        await until(lambda: double.problem, Deadline(5))
        with pytest.raises(AdapterProblem, match="after its answer to `open`"):
            await double.ask("snapshot", Snapshot)


async def test_what_was_answered_before_it_died_is_kept() -> None:
    """Answers that came are as good as ever; the death between two questions is a death."""
    async with adapter("answer(read())\nsys.exit(1)") as short_lived:
        hello = await short_lived.ask("hello", Hello)
        assert hello.name == "a test's"
        await until(lambda: short_lived.problem, Deadline(5))
        with pytest.raises(AdapterEnded, match="ended with exit code 1 after `hello`"):
            await short_lived.ask("snapshot", Snapshot)


async def test_a_refusal_is_no_problem() -> None:
    """What the adapter refuses is told with its code, and the next verb is answered."""
    body = "refuse(read(), 'failed', 'not now', indefinite=True)"
    async with adapter(body) as choosy:
        with pytest.raises(Refusal) as refusal:
            await choosy.ask("start", Result, {"config": {}})
        assert str(refusal.value) == "`start` was refused: failed: not now"
        assert refusal.value.indefinite
        snapshot = await choosy.ask("snapshot", Snapshot)
        assert snapshot.connection.is_connected


async def test_a_flood_of_logs_holds_nothing_up() -> None:
    """Ten megabytes on stderr before each answer: it is read, and little of it kept."""
    flood = "\nfor _ in range(3):\n    log('x' * 10_000_000 + '\\n')\n    answer(read())\n"
    async with adapter(flood) as chatty:
        for _ in range(3):
            await chatty.ask("hello", Hello)
        assert chatty.problem is None


async def test_answers_to_many_who_ask_at_once() -> None:
    """Who asks while another waits has their turn, in order."""
    async with adapter() as calm:
        asked = [calm.ask("hello", Hello) for _ in range(20)]
        assert len({hello.name for hello in await asyncio.gather(*asked)}) == 1
        assert calm.problem is None


async def test_a_long_line_comes_whole() -> None:
    """A snapshot of eight megabytes, which comes in many pieces, is one answer."""
    body = "RESULTS['snapshot']['messages'] = {'x' * 8_000_000: []}"
    async with adapter(body) as large:
        snapshot = await large.ask("snapshot", Snapshot)
        assert [len(each) for each in snapshot.messages] == [8_000_000]


async def test_what_cannot_be_started_is_gone() -> None:
    """No such program, or none that may run: one sentence, and the run can end."""
    with pytest.raises(TargetGone, match=r"'nodee adapter\.js' cannot be started: No such file"):
        await Adapter.start(("nodee", "adapter.js"))


async def test_whatever_it_started_ends_with_it() -> None:
    """An adapter that heeds no exit is ended, its own children too."""
    body = """
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
answer(read(), RESULTS["hello"] | {"version": str(child.pid)})
read()
time.sleep(60)
"""
    began = time.monotonic()
    async with adapter(body) as stubborn:
        child = int((await stubborn.ask("hello", Hello)).version)
        os.kill(child, 0)
    await until(lambda: not is_alive(child), Deadline(5))
    assert time.monotonic() - began < 5


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not waited for does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
