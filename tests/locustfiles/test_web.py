"""Runs steered from Locust's web UI, through its HTTP calls."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from reports.thresholds import EXIT_CODES
from tests.locustfiles.broken_server import broken_server
from tests.locustfiles.runs import free_port, records, started
from tests.processes import Ended, end
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FORM = {"user_count": "10", "spawn_rate": "100", "settle_seconds": "1", "message_rate": "20"}


class Page:
    """Locust's page as a browser uses it; `ended` once the process is gone."""

    def __init__(self, url: str, session: aiohttp.ClientSession, process: Any) -> None:
        self._url = url
        self._session = session
        self._process = process

    async def swarm(self, **form: str) -> None:
        async with self._session.post(f"{self._url}/swarm", data=FORM | form) as answer:
            assert (await answer.json())["success"] is True

    async def stop(self) -> None:
        async with self._session.post(f"{self._url}/stop") as answer:
            assert answer.status == 200

    async def statistics(self) -> dict[str, Any]:
        async with self._session.get(f"{self._url}/stats/requests") as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def said(self, sentence: str) -> None:
        """Wait until the log says so."""
        async with asyncio.timeout(40):
            while True:
                async with self._session.get(f"{self._url}/logs") as answer:
                    if sentence in await answer.text():
                        return
                await asyncio.sleep(0.05)

    async def end(self) -> Ended:
        self._process.send_signal(signal.SIGTERM)
        return await end(self._process)


@asynccontextmanager
async def page(url: str, out: Path, *more: str) -> AsyncIterator[Page]:
    """Locust with its page, ready, and with its worker where it has one."""
    port = str(free_port())
    file = ["locust", "-f", "locustfiles/subscribers.py", "--host", url, "--out", str(out)]
    async with (
        started(*file, "--web-port", port, *more) as process,
        aiohttp.ClientSession() as session,
    ):
        found = Page(f"http://127.0.0.1:{port}", session, process)
        async with asyncio.timeout(40):
            while True:
                with suppress(aiohttp.ClientError):
                    if (await found.statistics()).get("workers") or "--processes" not in more:
                        break
                await asyncio.sleep(0.05)
        yield found


async def test_two_runs_give_two_records(tmp_path: Path) -> None:
    """One ends by itself, one is stopped: each has its own exact record."""
    with broken_server() as server:
        async with page(server.url, tmp_path) as locust:
            await locust.swarm(run_name="one", publish_seconds="1")
            await until(lambda: list(tmp_path.glob("one/junit.xml")), within_s=40)
            delivered, posts = server.deliveries["delivered"], len(server.posts)
            await locust.swarm(run_name="two", publish_seconds="0")
            await until(lambda: len(server.posts) >= posts + 20, within_s=40)
            await locust.stop()
            await until(lambda: list(tmp_path.glob("two/junit.xml")), within_s=40)
            assert not server.clients
            ended = await locust.end()
        assert "Traceback" not in ended.err
        one, two = records(tmp_path)
        assert one.deliveries.received == one.deliveries.expected == delivered
        assert two.deliveries.expected == server.deliveries["delivered"] - delivered
        assert two.deliveries.lost == one.deliveries.lost == 0
        assert two.subscribers.requested == 10


async def test_users_lowered_and_raised_in_the_middle_keep_the_accounts(tmp_path: Path) -> None:
    """Who leaves is owed nothing more, who comes only what follows, and all of it adds up."""
    with broken_server() as server:
        async with page(server.url, tmp_path) as locust:
            await locust.swarm(publish_seconds="0")
            await until(lambda: len(server.posts) >= 10, within_s=40)
            await locust.swarm(user_count="4")
            await until(lambda: len(server.clients) == 4)
            await locust.swarm(user_count="12")
            await until(lambda: len(server.clients) == 12)
            posts = len(server.posts)
            await until(lambda: len(server.posts) >= posts + 10)
            await locust.stop()
            ended = await locust.end()
        assert "Traceback" not in ended.err
        (record,) = records(tmp_path)
        assert record.subscribers.requested == record.subscribers.connected == 18
        assert record.deliveries.received == record.deliveries.expected
        # Delivered into a socket that was just being closed, and not taken any more: at most.
        unseen = server.deliveries["delivered"] - record.deliveries.received
        assert 0 <= unseen <= 6


@pytest.mark.parametrize("processes", [[], ["--processes", "1"]])
async def test_a_mistake_in_the_form_starts_nobody(tmp_path: Path, processes: list[str]) -> None:
    """One sentence in the log, no user, no record; the next run is a good one."""
    port = str(free_port())
    more = [*processes, "--master-bind-port", port, "--master-port", port] if processes else []
    with broken_server() as server:
        async with page(server.url, tmp_path, *more) as locust:
            await locust.swarm(conversations="0")
            await locust.said("--conversations is 0 but must be from 1 to")
            await locust.swarm(host="http://127.0.0.1:1", conversations="10")
            await locust.said("Nothing listens at 127.0.0.1:1")
            assert not server.attempts
            await locust.swarm(host=server.url, publish_seconds="1")
            await until(lambda: list(tmp_path.glob("*/junit.xml")), within_s=40)
            ended = await locust.end()
        assert "Traceback" not in ended.err
        (record,) = records(tmp_path)
        assert ended.code == EXIT_CODES[record.verdict]
