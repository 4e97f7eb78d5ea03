"""The smallest schedule that still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import asdict

from conformance.deadlines import Deadline
from conformance.generated.schedules import Schedule, Step

__all__ = ["smallest"]


def smallest(schedule: Schedule, fails: Callable[[Schedule], bool], deadline: Deadline) -> Schedule:
    """Leave out what it fails without, and make plain what remains, as long as there is time.

    `fails` is asked about smaller and smaller schedules, halves first and single steps in the end
    (delta debugging, Zeller 1999): unless the time is over, what is returned passes without any one
    of its steps. Hypothesis's own shrinker cannot know what a step is, and has no deadline; here a
    question may take seconds, those until what was lost has certainly not come.
    """
    steps = schedule.steps
    while not deadline.is_over:
        smaller = next(
            (each for each in _smaller(steps) if not deadline.is_over and fails(Schedule(each))),
            None,
        )
        if smaller is None:
            break
        steps = smaller
    return Schedule(steps)


def _smaller(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """Every schedule with a run of steps left out, long runs first; then those of plainer steps."""
    length = len(steps)
    while length:
        # From the end: what comes last has the least that depends on it.
        for start in reversed(range(0, len(steps), length)):
            yield steps[:start] + steps[start + length :]
        length //= 2
    for at, step in enumerate(steps):
        for plainer in _plainer(step):
            yield (*steps[:at], plainer, *steps[at + 1 :])


def _plainer(step: Step) -> Iterator[Step]:
    """The step with one of its values at the default."""
    kind = type(step)
    for name, default in zip(
        reversed(kind.__struct_fields__), reversed(kind.__struct_defaults__), strict=False
    ):
        values = asdict(step)
        if values[name] != default:
            yield kind(**values | {name: default})
