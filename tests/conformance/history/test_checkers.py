"""The checkers against histories that were drawn: none is blamed wrongly, none gets away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chatengine.history import (
    VERSION,
    Actor,
    Began,
    Entered,
    LeftOut,
    Opened,
    Received,
    Sent,
    Settled,
    Shown,
    ShownMessage,
    Subscribed,
)
from conformance.history import ANOMALIES, Invalid, Unknown, Valid, check, check_for, judge
from tests.conformance.history.edits import edited
from tests.conformance.history.finale import INJECTIONS, Finale, finale
from tests.conformance.history.oracle import anomalies
from tests.conformance.history.worlds import histories

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.history import Anomaly, Record


@settings(max_examples=300, deadline=None)
@given(histories())
def test_what_keeps_the_contract_is_valid(history: list[Record]) -> None:
    """Whatever a world that keeps the contract does, no checker finds anything."""
    assert check(history) == Valid()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_the_checkers_agree_with_the_oracle(data: st.DataObject) -> None:
    """Whatever is done to a history, the checkers find what the oracle finds, by its name."""
    history = data.draw(edited(data.draw(histories(most=20))))
    assert _found(history) == anomalies(history)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_the_part_is_invalid_and_minimal(data: st.DataObject) -> None:
    """The part that a checker gives shows the anomaly; without any of its records it does not."""
    history = data.draw(edited(data.draw(histories(most=20))))
    for anomaly in ANOMALIES:
        verdict = check_for(anomaly, history)
        if isinstance(verdict, Invalid):
            assert verdict.anomaly == anomaly
            assert all(record in history for record in verdict.part)
            assert isinstance(check_for(anomaly, verdict.part), Invalid)
            for record in verdict.part:
                fewer = [each for each in verdict.part if each is not record]
                assert not isinstance(check_for(anomaly, fewer), Invalid)


def _found(history: list[Record]) -> set[Anomaly]:
    return {name for name in ANOMALIES if isinstance(check_for(name, history), Invalid)}


@settings(max_examples=50, deadline=None)
@given(histories(most=20))
def test_the_finale_is_valid(history: list[Record]) -> None:
    """What the anomalies are injected into has none by itself, after whatever it comes."""
    assert check([*history, *finale(history).values()]) == Valid()


@pytest.mark.parametrize(
    ("anomaly", "how", "inject"), INJECTIONS, ids=[f"{each[0]}: {each[1]}" for each in INJECTIONS]
)
def test_each_anomaly_is_found_by_its_name(
    anomaly: Anomaly, how: str, inject: Callable[[Finale], Finale]
) -> None:
    """However an anomaly comes about, and after whatever history, its checker finds it."""

    @settings(max_examples=15, deadline=None, database=None)
    @given(histories(most=20))
    def found_after(history: list[Record]) -> None:
        last = inject(finale(history))
        verdict = check_for(anomaly, [*history, *last.values()])
        assert isinstance(verdict, Invalid)
        assert any(record in last.values() for record in verdict.part), how

    found_after()


def test_what_nobody_had_time_for_is_unknown() -> None:
    """A message that entered behind the last fence is neither there nor lost: that is said."""
    records: list[Record] = [
        Opened(at_us=1, who="client", conversation="A"),
        _entered("m1", 2),
        Shown(at_us=3, who="client", conversation="A", messages=()),
    ]
    assert check(records) == Unknown("nothing says that m1 has had its time to reach client")


def test_a_socket_without_a_fence_is_unknown() -> None:
    """A subscription without any fence tells nothing of what did not arrive."""
    records: list[Record] = [
        Subscribed(at_us=1, who="socket", conversation="A"),
        _entered("m1", 2),
    ]
    assert check(records) == Unknown("nothing says that m1 has had its time to reach socket")


def test_a_history_without_an_observer_is_unknown() -> None:
    """Nothing is valid because nobody looked."""
    assert check([_entered("m1", 1)]) == Unknown(
        "nothing was observed: no client showed anything, no socket was subscribed"
    )


def test_what_is_left_out_may_have_been() -> None:
    """Where records are missing nothing is valid, and only what is there can be wrong."""
    gap = LeftOut(at_us=9, who="*", why="the rest")
    received = [
        Received(at_us=3 + n, who="socket", message="m1", conversation="A") for n in range(2)
    ]
    history: list[Record] = [
        Subscribed(at_us=1, who="socket", conversation="A"),
        *received,
        gap,
    ]
    verdicts = dict(judge(history))
    twice = verdicts.pop("duplicated")
    assert twice == Invalid("duplicated", "socket received m1 twice", tuple(received))
    assert set(verdicts.values()) == {Unknown("left out is the rest")}
    assert isinstance(check_for("phantom", history[:-1]), Invalid)


def test_all_findings_are_counted() -> None:
    """The part shows the first of them, and how many there are is told beside it."""
    subscribed = Subscribed(at_us=1, who="socket", conversation="A")
    entered = [_entered(f"m{n}", 2 + n) for n in range(3)]
    fence = Settled(at_us=9, who="*", upto_us=8)
    verdict = check([subscribed, *entered, fence])
    assert isinstance(verdict, Invalid)
    assert (verdict.times, verdict.part) == (3, (subscribed, entered[0], fence))


def test_an_anomaly_outweighs_a_doubt() -> None:
    """What is wrong is wrong, whatever else is unknown."""
    received = Received(at_us=3, who="socket", message="m0", conversation="A")
    subscribed = Subscribed(at_us=1, who="socket", conversation="A")
    assert check([subscribed, _entered("m1", 2), received]) == Invalid(
        "phantom", "socket received m0, which never entered", (received,)
    )


def test_a_send_whose_answer_was_lost_is_no_alarm() -> None:
    """What may have entered may be shown, and need not be; nor does it make anything late."""
    shown = ShownMessage(id="evo-m1", status="delivered", created_ms=1)
    for messages in ((), (shown,)):
        records: list[Record] = [
            Opened(at_us=1, who="client", conversation="A"),
            replace(_entered("m1", 3), outcome="unknown", began_us=2),
            Settled(at_us=5, who="client", upto_us=4),
            Shown(at_us=6, who="client", conversation="A", messages=messages),
        ]
        assert check(records) == Valid()


def test_a_repeated_client_id_after_a_failure_begins_anew() -> None:
    """The same client id once more, after a failure, is another send: its status begins below."""
    send = Sent(at_us=1, who="client", conversation="A", client_id="c1")

    def looks(at_us: int, status: str) -> Shown:
        one = ShownMessage(id="c1", status=status, created_ms=1, client_id="c1")
        return Shown(at_us=at_us, who="client", conversation="A", messages=(one,))

    assert check([send, looks(2, "failed"), replace(send, at_us=3), looks(4, "sending")]) == Valid()
    assert isinstance(check([send, looks(2, "failed"), looks(4, "sending")]), Invalid)


def test_another_scope_is_no_leak() -> None:
    """A server that sends messages to the whole workspace is held to no subscription."""
    records: list[Record] = [
        Began(at_us=0, who="harness", version=VERSION, scope="workspace"),
        Actor(at_us=0, who="socket", workspace="w-1", kind="socket"),
        _entered("m1", 1),
        Received(at_us=2, who="socket", message="evo-m1", conversation="A"),
    ]
    assert check(records) == Valid()
    assert isinstance(check(records[1:]), Invalid)


def test_a_hundred_thousand_receipts_are_judged_in_seconds() -> None:
    """The history of a load run, ten sockets and 10,000 messages, takes no more than 5 s."""
    sockets = [f"socket {n}" for n in range(10)]
    records: list[Record] = [
        Subscribed(at_us=0, who=socket, conversation="A") for socket in sockets
    ]
    for n in range(10_000):
        records.append(_entered(f"m{n}", 10 * n + 1))
        records += [
            Received(at_us=10 * n + 2, who=socket, message=f"evo-m{n}", conversation="A")
            for socket in sockets
        ]
    records.append(Settled(at_us=200_000, who="*", upto_us=200_000))
    began = time.process_time()
    assert check(records) == Valid()
    assert time.process_time() - began < 5


def _entered(name: str, at_us: int) -> Entered:
    return Entered(at_us=at_us, who="harness", message=name, conversation="A", workspace="w-1")
