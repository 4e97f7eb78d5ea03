"""Locust as a user starts it, in a process of its own, and what it leaves behind."""

from __future__ import annotations

import json
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import jsonschema
import msgspec

from fakes.chatengine.app import running_chatengine
from fakes.chatengine.settings import ChatEngineSettings
from fakes.environment import Instance, Secret
from reports import record
from reports.schema import PATH
from reports.thresholds import EXIT_CODES, Limit, judged
from tests.processes import Ended, end, program

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from fakes.chatengine.app import RunningChatEngine
    from reports.record import Verdict

__all__ = [
    "SECRET",
    "chatengine",
    "finished",
    "free_port",
    "locust",
    "one_sentence",
    "only_record",
    "records",
    "started",
]

SECRET: Final = "a-secret-that-both-sides-share-32"
_LIMITS: Final = "delivered>99%, duplicates<=0, out_of_order<=0, connected>99%, accepted>99%"
_ENVIRONMENT: Final = {"CHATENGINE_JWT_SECRET": SECRET, "PYTHONDONTWRITEBYTECODE": "1"}


def chatengine(**settings: Any) -> AbstractAsyncContextManager[RunningChatEngine]:
    """The fake ChatEngine in this process, with one instance and our secret."""
    instances = {"sales-1": Instance("w-1", "n-1")}
    return running_chatengine(
        ChatEngineSettings(secret=Secret(SECRET), instances=instances, **settings)
    )


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def locust(
    url: str, out: Path | str, *more: str, locustfile: str = "locustfiles/subscribers.py"
) -> list[str]:
    """The command line of a small run: 20 users, 2 s, 20 messages a second; no limit on time."""
    return [
        *("locust", "-f", locustfile, "--host", url, "--out", str(out)),
        *("--users", "20", "--spawn-rate", "100", "--message-rate", "20"),
        *("--publish-seconds", "2", "--settle-seconds", "1", "--only-summary"),
        *("--thresholds", _LIMITS),
        *more,
        *_own_port(more),
    ]


def _own_port(more: tuple[str, ...]) -> list[str]:
    """Keep runs with forked workers out of each other's way."""
    port = str(free_port())
    forked = "--processes" in more
    return ["--master-bind-port", port, "--master-port", port] if forked else []


@asynccontextmanager
async def started(*arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `python -m <arguments>` within the block."""
    variables = {name: value for name, value in (_ENVIRONMENT | environment).items() if value}
    async with program(*arguments, env=variables) as process:
        yield process


async def finished(*arguments: str, **environment: str) -> Ended:
    """Run `python -m <arguments>` to its end."""
    async with started(*arguments, **environment) as process:
        return await end(process)


def records(out: Path) -> list[record.RunRecord]:
    """The records below `out`, oldest first, each checked against the schema."""
    schema = json.loads(PATH.read_text())
    paths = sorted(out.glob("*/run.json"))
    for path in paths:
        jsonschema.validate(json.loads(path.read_text()), schema)
        assert (path.parent / "report.html").stat().st_size > 1000
        assert (path.parent / "junit.xml").exists()
    return [record.read(path) for path in paths]


def only_record(ended: Ended, out: Path, verdict: Verdict) -> record.RunRecord:
    """The record of a run that ended as its verdict says, and without a traceback.

    On a machine that is busy with other tests a generator may be late, which rightly makes its run
    invalid: the verdict meant here is the one that it would have got with time.
    """
    assert "Traceback" not in ended.err, ended.err
    (found,) = records(out)
    assert ended.code == EXIT_CODES[found.verdict], ended.err
    limits = [Limit(each.name, each.comparison, each.limit) for each in found.thresholds]
    lag = found.publisher_lag_ms
    calm = msgspec.structs.replace(
        found,
        generator=msgspec.structs.replace(found.generator, late_intervals=0, late_ms=0),
        publisher_lag_ms=msgspec.structs.replace(lag, p99=0.0) if lag.count else lag,
    )
    assert judged(calm, limits).verdict == verdict, found.reasons
    return found


def one_sentence(ended: Ended) -> str:
    """What was said on stderr besides Locust's own log; it must be a single line of ours."""
    assert "Traceback" not in ended.err, ended.err
    said = [line for line in ended.err.splitlines() if line.startswith("chatengine-harness: ")]
    assert len(said) == 1, ended.err
    return said[0].removeprefix("chatengine-harness: ")
