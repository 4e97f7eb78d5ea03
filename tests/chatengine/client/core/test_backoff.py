"""The wait before another attempt: it grows, is bounded, and differs between clients."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatengine.client.core.backoff import delay_ms

chances = st.floats(0, 1, exclude_max=True)


@given(st.integers(0, 10**9), chances)
def test_it_is_bounded_for_as_long_as_it_lasts(attempt: int, chance: float) -> None:
    """C-CONN-3: it never gives up, so the thousandth attempt waits as the tenth."""
    assert 250 <= delay_ms(attempt, 500, 4000, lambda: chance) <= 4000


@given(st.integers(0, 100), chances)
def test_it_doubles_until_its_bound(attempt: int, chance: float) -> None:
    """C-CONN-3: backoff; with the same chance no attempt waits less than the one before."""
    first, second = (delay_ms(each, 500, 4000, lambda: chance) for each in (attempt, attempt + 1))
    assert second == (2 * first if attempt < 3 else first)


def test_clients_spread() -> None:
    """C-CONN-3: jitter; half of the wait is up to chance."""
    assert delay_ms(0, 500, 4000, lambda: 0.0) == 250
    assert delay_ms(0, 500, 4000, lambda: 0.5) == 375
