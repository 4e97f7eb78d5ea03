"""The laws of the schedule, and the stamp's way there and back."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from locustfiles.engine.schedule import Schedule
from locustfiles.engine.stamps import MAX_BEHIND, MAX_LAG_US, Stamp, parse

# From 20,000 messages a second on one conversation to one in eleven days.
SCHEDULES = st.builds(Schedule, st.integers(0, 1 << 50), st.floats(50, 1e12))


@given(SCHEDULES, st.integers(0, 1 << 20))
def test_messages_are_meant_for_ascending_moments(schedule: Schedule, number: int) -> None:
    """The first is meant for the start, and each for later than the one before."""
    assert schedule.intended_us(0) == schedule.start_us
    assert schedule.intended_us(number) < schedule.intended_us(number + 1)


@given(SCHEDULES, st.integers(0, 1 << 20))
def test_a_message_is_the_first_at_its_own_moment(schedule: Schedule, number: int) -> None:
    """`first_at_or_after` undoes `intended_us`, and a microsecond later it is the next."""
    moment = schedule.intended_us(number)
    assert schedule.first_at_or_after(moment) == number
    assert schedule.first_at_or_after(moment + 1) == number + 1


@given(SCHEDULES, st.integers(-(1 << 40), 1 << 40))
def test_finds_the_smallest_number_that_is_not_too_early(schedule: Schedule, after: int) -> None:
    """Its message is meant for the moment or later, and the one before it for earlier."""
    moment = schedule.start_us + after
    number = schedule.first_at_or_after(moment)
    assert schedule.intended_us(number) >= moment
    assert number == 0 or schedule.intended_us(number - 1) < moment


@st.composite
def stamps(draw: st.DrawFn) -> Stamp:
    sequence = draw(st.integers(0, (1 << 28) - 1))
    return Stamp(
        run=draw(st.integers(0, (1 << 16) - 1)),
        stream=draw(st.integers(0, (1 << 24) - 1)),
        sequence=sequence,
        intended_us=draw(st.integers(0, (1 << 52) - 1)),
        lag_us=draw(st.integers(0, MAX_LAG_US)),
        behind=draw(st.integers(0, min(MAX_BEHIND, sequence))),
    )


@given(stamps())
def test_a_stamp_survives_its_way(stamp: Stamp) -> None:
    """A stamp is 44 characters of upper-case hex that begin with 3EB0, and reads back the same."""
    text = stamp.provider_id()
    assert len(text) == 44
    assert text.startswith("3EB0")
    assert text == text.upper()
    assert parse(text) == stamp


@given(stamps())
def test_what_does_not_fit_claims_less_never_more(stamp: Stamp) -> None:
    """A lag or a backlog beyond its field is written as the most, which settles nothing."""
    wide = Stamp(stamp.run, stamp.stream, stamp.sequence, stamp.intended_us, 1 << 40, 1 << 20)
    read = parse(wide.provider_id())
    assert read is not None
    assert (read.lag_us, read.behind, read.settled) == (MAX_LAG_US, MAX_BEHIND, 0)
    assert read.sequence == stamp.sequence


@given(
    st.one_of(
        st.text(),
        st.text(max_size=40).map(lambda tail: "3EB0" + tail),
        st.text("0123456789ABCDEFabcdef_+- ٣x", min_size=40, max_size=40).map(
            lambda tail: "3EB0" + tail
        ),
    )
)
@example("3EB0" + "-" + "F" * 39)
@example("3EB0" + "F" * 40)
def test_any_other_id_is_read_without_an_error(text: str) -> None:
    """Whatever comes from the wire is no stamp or some stamp, never an exception."""
    stamp = parse(text)
    assert stamp is None or isinstance(stamp, Stamp)
