"""Drawing, judging and shrinking, on a target that is correct but for one bug."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from conformance.generated.machine import Profile
from conformance.generated.replay import Failure, replay
from conformance.generated.running import run
from conformance.generated.schedules import Schedule
from conformance.generated.search import search
from conformance.history import Invalid, Valid, check
from tests.conformance.generated.model import BUGS, Bug, Model

if TYPE_CHECKING:
    from conformance.history import Anomaly

FOUND_AS: dict[Bug, Anomaly] = {
    "no backfill after reconnect": "lost",
    "status overwritten": "status went back",
    "subscription lost": "lost",
    "duplicate shown": "duplicated",
    "early status dropped": "lost",
    "statuses of the gap not fetched": "lost",
    "order of arrival": "reordered",
    "list moves back": "stale list",
    "list not refreshed": "stale list",
    "closed conversation stays subscribed": "leaked subscription",
    "first close unsubscribes": "lost",
    "send vanishes without a connection": "lost",
    "shown in every open conversation": "phantom",
}
MANY = Profile(schedules=400, steps=30, shrinking_s=60)


async def found(bug: Bug | None, seed: int = 1) -> Failure | None:
    return await search(Model(bug), MANY, seed, check_name="a check", target_name="the model")


@pytest.mark.parametrize("seed", range(3))
async def test_what_keeps_the_contract_is_not_blamed(seed: int) -> None:
    """Hundreds of schedules on a target without a bug: all pass."""
    assert await found(None, seed) is None


@pytest.mark.parametrize("bug", BUGS)
@pytest.mark.parametrize("seed", range(3))
async def test_each_bug_is_found_and_made_small(bug: Bug, seed: int) -> None:
    """Whatever the seed, each bug is found by its name and shrunk to at most 6 steps, in time."""
    began = time.monotonic()
    failure = await found(bug, seed)
    assert failure is not None
    assert failure.anomaly == FOUND_AS[bug]
    assert len(failure.schedule.steps) <= 6, str(failure.schedule)
    assert time.monotonic() - began < 30
    for at in range(len(failure.schedule.steps)):
        steps = failure.schedule.steps
        fewer = Schedule((*steps[:at], *steps[at + 1 :]))
        assert check(await run(Model(bug), fewer), (failure.anomaly,)) == Valid()
    again = await replay(Model(bug), failure)
    assert isinstance(again, Invalid)
    assert await replay(Model(), failure) == Valid()
