"""From measurements to figures and goals; the measuring itself is `make bench`."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks.engine.figures import Round, figures, goals
from benchmarks.engine.measuring import Idle, Traffic
from benchmarks.engine.scenario import Scenario, message
from locustfiles.engine.stamps import parse


def a_round(ours_us: float, *, contrib_us: float = 300.0, node_us: float = 40.0) -> Round:
    def traffic(receive_us: float, send_us: float = 10.0) -> Traffic:
        return Traffic(receive_us, send_us, offered_per_s=10_000, delivered_per_s=10_000)

    ours = traffic(ours_us)
    return Round(
        receiving={
            "ours": ours,
            "locust_contrib": traffic(contrib_us),
            "node": traffic(node_us),
        },
        sending={"ours": ours, "node": traffic(ours_us, send_us=20.0)},
        idle={"ours": Idle(connects_per_s=1000, idle_kib=30.0)},
    )


def test_a_figure_is_the_median_of_the_rounds() -> None:
    """Also where a contender has no part in something, which is then absent."""
    found = figures([a_round(10), a_round(30), a_round(11)])
    assert (found["ours"].receive_us, found["ours"].send_us, found["ours"].idle_kib) == (11, 10, 30)
    assert found["locust_contrib"].receive_us == 300
    assert found["locust_contrib"].send_us is None


def test_a_ratio_is_taken_within_a_round() -> None:
    """A round in which the whole machine was slow does not spoil it."""
    rounds = [a_round(16), a_round(64, contrib_us=1200, node_us=160), a_round(16)]
    by_name = {goal.name: goal for goal in goals(rounds)}
    ratio = by_name["receiving: ours / Node's client"]
    assert (ratio.rounds, ratio.actual, ratio.ok) == ([0.4, 0.4, 0.4], 0.4, True)


@pytest.mark.parametrize(("ours_us", "holds"), [(20.0, True), (20.1, False)])
def test_a_goal_holds_up_to_its_limit(ours_us: float, holds: bool) -> None:
    """20 us are 1/15 of 300 and half of 40, and a little more is more."""
    receiving = [goal for goal in goals([a_round(ours_us)]) if goal.name.startswith("receiving")]
    assert [goal.ok for goal in receiving] == [holds, holds]


def test_a_message_has_the_length_asked_for_and_a_stamp() -> None:
    """As a packet on the wire, whatever its number; a receiver of ours accounts for it."""
    scenario = Scenario()
    for sequence in (0, 123_456):
        sent = message(scenario, 7, sequence)
        assert len(b"42" + msgspec.json.encode(["message", sent])) == scenario.wire_bytes
        stamp = parse(sent["metadata"]["providerMessageId"])
        assert stamp is not None
        assert (stamp.run, stamp.sequence) == (7, sequence)
