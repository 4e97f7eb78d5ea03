"""Goals, medians and ratios, and the verdict over all sections."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from benchmarks.core.reducers import ReducerFigures
from benchmarks.core.section import goals as core_goals
from benchmarks.figures import Goal, median_of, medians, ratios
from benchmarks.results import Results
from benchmarks.section import Outcome
from benchmarks.switching.section import Round, goals
from benchmarks.table import contenders_table, print_verdict

if TYPE_CHECKING:
    from benchmarks.figures import Bound


class Cost(Struct, frozen=True):
    us: float
    kib: float


@pytest.mark.parametrize(
    ("bound", "actual", "holds"),
    [
        ("at most", 2.0, True),
        ("at most", 2.1, False),
        ("at least", 2.0, True),
        ("at least", 1.9, False),
    ],
)
def test_a_goal_holds_up_to_its_limit(bound: Bound, actual: float, holds: bool) -> None:
    """The limit itself is within, from either side."""
    assert Goal("g", actual, 2.0, [actual], bound).ok is holds


def test_a_goal_is_judged_as_it_says() -> None:
    """By the median of its rounds, or by the worst where every user was promised it."""
    rounds = [1.0, 2.0, 9.0]
    assert Goal.of("usually", 5, rounds, lambda each: each).ok
    assert not Goal.of("always", 5, rounds, lambda each: each, judge=max).ok


def test_medians_and_ratios() -> None:
    """Medians field by field; a ratio is taken within a round, then the median of these."""
    rounds = [
        {"a": Cost(1, 10), "b": Cost(2, 10)},
        {"a": Cost(100, 30), "b": Cost(200, 10)},  # the machine was slow
        {"a": Cost(3, 20), "b": Cost(4, 10)},
    ]
    assert median_of([each["a"] for each in rounds]) == Cost(3, 20)
    assert medians(rounds)["b"] == Cost(4, 10)
    assert ratios(rounds, "b", lambda each: each.us) == {"a": 0.5, "b": 1.0}


def a_round(to_supabase_ms: float = 600.0, to_socket_ms: float = 2000.0) -> Round:
    return Round(
        to_supabase=[to_supabase_ms],
        to_supabase_quick=[400.0],
        to_socket=[500.0, to_socket_ms],
        to_socket_quick=[100.0],
        gap_chatengine=[50.0],
        gap_supabase=[60.0],
    )


def test_the_slowest_client_counts() -> None:
    """One client of one round that takes too long fails the promise, and no other one."""
    assert all(goal.ok for goal in goals([a_round(), a_round()]))
    failed = [goal.name for goal in goals([a_round(), a_round(to_socket_ms=5001)]) if not goal.ok]
    assert failed == ["ms, return of the server to the socket serving"]
    failed = [goal.name for goal in goals([a_round(to_supabase_ms=2001)]) if not goal.ok]
    assert failed == ["ms, loss of the socket to Supabase serving"]


@pytest.mark.parametrize(
    ("per_s", "ms", "expected"),
    [(200_000, 20, [True, True]), (199_999, 20, [False, True]), (200_000, 20.1, [True, False])],
)
def test_the_core_has_to_be_fast_enough(per_s: float, ms: float, expected: list[bool]) -> None:
    """200,000 events a second at least, and 20 ms to open 10,000 messages at most."""
    figures = ReducerFigures(per_s, 0, 0, 0, 0, 0, ms, 0, 0)
    assert [goal.ok for goal in core_goals([figures])] == expected


def outcome(key: str, *goals: Goal) -> Outcome:
    return Outcome(table=Table(), goals=list(goals), record={key: {"x": 1}})


GOOD = Goal("good", 1.0, 2.0, [1.0])
BAD = Goal("bad", 3.0, 2.0, [3.0])


@pytest.mark.parametrize(
    ("outcomes", "missing", "code"),
    [
        ({"a": outcome("a", GOOD)}, {}, 0),
        ({"a": outcome("a", GOOD), "b": outcome("b", BAD)}, {}, 1),
        ({"a": outcome("a", GOOD)}, {"b": "no Node"}, 3),
        ({"a": outcome("a", BAD)}, {"b": "no Node"}, 3),
    ],
)
def test_the_exit_code(outcomes: dict[str, Outcome], missing: dict[str, str], code: int) -> None:
    """0 where all goals hold, 1 where one does not, 3 where something did not run at all."""
    results = Results(outcomes, missing)
    assert results.exit_code == code
    assert results.document({})["ok"] is (code == 0)


def test_the_document() -> None:
    """It has the keys of every section, and all goals with the section that they are of."""
    results = Results({"a": outcome("one", GOOD), "b": outcome("two", BAD)}, {"c": "no Node"})
    document = json.loads(msgspec.json.encode(results.document({"cpus": 4})))
    assert document["one"] == document["two"] == {"x": 1}
    assert [(each["section"], each["name"], each["ok"]) for each in document["goals"]] == [
        ("a", "good", True),
        ("b", "bad", False),
    ]
    assert document["goals"][1]["rounds"] == [3.0]
    assert (document["could_not_run"], document["environment"]) == ({"c": "no Node"}, {"cpus": 4})


def test_what_a_person_sees() -> None:
    """A row for each contender, nothing where it has no part, and a line for each goal."""
    written = StringIO()
    console = Console(file=written, width=80)
    columns = [
        ("us", lambda _, each: each.us, ".1f"),
        ("of b", lambda name, _: {"a": 0.5}.get(name), ".2f"),
    ]
    console.print(contenders_table("a section", "", columns, {"a": Cost(1, 0), "b": Cost(2, 0)}))
    print_verdict([GOOD, BAD], console)
    lines = [line.split() for line in written.getvalue().splitlines()]
    assert ["a", "1.0", "0.50"] in lines
    assert ["b", "2.0"] in lines
    assert ["holds", "good:", "1,", "at", "most", "2"] in lines
    assert ["fails", "bad:", "3,", "at", "most", "2"] in lines
