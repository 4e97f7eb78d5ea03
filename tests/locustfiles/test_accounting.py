"""`account` against its docstring, message by message."""

from __future__ import annotations

from collections import Counter
from itertools import zip_longest

from hypothesis import given
from hypothesis import strategies as st

from locustfiles.engine.accounting import Ending, Tally, Window, account
from locustfiles.engine.receipts import Receipts
from locustfiles.engine.schedule import Schedule, Stream

SECOND = 1_000_000


@st.composite
def windows(draw: st.DrawFn) -> list[Window]:
    """A subscription's life: live, then dropped or left, again and again; maybe live at the end.

    A window without length is a user who left while disconnected.
    """
    moments = sorted(draw(st.lists(st.integers(0, 40 * SECOND), max_size=9)))
    found = []
    for start, end in zip(moments[::2], moments[1::2], strict=False):
        found.append(Window(start, end, draw(st.sampled_from(Ending))))
        if found[-1].ending is Ending.DROPPED and draw(st.booleans()):
            found.append(Window(end + 1, end + 1, Ending.LEFT))
            moments = [m for m in moments if m > end]
            break
    if len(moments) % 2 and draw(st.booleans()):
        last = max([moments[-1], *(w.end_us + 1 for w in found if w.end_us is not None)])
        found.append(Window(last))
    return found


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    interval_us = draw(st.floats(SECOND / 7, 3 * SECOND))
    schedule = Schedule(draw(st.integers(0, 10 * SECOND)), interval_us)
    count = draw(st.integers(0, 60))
    unaccepted = draw(st.sets(st.integers(0, count - 1))) if count else set()
    return Stream(1, "c", schedule, count, tuple(sorted(unaccepted)))


def brute_force(
    windows: list[Window], stream: Stream, arrived: set[int], settle_us: int
) -> tuple[set[int], set[int]]:
    """The messages that are lost, and those missed: the docstring, read for each message."""
    lost, missed = set[int](), set[int]()
    for number in set(range(stream.count)) - arrived - set(stream.unaccepted):
        meant = stream.schedule.intended_us(number)
        for window, after in zip_longest(windows, windows[1:]):
            end = window.end_us
            if meant >= window.start_us and (end is None or meant < end - settle_us):
                lost.add(number)
            elif window.ending is Ending.DROPPED and end is not None:
                returned = after is not None and meant >= after.start_us
                if meant >= max(window.start_us, end - settle_us) and not returned:
                    missed.add(number)
    return lost, missed


@given(windows(), streams(), st.sets(st.integers(0, 70)), st.integers(0, 5 * SECOND))
def test_agrees_with_the_definition(
    windows: list[Window], stream: Stream, arrived: set[int], settle_us: int
) -> None:
    """Expected, received, lost and missed are what reading the definition for each message says."""
    receipts = Receipts()
    for number in arrived:
        receipts.add(number, 0)
    tally = account(windows, stream, receipts, settle_us)
    lost, missed = brute_force(windows, stream, arrived, settle_us)
    received = arrived & set(range(stream.count))
    assert (tally.received, tally.lost, tally.missed) == (len(received), len(lost), len(missed))
    assert tally.expected == tally.received + tally.lost
    seconds = Counter(stream.schedule.intended_us(n) // SECOND for n in lost)
    assert tally.lost_by_second == dict(seconds)


@given(windows(), streams(), st.integers(0, 5 * SECOND))
def test_owes_nothing_to_whom_all_was_delivered(
    windows: list[Window], stream: Stream, settle_us: int
) -> None:
    """When every message came, nothing is lost or missed, whatever happened meanwhile."""
    receipts = Receipts()
    for number in range(stream.count):
        receipts.add(number, number)
    tally = account(windows, stream, receipts, settle_us)
    assert (tally.expected, tally.lost, tally.missed) == (stream.count, 0, 0)


TALLIES = st.builds(
    Tally,
    expected=st.integers(0, 99),
    received=st.integers(0, 99),
    lost=st.integers(0, 99),
    missed=st.integers(0, 99),
    duplicates=st.integers(0, 99),
    out_of_order=st.integers(0, 99),
    lost_by_second=st.dictionaries(st.integers(0, 9), st.integers(1, 9)),
)


@given(TALLIES, TALLIES, TALLIES)
def test_tallies_add_up_in_any_order(one: Tally, two: Tally, three: Tally) -> None:
    """Adding is commutative and associative, and an empty tally adds nothing."""
    assert one + two == two + one
    assert (one + two) + three == one + (two + three)
    assert one + Tally() == one


def test_the_last_message_of_a_stream_is_owed_too() -> None:
    """A subscription that was live to the end had to get the tail; a dropped one missed it."""
    stream = Stream(1, "c", Schedule(0, SECOND), 10)
    receipts = Receipts()
    for number in range(9):
        receipts.add(number, number)
    assert account([Window(0)], stream, receipts, SECOND).lost == 1
    dropped = Window(0, 10 * SECOND, Ending.DROPPED)
    assert account([dropped], stream, receipts, 2 * SECOND).missed == 1
    left = Window(0, 10 * SECOND, Ending.LEFT)
    assert account([left], stream, receipts, 2 * SECOND).expected == 9
