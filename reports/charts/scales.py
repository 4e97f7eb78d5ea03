"""From values to places on a chart, and the round values worth a tick."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Scale",
    "linear",
    "linear_ticks",
    "log",
    "log_ticks",
    "percentile",
    "percentile_ticks",
    "time_ticks",
]

_STEPS: Final = (1, 2, 5)
_TIME_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200)
_PERCENTILES: Final = (0, 50, 90, 99, 99.9, 99.99, 99.999, 99.9999)


@dataclass(frozen=True)
class Scale:
    """Maps the domain [low, high] onto places [start, end]; what lies outside stays at the edge."""

    low: float
    high: float
    start: float
    end: float
    transform: Callable[[float], float]

    def __call__(self, value: float) -> float:
        """The place of `value`."""
        low, high = self.transform(self.low), self.transform(self.high)
        held = min(max(value, self.low), self.high)
        return self.start + (self.transform(held) - low) / (high - low) * (self.end - self.start)


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """Equal distances for equal differences. `high` is above `low`."""
    return Scale(low, high, start, end, float)


def log(low: float, high: float, start: float, end: float) -> Scale:
    """Equal distances for equal ratios. `high` is above `low`, and both above 0."""
    return Scale(low, high, start, end, math.log10)


def percentile(highest: float, start: float, end: float) -> Scale:
    """Percentages from 0 to `highest` (below 100), each further nine as wide as the last."""
    return Scale(0.0, highest, start, end, lambda q: -math.log10(1 - q / 100))


def linear_ticks(high: float, most: int) -> list[float]:
    """Round values from 0 to the first that is not below `high`, in `most` steps or fewer."""
    step = _round_up(high / most)
    return [number * step for number in range(math.ceil(high / step - 1e-9) + 1)]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """The 1, 2 and 5 of each decade within [low, high]; only the 1 where those are too many."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [step * 10.0**decade for decade in decades for step in _STEPS]
    coarse = [10.0**decade for decade in decades]
    within = [tick for tick in fine if low <= tick <= high]
    return within if len(within) <= most else [tick for tick in coarse if low <= tick <= high]


def percentile_ticks(highest: float) -> list[float]:
    """0, 50, 90, 99, 99.9, ... up to `highest`."""
    return [tick for tick in _PERCENTILES if tick <= highest]


def time_ticks(seconds: float, most: int) -> list[int]:
    """Round moments from 0 to `seconds`, `most` of them at the most."""
    days = 86400 * math.ceil((seconds + 1) / (86400 * most))
    step = next((step for step in _TIME_STEPS if seconds / step < most), days)
    return list(range(0, math.floor(seconds) + 1, step))


def _round_up(value: float) -> float:
    """The next 1, 2 or 5 of its decade; counts and milliseconds alike."""
    decade = 10.0 ** math.floor(math.log10(value))
    return next((step * decade for step in _STEPS if step * decade >= value), 10 * decade)
