"""Whole runs of Locust: what they count, how they end, what they leave behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from chatengine.history import Received
from conformance.history import Valid, check_for, judge, read
from tests.locustfiles.broken_server import Faults, broken_server
from tests.locustfiles.runs import (
    chatengine,
    finished,
    free_port,
    locust,
    one_sentence,
    only_record,
    started,
)
from tests.processes import end
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from reports.record import RunRecord


def assert_exact(record: RunRecord, *, subscribers: int = 20, conversations: int = 10) -> None:
    """All of it came: each message once to each subscriber of its conversation."""
    told = record.deliveries
    each = subscribers // conversations
    assert record.subscribers.connected == record.subscribers.requested == subscribers
    assert record.publishing.accepted == record.publishing.scheduled > 20
    assert told.received == told.expected == record.publishing.accepted * each
    assert (told.lost, told.duplicates, told.out_of_order) == (0, 0, 0)
    assert (told.unexpected, told.missed_while_disconnected) == (0, 0)
    assert sum(second.received for second in record.series) == told.received
    assert sum(second.published for second in record.series) == record.publishing.accepted


def assert_locust_agrees(path: Path, record: RunRecord) -> None:
    """Locust's own statistics hold what the record does, the last second included."""
    rows = {row["name"]: row["num_requests"] for row in json.loads(path.read_text())}
    assert rows["message delivery"] == record.deliveries.received
    assert rows["connect"] == rows["subscribe"] == record.subscribers.connected
    assert rows["webhook, lag behind schedule"] == record.publishing.scheduled


async def test_a_healthy_run_passes(tmp_path: Path) -> None:
    """Exit code 0, exact accounts, and nobody left on the server."""
    async with chatengine() as server:
        more = ["--headless", "--json-file", str(tmp_path / "stats")]
        ended = await finished(*locust(server.url, tmp_path, *more))
        record = only_record(ended, tmp_path, "pass")
        assert_exact(record)
        assert_locust_agrees(tmp_path / "stats.json", record)
        assert "Delivered" in ended.out


async def test_forked_workers_give_the_same_totals(tmp_path: Path) -> None:
    """With two workers on one host the accounts are as exact, on one clock."""
    port = str(free_port())
    async with chatengine() as server:
        arguments = locust(server.url, tmp_path, "--headless", "--master-bind-port", port)
        more = ["--processes", "2", "--json-file", str(tmp_path / "stats")]
        ended = await finished(*arguments, "--master-port", port, *more)
        record = only_record(ended, tmp_path, "pass")
        assert_exact(record)
        assert_locust_agrees(tmp_path / "stats.json", record)
        assert (record.generator.workers, record.clock.hosts) == (2, 1)


async def test_the_history_of_all_workers_is_one_file(tmp_path: Path) -> None:
    """What two workers did and received is judged as one: what was lost is lost, all else there."""
    with broken_server(Faults(lose_every=5)) as server:
        more = ["--headless", "--processes", "2", "--history", "10000", "--settle-seconds", "3"]
        ended = await finished(*locust(server.url, tmp_path, *more))
        record, lost = only_record(ended, tmp_path, "fail"), server.deliveries["lost"]
        path = only_history(tmp_path)
        history = read(path)
        verdicts = dict(judge(history))
        assert verdicts.pop("lost") == replace(check_for("lost", history), times=lost)
        assert set(verdicts.values()) == {Valid()}
        told = sum(isinstance(one, Received) for one in history)
        assert told == record.deliveries.received == server.deliveries["delivered"]
        assert f"history {path}" in ended.out


async def test_a_master_and_workers_of_its_own_give_the_same_totals(tmp_path: Path) -> None:
    """Started one by one, as on several hosts, they end in step and by themselves."""
    port = str(free_port())
    async with chatengine() as server:
        master = ["--headless", "--master", "--expect-workers", "2", "--master-bind-port", port]
        worker = ["--worker", "--master-port", port]
        async with (
            started(*locust(server.url, tmp_path, *worker)) as one,
            started(*locust(server.url, tmp_path, *worker)) as two,
            started(*locust(server.url, tmp_path, *master)) as lead,
        ):
            ended = await end(lead)
            assert [(await end(process)).code for process in (one, two)] == [0, 0]
        assert_exact(only_record(ended, tmp_path, "pass"))


async def test_a_server_that_loses_messages_fails(tmp_path: Path) -> None:
    """Exit code 1, and the record counts exactly what the server says it did."""
    with broken_server(Faults(lose_every=5, duplicate_every=7)) as server:
        ended = await finished(*locust(server.url, tmp_path, "--headless"))
        told, done = only_record(ended, tmp_path, "fail").deliveries, server.deliveries
        assert told.lost == done["lost"] > 0
        assert told.duplicates == done["duplicated"] > 0
        assert told.received == done["delivered"] - done["duplicated"]
        assert told.expected == 2 * len(server.posts)


async def test_a_server_that_breaks_the_protocol_is_told_in_counts(tmp_path: Path) -> None:
    """Every socket comes back; the log has not a line for each of them, the record a count."""
    with broken_server() as server:
        more = ["--headless", "--publish-seconds", "3"]
        async with started(*locust(server.url, tmp_path, *more)) as process:
            await until(lambda: len(server.posts) > 10, within_s=40)
            server.raw(b"\xff" * 40)
            ended = await end(process)
        record = only_record(ended, tmp_path, "pass")
        assert record.reconnects == 20
        (error,) = record.errors
        assert error.count == 20
        assert "the server broke the WebSocket protocol" in error.message
        assert "opcode" not in ended.err.partition("Error report")[0]


def only_history(out: Path) -> Path:
    """The one history below `out`."""
    (path,) = out.glob("*/history.jsonl")
    return path


USAGE = {
    "a number out of range": (["--conversations", "0"], "--conversations is 0 but must be"),
    "no thresholds": (["--thresholds", "p99<fast"], "--thresholds: "),
    "a host that is none": (["--host", "chat.example"], "--host 'chat.example' is not an http"),
    "no certificate": (
        ["--host", "https://127.0.0.1:1", "--ca-file", "/nowhere/ca.pem"],
        "--ca-file /nowhere/ca.pem cannot be read",
    ),
}


@pytest.mark.parametrize("case", USAGE)
async def test_a_mistake_in_the_options_is_usage(tmp_path: Path, case: str) -> None:
    """Exit code 2 and one sentence that names the option."""
    more, sentence = USAGE[case]
    ended = await finished(*locust("http://127.0.0.1:1", tmp_path, "--headless", *more))
    assert ended.code == 2, ended.err
    assert one_sentence(ended).startswith(sentence)


async def test_a_missing_secret_is_usage(tmp_path: Path) -> None:
    """Exit code 2 and one sentence that names the variable; workers end too."""
    command = locust("http://127.0.0.1:1", tmp_path, "--headless")
    ended = await finished(*command, CHATENGINE_JWT_SECRET="")
    assert ended.code == 2, ended.err
    assert one_sentence(ended).startswith("CHATENGINE_JWT_SECRET is not set")


async def test_nothing_listens(tmp_path: Path) -> None:
    """Exit code 3, one sentence, and with workers none of them is left."""
    port = free_port()
    url, bind = f"http://127.0.0.1:{port}", str(free_port())
    more = ["--processes", "2", "--master-bind-port", bind, "--master-port", bind]
    ended = await finished(*locust(url, tmp_path, "--headless", *more))
    assert ended.code == 3, ended.err
    assert one_sentence(ended).startswith(f"Nothing listens at 127.0.0.1:{port}; is a ChatEngine")


NO_CHATENGINE = {
    "another kind of server": (Faults(handshake="page"), "answered 200 at /api/ws/ instead of a"),
    "a wrong secret": (
        Faults(refusal={"message": "bad token", "data": {"code": "unauthorized"}}),
        "The server refused the connection: bad token; is CHATENGINE_JWT_SECRET the secret",
    ),
    "a wrong workspace": (
        Faults(refusal={"message": "no", "data": {"code": "forbidden"}}),
        "The server refused the connection: no; does the workspace 'w-1' of --instances exist",
    ),
}


@pytest.mark.parametrize("case", NO_CHATENGINE)
async def test_no_chatengine_is_told_before_the_run(tmp_path: Path, case: str) -> None:
    """Exit code 3 and one sentence."""
    faults, sentence = NO_CHATENGINE[case]
    with broken_server(faults) as server:
        ended = await finished(*locust(server.url, tmp_path, "--headless"))
    assert ended.code == 3, ended.err
    assert sentence in one_sentence(ended)


async def test_no_message_tells_what_a_url_carries_in_secret(tmp_path: Path) -> None:
    """User, password and query of a URL are in no message, whichever call fails."""
    secret = "http://user:hunter2@127.0.0.1:1/"
    nowhere = await finished(*locust(secret, tmp_path, "--headless"))
    with broken_server() as server:
        hook = f"{secret}?token=hunter2"
        command = locust(server.url, tmp_path, "--headless", "--webhook-url", hook)
        no_webhook = await finished(*command)
    for ended in (nowhere, no_webhook):
        assert ended.code == 3, ended.err
        assert "127.0.0.1:1" in one_sentence(ended)
        assert "hunter2" not in ended.err + ended.out


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Exit code 3 and one sentence, before anything is measured that could not be kept."""
    (tmp_path / "file").write_text("")
    async with chatengine() as server:
        ended = await finished(*locust(server.url, tmp_path / "file" / "below", "--headless"))
    assert ended.code == 3, ended.err
    assert "Cannot write" in one_sentence(ended)


async def test_a_run_does_not_overwrite_another(tmp_path: Path) -> None:
    """A name that is taken is said before anything is measured."""
    (tmp_path / "nightly").mkdir()
    (tmp_path / "nightly" / "run.json").write_text("the last run's")
    async with chatengine() as server:
        more = ["--headless", "--run-name", "nightly"]
        ended = await finished(*locust(server.url, tmp_path, *more))
    assert ended.code == 3, ended.err
    assert "it is there already" in one_sentence(ended)
    assert (tmp_path / "nightly" / "run.json").read_text() == "the last run's"


async def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    """Exit code 3 and one sentence; what was measured is still told in the terminal."""
    async with chatengine() as server:
        more = ["--headless", "--run-name", "doomed"]
        async with started(*locust(server.url, tmp_path, *more)) as process:
            folder = tmp_path / "doomed"
            await until(folder.is_dir, within_s=40)
            folder.rmdir()
            folder.write_text("in the way")
            ended = await end(process)
    assert ended.code == 3, ended.err
    assert "Delivered" in ended.out
    assert "Traceback" not in ended.err
    assert sum("Cannot write" in line for line in ended.err.splitlines()) == 1


async def test_a_run_that_was_stopped_early_is_invalid(tmp_path: Path) -> None:
    """A run of a minute of which two seconds were measured says so, first of all."""
    with broken_server() as server:
        more = ["--headless", "--publish-seconds", "60"]
        async with started(*locust(server.url, tmp_path, *more)) as process:
            await until(lambda: len(server.posts) > 10, within_s=40)
            process.send_signal(signal.SIGINT)
            ended = await end(process)
    record = only_record(ended, tmp_path, "invalid")
    assert record.publishing.asked_s == 60
    assert [reason.partition(":")[0] for reason in record.reasons] == ["The run was stopped early"]


async def test_as_many_messages_are_posted_as_were_asked_for(tmp_path: Path) -> None:
    """The rate times the seconds, to the last one."""
    with broken_server() as server:
        ended = await finished(*locust(server.url, tmp_path, "--headless", "--processes", "2"))
    assert only_record(ended, tmp_path, "pass").publishing.scheduled == 40


async def test_a_run_that_measures_nothing_is_invalid(tmp_path: Path) -> None:
    """Exit code 4 when nothing was published."""
    async with chatengine() as server:
        more = ["--headless", "--message-rate", "0", "--publish-seconds", "0.5"]
        ended = await finished(*locust(server.url, tmp_path, *more))
    only_record(ended, tmp_path, "invalid")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_in_the_middle_keeps_what_was_measured(
    tmp_path: Path, number: signal.Signals
) -> None:
    """The publishing ends, what is on its way is awaited, and the verdict decides."""
    with broken_server() as server:
        more = ["--headless", "--publish-seconds", "0"]
        async with started(*locust(server.url, tmp_path, *more)) as process:
            await until(lambda: len(server.posts) > 30, within_s=40)
            process.send_signal(number)
            ended = await end(process)
        record = only_record(ended, tmp_path, "pass")
        assert record.deliveries.received == server.deliveries["delivered"]
        assert record.deliveries.lost == 0
        await until(lambda: not server.clients)


async def test_a_signal_during_the_drain_makes_one_record(tmp_path: Path) -> None:
    """Ctrl-C while the run ends by itself waits for that end: one summary, one verdict."""
    with broken_server(Faults(lose_from=1)) as server:
        more = ["--headless", "--publish-seconds", "1", "--settle-seconds", "3"]
        async with started(*locust(server.url, tmp_path, *more)) as process:
            await until(lambda: len(server.posts) > 10, within_s=40)
            posts = -1
            while posts != len(server.posts):  # the publishing is over, the drain has begun
                posts = len(server.posts)
                await asyncio.sleep(0.3)
            process.send_signal(signal.SIGINT)
            ended = await end(process)
        record = only_record(ended, tmp_path, "fail")
        assert record.deliveries.lost == server.deliveries["lost"] > 0
        assert ended.out.count("Delivered  ") == 1


async def test_ctrl_c_in_a_terminal_reaches_workers_too_and_loses_nothing(tmp_path: Path) -> None:
    """The whole process group gets the signal; the workers still give the master their figures."""
    port = str(free_port())
    with broken_server() as server:
        more = ["--headless", "--publish-seconds", "0", "--processes", "2"]
        ports = ["--master-bind-port", port, "--master-port", port]
        arguments = locust(server.url, tmp_path, *more, *ports)
        async with started("tests.locustfiles.in_a_group", *arguments) as process:
            await until(lambda: len(server.posts) > 30, within_s=40)
            os.killpg(process.pid, signal.SIGINT)
            ended = await end(process)
        record = only_record(ended, tmp_path, "pass")
        assert record.deliveries.received == server.deliveries["delivered"]
        assert record.generator.silent_workers == 0
