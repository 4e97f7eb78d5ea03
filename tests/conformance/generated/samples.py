"""A failure as it is found, for the tests of what is made of it."""

from __future__ import annotations

from chatengine.history import Entered, Opened
from conformance.generated.failures import Failure
from conformance.generated.schedules import Lose, Open, Schedule, Write

__all__ = ["failure"]


def failure(check: str, *blames: str) -> Failure:
    """What that check found, a message lost in a gap."""
    part = (
        Opened(at_us=1, who="client", conversation="c"),
        Entered(at_us=2, who="harness", message="m", conversation="c", workspace="w"),
    )
    smallest = Schedule((Open(), Lose(), Write(0)))
    return Failure(
        check=check,
        target="a client",
        seed=7,
        blames=blames,
        anomaly="lost",
        says="client does not show m, which entered while it was open",
        schedule=smallest,
        drawn=Schedule((*smallest.steps, Write(1))),
        part=part,
        history=part,
    )
