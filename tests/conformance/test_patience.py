"""How long checks of a server wait, and when for less."""

from __future__ import annotations

import pytest

from conformance.deadlines import Deadline
from conformance.outcomes import CouldNotRun, Nonconforming, Outcome, beginning
from conformance.server.patience import CHECK_S, Patience

OVER = Deadline(0)
LEFT = Deadline(1_000_000)  # whenever the test is run


def learned(*ends: tuple[str, Outcome | None, Deadline]) -> Patience:
    """What is left after checks that came out so."""
    patience = Patience()
    for check, outcome, deadline in ends:
        patience.learn(check, outcome, deadline)
    return patience


def test_three_checks_that_wait_in_vain_wear_it_out() -> None:
    """Then no single wait is longer than a few seconds, and a beginning takes less still."""
    fresh, worn = Patience(), learned(*((name, Outcome.FAIL, OVER) for name in "abc"))
    assert fresh.begin_s == CHECK_S < fresh.each_s
    assert worn.begin_s < worn.each_s < CHECK_S


@pytest.mark.parametrize(
    "ends",
    [
        [(name, Outcome.PASS, OVER) for name in "abc"],
        [(name, Outcome.FAIL, LEFT) for name in "abc"],
        [("a", Outcome.FAIL, OVER)] * 3,
        [(name, None, OVER) for name in "abc"],
    ],
    ids=["pass", "fail in time", "one check's two worlds", "not reached"],
)
def test_nothing_else_does(ends: list[tuple[str, Outcome | None, Deadline]]) -> None:
    """Neither a slow server that keeps the contract, nor a quick one that does not."""
    assert learned(*ends).begin_s == CHECK_S


def test_a_wait_is_bounded_beside_the_whole() -> None:
    """Each wait has its bound, until less than that is left of all."""
    assert Deadline(60, each_s=3).left_s == 3
    assert Deadline(2, each_s=3).left_s <= 2
    assert Deadline(0, each_s=3).is_over


def test_what_cannot_begin_is_no_failure() -> None:
    """The sentence says what was needed, and what was seen instead; other errors pass."""
    said = r"needs a socket, and did not get it: one; seen none\."
    with pytest.raises(CouldNotRun, match=said), beginning("a socket"):
        raise Nonconforming(expected="one", seen="none")
    with pytest.raises(CouldNotRun, match=r"did not get it\."), beginning("a socket"):
        raise TimeoutError
    with pytest.raises(ZeroDivisionError), beginning("a socket"):
        raise ZeroDivisionError
