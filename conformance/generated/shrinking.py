"""The smallest schedule that still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import asdict

from conformance.deadlines import Deadline
from conformance.generated.schedules import Schedule, Step

__all__ = ["smallest"]


def smallest(schedule: Schedule, fails: Callable[[Schedule], bool], deadline: Deadline) -> Schedule:
    """Leave out what it fails without, and make plain what remains, as long as there is time.

    `fails` is asked about smaller and smaller schedules, without long runs of steps first and
    without single ones in the end (delta debugging, Zeller 1999): unless the time is over, what is
    returned passes without any one of its steps. Hypothesis's own shrinker cannot know what a step
    is, and has no deadline; here a question takes as long as what was lost may still come.
    """

    def still_fails(steps: _Steps) -> bool:
        return not deadline.is_over and fails(Schedule(steps))

    fewer = _fewest(schedule.steps, still_fails)
    # One that is plain may do without what it needed as it was.
    while (plain := _made_plain(fewer, still_fails)) != fewer:
        fewer = _fewest(plain, still_fails)
    return Schedule(fewer)


_Steps = tuple[Step, ...]


def _fewest(steps: _Steps, fails: Callable[[_Steps], bool]) -> _Steps:
    length = len(steps)
    while length:
        shorter = _without_runs(steps, length, fails)
        # Of single steps, one that goes may take with it what another was needed for.
        if length > 1 or shorter == steps:
            length //= 2
        steps = shorter
    return steps


def _without_runs(steps: _Steps, length: int, fails: Callable[[_Steps], bool]) -> _Steps:
    """The steps without each run of that length that is not needed, from the end on.

    What comes last has the least that depends on it.
    """
    end = len(steps)
    while end > 0:
        start = max(0, end - length)
        fewer = steps[:start] + steps[end:]
        if fails(fewer):
            steps = fewer
        end = start
    return steps


def _made_plain(steps: _Steps, fails: Callable[[_Steps], bool]) -> _Steps:
    """The steps with as many values at their defaults as can be."""
    for at in range(len(steps)):
        for plainer in _plainer(steps[at]):
            changed = (*steps[:at], plainer, *steps[at + 1 :])
            if fails(changed):
                steps = changed
                break
    return steps


def _plainer(step: Step) -> Iterator[Step]:
    """The step with all of its values at their defaults, then with one of them."""
    fields, defaults = step.__struct_fields__, step.__struct_defaults__
    usual = dict(zip(reversed(fields), reversed(defaults), strict=False))
    values = asdict(step)
    changed = [name for name, default in usual.items() if values[name] != default]
    if len(changed) > 1:
        yield type(step)(**values | usual)
    for name in changed:
        yield type(step)(**values | {name: usual[name]})
