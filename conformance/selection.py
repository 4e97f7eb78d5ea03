"""What of the suites a run runs, and whether the suites cover the contract. Pure."""

from collections.abc import Sequence

from msgspec import Struct

from conformance.requirements import REQUIREMENTS
from conformance.settings import Settings

__all__ = ["Check", "NothingToRun", "Plan", "Uncovered", "covered", "plan"]


class Check(Struct, frozen=True):
    """A collected check: its name (`server/test_auth.py::test_no_token`), and what it shows.

    `says` is the first line of its docstring.
    """

    name: str
    shows: tuple[str, ...]
    says: str = ""


class Plan(Struct, frozen=True, kw_only=True):
    """What had to run: the checks, and the requirements on which the run speaks.

    `problem` is the sentence for which nothing runs; None where all is well. The harness may be
    `at_fault` for it, or else whoever asked.
    """

    checks: tuple[Check, ...] = ()
    requirements: tuple[str, ...] = ()
    problem: str | None = None
    at_fault: bool = False


class NothingToRun(Exception):
    """What was asked for selects no check; its text is the sentence to show."""


class Uncovered(Exception):
    """The suites lack a check of a requirement; its text is the sentence to show."""


def covered(collected: Sequence[Check], settings: Settings) -> None:
    """Hold the whole of the suites to the contract; raises Uncovered."""
    shown = {identifier for check in collected for identifier in check.shows}
    lacking = [
        one.id
        for one in REQUIREMENTS.values()
        if one.side in settings.sides and one.why_not is None and one.id not in shown
    ]
    if lacking:
        raise Uncovered(f"No check shows {', '.join(lacking)}.")


def plan(collected: Sequence[Check], settings: Settings, *, whole: bool) -> Plan:
    """Choose from what was collected; raises NothingToRun.

    `whole` says that it is everything there is: then the run speaks of every requirement, else of
    those that a chosen check shows.
    """
    chosen = tuple(check for check in collected if _wanted(check, settings))
    if not chosen and settings.replayed is not None:
        raise NothingToRun(f"There is no check to replay of the name {settings.replayed[:200]}.")
    if not chosen:
        raise NothingToRun("There is no check to run.")
    shown = {identifier for check in chosen for identifier in check.shows}
    spoken_of = tuple(
        one.id
        for one in REQUIREMENTS.values()
        if one.side in settings.sides
        and (whole or one.id in shown)
        and (not settings.only or one.id in settings.only)
    )
    return Plan(checks=chosen, requirements=spoken_of)


def _wanted(check: Check, settings: Settings) -> bool:
    if REQUIREMENTS[check.shows[0]].side not in settings.sides:
        return False
    if settings.replayed is not None:
        return check.name == settings.replayed
    return not settings.only or not settings.only.isdisjoint(check.shows)
