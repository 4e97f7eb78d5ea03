"""The status of a message is a join: neither order nor repetition can matter (C-STA-1)."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatengine.status import Status, join
from tests.chatengine.strategies import json_values

statuses = st.sampled_from(Status)
ORDER = ["pending", "sent", "failed", "delivered", "read"]


def test_the_order_is_that_of_the_contract() -> None:
    """`sending < sent < failed < delivered < read` (C-STA-1, S-STA-2)."""
    assert [status.wire for status in sorted(Status)] == ORDER
    assert all(lower < higher for lower, higher in pairwise(sorted(Status)))


@given(statuses, statuses)
def test_join_is_commutative(a: Status, b: Status) -> None:
    """Which of two came first does not matter."""
    assert join(a, b) is join(b, a)


@given(statuses, statuses, statuses)
def test_join_is_associative(a: Status, b: Status, c: Status) -> None:
    """How observations are grouped does not matter."""
    assert join(join(a, b), c) is join(a, join(b, c)) is join(a, b, c)


@given(statuses)
def test_join_is_idempotent_and_has_a_bottom(a: Status) -> None:
    """Seeing a status again changes nothing, nor does `pending`, which is what nothing joins to."""
    assert join(a, a) is join(a) is join(a, join()) is a
    assert join() is Status.PENDING


@given(st.lists(statuses).flatmap(lambda seen: st.tuples(st.just(seen), st.permutations(seen))))
def test_a_fold_ends_the_same_in_any_order(both: tuple[list[Status], list[Status]]) -> None:
    """Observations one by one, in any order and with repetitions, end in their maximum."""
    seen, shuffled = both
    end = join(*seen)
    assert reduce(join, shuffled, Status.PENDING) is end
    assert reduce(join, shuffled + seen, Status.PENDING) is end
    assert end == max(seen, default=Status.PENDING)


@given(st.lists(statuses, min_size=1))
def test_a_fold_never_goes_back(seen: list[Status]) -> None:
    """Each step is at or above the one before (S-STA-2)."""
    steps = [join(*seen[: n + 1]) for n in range(len(seen))]
    assert all(before <= after for before, after in pairwise(steps))


@pytest.mark.parametrize("status", Status)
def test_names_are_read_back(status: Status) -> None:
    """The wire's and the CRM's name both lead back to the status."""
    assert Status.parse(status.wire) is Status.parse(status.crm) is status


def test_the_crm_calls_pending_sending() -> None:
    """One name differs between wire and CRM (C-MSG-6)."""
    assert [status.crm for status in sorted(Status)] == ["sending", *ORDER[1:]]


@given(json_values)
def test_an_unknown_name_is_none(name: object) -> None:
    """What is no status changes nothing (C-STA-4): no exception, no guess."""
    known = isinstance(name, str) and name in [*ORDER, "sending"]
    assert (Status.parse(name) is not None) == known


@pytest.mark.parametrize(
    ("values", "status"),
    [
        (("ERROR", 0), "failed"),
        (("PENDING", 1), "pending"),
        (("SERVER_ACK", "SENT", 2), "sent"),
        (("DELIVERY_ACK", "DELIVERED", 3), "delivered"),
        (("READ", "PLAYED", 4, 5), "read"),
        ((6, -1, "2", "read", "", None, True, False, 3.0, [], {}), None),
    ],
)
def test_acknowledgements_of_the_provider(values: tuple[object, ...], status: str | None) -> None:
    """By name or number as section 5 lists them; anything else is unknown."""
    for value in values:
        found = Status.from_provider(value)
        assert (None if found is None else found.wire) == status, value


@given(json_values)
def test_any_acknowledgement_is_a_status_or_none(value: object) -> None:
    """No value of JSON makes it raise."""
    assert Status.from_provider(value) in (None, *Status)
