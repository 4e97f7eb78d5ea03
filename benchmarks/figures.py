"""From rounds to figures: medians, ratios of what ran side by side, and whether goals hold."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Literal, TypeVar

from msgspec import Struct

__all__ = ["Bound", "Goal", "median_of", "medians", "ratios"]

T = TypeVar("T", bound=Struct)
R = TypeVar("R")

Bound = Literal["at most", "at least"]


class Goal(Struct, frozen=True):
    """A promise of the project: `actual` may be `limit` at most, or at least."""

    name: str
    actual: float
    limit: float
    rounds: list[float]
    bound: Bound = "at most"

    @property
    def ok(self) -> bool:
        """Whether it holds."""
        return self.actual <= self.limit if self.bound == "at most" else self.actual >= self.limit

    @classmethod
    def of(
        cls,
        name: str,
        limit: float,
        rounds: Sequence[R],
        read: Callable[[R], float],
        *,
        bound: Bound = "at most",
        judge: Callable[[list[float]], float] = median,
    ) -> "Goal":
        """The goal about what `read` finds in each round, taken together by `judge`."""
        seen = [round(read(each), 4) for each in rounds]
        return cls(name, round(judge(seen), 4), round(limit, 4), seen, bound)


def median_of(found: Sequence[T]) -> T:
    """One struct of the medians, field by field; all fields are numbers."""
    kind = type(found[0])
    names = kind.__struct_fields__
    return kind(*(median(getattr(each, name) for each in found) for name in names))


def medians(rounds: Sequence[Mapping[str, T]]) -> dict[str, T]:
    """Each contender's medians over the rounds, every one of which has them all."""
    return {name: median_of([each[name] for each in rounds]) for name in rounds[0]}


def ratios(
    rounds: Sequence[Mapping[str, T]], to: str, read: Callable[[T], float]
) -> dict[str, float]:
    """How each contender stands to the one named `to`: the median of the ratios of the rounds.

    Within a round all ran close together, and shared the machine's mood.
    """
    return {
        name: round(median(read(each[name]) / read(each[to]) for each in rounds), 3)
        for name in rounds[0]
    }
