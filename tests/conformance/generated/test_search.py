"""Drawing, judging and shrinking, on a target that is correct but for one bug."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from conformance.generated.blame import OF_CLIENTS, client_blame
from conformance.generated.machine import Profile
from conformance.generated.running import run
from conformance.generated.schedules import Schedule
from conformance.generated.search import search
from conformance.history import Invalid, Valid, check
from tests.conformance.generated.model import BUGS, Bug, Model

if TYPE_CHECKING:
    from conformance.generated.failures import Failure
    from conformance.history import Anomaly

FOUND_AS: dict[Bug, tuple[Anomaly, set[str]]] = {
    "no backfill after reconnect": ("lost", {"C-FBK-4"}),
    "status overwritten": ("status went back", {"C-STA-1"}),
    "subscription lost": ("lost", {"C-SUB-3"}),
    "duplicate shown": ("duplicated", {"C-MSG-3"}),
    "early status dropped": ("lost", {"C-STA-2"}),
    "statuses of the gap not fetched": ("lost", {"C-FBK-4"}),
    "order of arrival": ("reordered", {"C-MSG-5"}),
    "list moves back": ("stale list", {"C-CNV-4"}),
    "list not refreshed": ("stale list", {"C-CNV-1"}),
    "closed conversation stays subscribed": ("leaked subscription", {"C-SUB-4"}),
    "first close unsubscribes": ("lost", {"C-SUB-5"}),
    "send vanishes without a connection": ("lost", {"C-SND-4"}),
    "shown in every open conversation": ("phantom", {"C-MSG-2"}),
}
SOME = Profile(schedules=60, steps=30, searching_s=60, shrinking_s=60)
MANY = Profile(schedules=400, steps=30, searching_s=60, shrinking_s=60)


async def found(bug: Bug | None, seed: int, profile: Profile = MANY) -> Failure | None:
    return await search(
        Model(bug), client_blame, profile, seed, check="a check", target_name="the model"
    )


@pytest.mark.parametrize("seed", range(3))
async def test_what_keeps_the_contract_is_not_blamed(seed: int) -> None:
    """Hundreds of schedules on a target without a bug: all pass."""
    assert await found(None, seed, SOME) is None


@pytest.mark.parametrize("bug", BUGS)
@pytest.mark.parametrize("seed", range(3))
async def test_each_bug_is_found_and_made_small(bug: Bug, seed: int) -> None:
    """Whatever the seed, each bug is found by its name and shrunk to at most 6 steps, in time."""
    began = time.monotonic()
    failure = await found(bug, seed)
    assert failure is not None
    anomaly, blamed = FOUND_AS[bug]
    assert failure.anomaly == anomaly
    assert blamed <= set(failure.blames) <= set(OF_CLIENTS)
    assert len(failure.schedule.steps) <= 6, str(failure.schedule)
    assert time.monotonic() - began < 30
    for at in range(len(failure.schedule.steps)):
        steps = failure.schedule.steps
        fewer = Schedule((*steps[:at], *steps[at + 1 :]))
        assert check(await run(Model(bug), fewer), (failure.anomaly,)) == Valid()
    assert isinstance(check(await run(Model(bug), failure.schedule)), Invalid)
    assert check(await run(Model(), failure.schedule)) == Valid()
