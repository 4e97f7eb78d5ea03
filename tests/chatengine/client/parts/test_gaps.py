"""Since when something may be missing: the rules of `gaps`, held against a naive account."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatengine.client.gaps import Gap, Gaps


def test_what_is_opened_first_lacks_everything() -> None:
    """The first look begins a whole gap; a later one changes nothing while something is kept."""
    gaps = Gaps()
    assert "c" not in gaps
    gaps.opened("c", 5, is_empty=True)
    assert gaps.of("c") == Gap(5, is_whole=True)
    gaps.opened("c", 9, is_empty=False)
    assert gaps.of("c") == Gap(5, is_whole=True)
    gaps.closed("c")
    gaps.opened("c", 12, is_empty=False)
    assert "c" not in gaps
    gaps.opened("c", 15, is_empty=True)  # what was kept has been given up
    assert gaps.of("c") == Gap(15, is_whole=True)


def test_a_gap_begins_at_what_is_earlier() -> None:
    """At the loss, or at the newest message known then: clocks differ, and half-open is deaf."""
    for newest_ms, began_ms in ((None, 100), (40, 40), (160, 100)):
        gaps = Gaps()
        gaps.closed("c")
        gaps.broken("c", 100, newest_ms)
        assert gaps.of("c") == Gap(began_ms)


def test_a_gap_that_is_not_closed_keeps_its_beginning() -> None:
    """A second loss before the fetch does not move it; a fetch without pushes does."""
    gaps = Gaps()
    gaps.closed("c")
    gaps.broken("c", 100, None)
    gaps.broken("c", 200, None)
    assert gaps.of("c") == Gap(100)
    gaps.fetched("c", 150, None)
    assert gaps.of("c") == Gap(150)


def test_what_nobody_can_see_is_forgotten() -> None:
    """What is given up lacks everything when it is opened again."""
    gaps = Gaps()
    gaps.closed("kept")
    gaps.closed("gone")
    gaps.forget_all_but({"kept"})
    for each in ("kept", "gone"):
        gaps.opened(each, 7, is_empty=False)
    assert ("kept" in gaps, "gone" in gaps) == (False, True)


@given(st.lists(st.sampled_from(["broken", "closed", "fetched"])))
def test_it_never_begins_after_the_first_thing_that_was_missed(happened: list[str]) -> None:
    """Whatever happens in whichever order, every moment since the last complete one is covered."""
    gaps, missed_since = Gaps(), 0
    gaps.opened("c", 0, is_empty=True)
    complete = False
    for now, what in enumerate(happened, start=1):
        match what:
            case "broken":
                gaps.broken("c", now, None)
                missed_since = now if complete else missed_since
                complete = False
            case "closed":
                gaps.closed("c")
                complete = True
            case "fetched":
                gaps.fetched("c", now, None)
                missed_since, complete = now, False
        gap = gaps.of("c")
        assert (gap is None) == complete
        assert gap is None or gap.began_ms <= missed_since
