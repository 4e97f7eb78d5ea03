"""Workers and masters that die in the middle."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.locustfiles.broken_server import broken_server
from tests.locustfiles.runs import finished, free_port, locust, one_sentence, only_record, started
from tests.processes import end
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@asynccontextmanager
async def distributed(
    url: str, out: Path, *more: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[asyncio.subprocess.Process]]]:
    """A master and two workers."""
    port = str(free_port())
    master = ["--headless", "--master", "--expect-workers", "2", "--master-bind-port", port, *more]
    worker = ["--worker", "--master-port", port]
    async with (
        started(*locust(url, out, *worker)) as one,
        started(*locust(url, out, *worker)) as two,
        started(*locust(url, out, *master)) as lead,
    ):
        yield lead, [one, two]


async def said(process: asyncio.subprocess.Process, sentence: str) -> None:
    """Wait until a program has said so on stderr."""
    assert process.stderr is not None
    async with asyncio.timeout(40):
        while sentence not in (await process.stderr.readline()).decode():
            pass


@pytest.mark.slow
@pytest.mark.parametrize("killed", [1, 2])
async def test_a_worker_that_dies_makes_the_run_invalid(tmp_path: Path, killed: int) -> None:
    """Its figures are missing, so the run says nothing: exit code 4, with one or both of them."""
    with broken_server() as server:
        more = ["--publish-seconds", "8"]
        async with distributed(server.url, tmp_path, *more) as (master, workers):
            await until(lambda: len(server.posts) > 20, within_s=40)
            for worker in workers[:killed]:
                worker.kill()
            ended = await end(master)
        record = only_record(ended, tmp_path, "invalid")
        assert record.generator.silent_workers == killed


async def test_a_worker_that_comes_late_stays_out(tmp_path: Path) -> None:
    """Locust may move users to it, which do nothing; the accounts of the others stay exact."""
    port = str(free_port())
    with broken_server() as server:
        master = ["--headless", "--master", "--expect-workers", "1", "--master-bind-port", port]
        worker = locust(server.url, tmp_path, "--worker", "--master-port", port)
        async with (
            started(*worker),
            started(*locust(server.url, tmp_path, *master, "--publish-seconds", "0")) as lead,
        ):
            await until(lambda: len(server.posts) > 10, within_s=40)
            async with started(*worker) as late:
                await said(lead, "2 workers connected")
                posts = len(server.posts)
                await until(lambda: len(server.posts) > posts + 20, within_s=40)
                lead.send_signal(signal.SIGINT)
                ended = await end(lead)
                stayed_out = await end(late)
        record = only_record(ended, tmp_path, "pass")
        assert record.subscribers.requested == record.subscribers.connected == 20
        assert record.generator.silent_workers == 0
        assert "Traceback" not in stayed_out.err


async def test_a_worker_whose_master_died_can_be_ended(tmp_path: Path) -> None:
    """Ctrl-C waits for a master that might still ask; a second one ends it, and its sockets."""
    with broken_server() as server:
        async with distributed(server.url, tmp_path, "--publish-seconds", "0") as found:
            master, workers = found
            await until(lambda: len(server.posts) > 10, within_s=40)
            master.kill()
            for worker in workers:
                worker.send_signal(signal.SIGINT)
            await until(lambda: len(server.posts) > 30, within_s=40)
            for worker in workers:
                worker.send_signal(signal.SIGINT)
            ended = [await end(worker) for worker in workers]
        await until(lambda: not server.clients)
        assert all("Traceback" not in each.err for each in ended), ended[0].err


async def test_a_worker_without_the_secret_says_so(tmp_path: Path) -> None:
    """A worker has an environment of its own: one sentence, exit code 2."""
    port = str(free_port())
    with broken_server() as server:
        master = ["--headless", "--master", "--master-bind-port", port]
        async with started(*locust(server.url, tmp_path, *master)):
            worker = locust(server.url, tmp_path, "--worker", "--master-port", port)
            ended = await finished(*worker, CHATENGINE_JWT_SECRET="")
    assert ended.code == 2, ended.err
    assert one_sentence(ended).startswith("CHATENGINE_JWT_SECRET is not set")
