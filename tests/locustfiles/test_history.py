"""The history of a load run: judged by the checkers, it tells exactly what a server did wrong."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from chatengine.history import Dropped, Entered, LeftOut, Received, Settled, Unsubscribed
from conformance.history import Invalid, Unknown, Valid, check, check_for, judge, read
from locustfiles.engine.accounting import Tally
from locustfiles.history import HistoryFile
from locustfiles.load import Load
from locustfiles.options import Options
from reports.files import ReportError
from tests.locustfiles.agents import until
from tests.locustfiles.broken_server import BrokenServer, Faults, broken_server
from tests.locustfiles.option_values import values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chatengine.history import History
    from locustfiles.engine.sockets import Socket

SUBSCRIBERS = 4
MOST = 10_000


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATENGINE_JWT_SECRET", "s" * 32)


@pytest.fixture
def load() -> Iterator[Load]:
    """One process's part of a run, ended and closed afterwards."""
    load = Load()
    yield load
    load.end()
    load.engine.close()


class Recorded:
    """A run of some subscribers of two conversations, with its history."""

    def __init__(
        self,
        load: Load,
        server: BrokenServer,
        folder: Path,
        *,
        most: int = MOST,
        settle_s: float = 1.0,
    ) -> None:
        line = f"--conversations 2 --message-rate 25 --settle-seconds {settle_s} --history {most}"
        self.tally = Tally()
        self._load = load
        self._server = server
        load.run = load.new_run()
        load.begin(Options.read(server.url, values(line)))
        self._file = HistoryFile(folder, most, load.engine.began_us, "a run")
        self.agents = [self.agent() for _ in range(SUBSCRIBERS)]
        load.publish(0, 1)

    def agent(self) -> tuple[Socket, str]:
        """One more agent, connected, and the conversation it is subscribed to."""
        workspace, (conversation,) = self._load.next_subscriber()
        socket = self._load.socket(workspace, "agent")
        self._load.engine.run(socket.connect)
        self._load.engine.run(lambda: socket.subscribe(conversation))
        return socket, conversation

    def posts(self, more: int) -> None:
        """Wait until so many more messages have entered."""
        wanted = len(self._server.posts) + more
        until(lambda: len(self._server.posts) >= wanted)

    def ended(self) -> History:
        """The history, once all has arrived or is lost."""
        load, clock = self._load, self._load.engine.clock
        streams = load.finish_publishing()
        published_us = clock.now_us()
        self.tally, ledger = load.drain(streams)
        self._file.add(ledger.history, clock.now_us())
        self._file.settle(published_us, clock.now_us(), silent=0)
        return read(self._file.finish())


def found(history: History) -> dict[str, int]:
    """The anomalies, each with how often it was found; a doubt fails."""
    verdicts = dict(judge(history))
    assert not [each for each in verdicts.values() if isinstance(each, Unknown)]
    return {name: each.times for name, each in verdicts.items() if isinstance(each, Invalid)}


def test_a_good_server_is_valid(load: Load, tmp_path: Path) -> None:
    """Of a server that loses, repeats and reorders nothing, no checker finds anything."""
    with broken_server() as server:
        run = Recorded(load, server, tmp_path)
        run.posts(30)
        history = run.ended()
        assert found(history) == {}
        received = [record for record in history if isinstance(record, Received)]
        assert len(received) == server.deliveries["delivered"] > 50


@pytest.mark.parametrize(
    ("faults", "names"),
    [
        (Faults(lose_every=7), {"lost"}),
        (Faults(duplicate_every=5), {"duplicated"}),
        (Faults(swap_every=6), {"reordered"}),
        (
            Faults(lose_every=7, duplicate_every=5, swap_every=11),
            {"lost", "duplicated", "reordered"},
        ),
    ],
    ids=["loses", "duplicates", "swaps", "does all of it"],
)
def test_what_a_server_does_wrong_is_found(
    load: Load, tmp_path: Path, faults: Faults, names: set[str]
) -> None:
    """Exactly the anomalies that were made, by their names and as often as they were made.

    Order is owed only to what was answered when the next one was posted, which a publisher that has
    to catch up does not wait for: then a swap is none, for the accounts neither.
    """
    with broken_server(faults) as server:
        run = Recorded(load, server, tmp_path)
        run.posts(50)
        told, done = found(run.ended()), server.deliveries
        held_back = len(server.held) * SUBSCRIBERS // 2
        reordered = told.get("reordered", 0)
        assert run.tally.out_of_order <= reordered <= done["swapped"]
        made = {
            "lost": done["lost"] + held_back,
            "duplicated": done["duplicated"],
            "reordered": reordered,
        }
        assert told == {name: times for name, times in made.items() if times}
        assert names <= told.keys()


def test_what_the_server_did_not_accept_is_owed_to_nobody(load: Load, tmp_path: Path) -> None:
    """A post that failed may have entered, or not: either is valid."""
    with broken_server(Faults(refuse_every=5, cut_every=7)) as server:
        run = Recorded(load, server, tmp_path)
        run.posts(40)
        history = run.ended()
        assert found(history) == {}
        outcomes = {record.outcome for record in history if isinstance(record, Entered)}
        assert outcomes == {"ok", "unknown"}


def test_agents_that_lose_their_connection_leave_or_come_are_judged(
    load: Load, tmp_path: Path
) -> None:
    """While they were subscribed all of it was owed to them, and nothing before or after."""
    with broken_server() as server:
        run = Recorded(load, server, tmp_path, settle_s=20)
        run.posts(10)
        server.cut()
        until(lambda: len(server.clients) == SUBSCRIBERS)
        run.posts(10)
        (leaving, conversation), (closing, _), *_ = run.agents
        load.engine.run(lambda: leaving.unsubscribe(conversation))
        load.engine.run(closing.close)
        run.agent()
        run.posts(10)
        history = run.ended()
        assert found(history) == {}
        assert sum(isinstance(record, Dropped) for record in history) == SUBSCRIBERS
        assert sum(isinstance(record, Unsubscribed) for record in history) == 1


def test_what_was_lost_before_an_agent_left_is_lost(load: Load, tmp_path: Path) -> None:
    """Who leaves in the middle was owed what had its time to come until then."""
    with broken_server() as server:
        run = Recorded(load, server, tmp_path, settle_s=0.1)
        first_lost = server.faults.lose_from = len(server.posts) + 10
        until(lambda: len(server.posts) > first_lost)
        until(lambda: time.monotonic() > server.posts[first_lost][0] + 1)
        for socket, _ in run.agents:
            load.engine.run(socket.close)
        lost = check_for("lost", run.ended())
        assert isinstance(lost, Invalid)
        assert any(isinstance(record, Settled) and record.who != "*" for record in lost.part)


def test_a_history_with_a_bound_is_never_valid(load: Load, tmp_path: Path) -> None:
    """It holds no more than it may, says what is left out, and is unknown."""
    with broken_server() as server:
        run = Recorded(load, server, tmp_path, most=100)
        run.posts(50)
        history = run.ended()
    assert len(history) <= 100 + 1
    (gap,) = [record for record in history if isinstance(record, LeftOut)]
    assert gap.why == "what came after the first 100 records"
    assert check(history) == Unknown(f"left out is {gap.why}")


def test_a_worker_that_did_not_answer_is_left_out(tmp_path: Path) -> None:
    """What nobody told is not taken for what did not happen."""
    file = HistoryFile(tmp_path, MOST, 1, "a run")
    file.settle(2, 3, silent=1)
    history = read(file.finish())
    assert isinstance(check_for("lost", history), Unknown)


def test_without_a_history_nothing_is_kept(load: Load) -> None:
    """There is no journal, and a socket is the one that knows of none."""
    with broken_server() as server:
        load.run = load.new_run()
        load.begin(Options.read(server.url, values("--message-rate 50")))
        assert load.engine.journal is None
        assert type(load.socket("w-1", "agent")).__name__ == "Socket"
        load.publish(0, 1)
        until(lambda: len(server.posts) >= 5)
        _, ledger = load.drain(load.finish_publishing())
        assert ledger.history == b""


def test_a_history_that_cannot_be_written_is_told_at_the_end(tmp_path: Path) -> None:
    """One sentence, with the file's name; what came before the end went on."""
    file = HistoryFile(tmp_path / "nowhere", MOST, 1, "a run")
    file.add(b"{}\n", 2)
    with pytest.raises(ReportError, match=r"history\.jsonl: No such file") as caught:
        file.finish()
    assert str(caught.value).startswith("Cannot write")


def test_a_valid_history_is_only_there_when_it_is_whole(tmp_path: Path) -> None:
    """Until the end it has another name: a run that was killed leaves no history to be judged."""
    file = HistoryFile(tmp_path, MOST, 1, "a run")
    assert not (tmp_path / "history.jsonl").exists()
    assert file.finish() == tmp_path / "history.jsonl"
    assert check(read(tmp_path / "history.jsonl")) != Valid()
