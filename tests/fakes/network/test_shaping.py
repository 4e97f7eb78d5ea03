"""When bytes come out of a direction, on a clock of the test's own."""

from hypothesis import given
from hypothesis import strategies as st

from fakes.network import Bandwidth, Latency, Slice
from fakes.network.shaping import Shaper

Out = list[tuple[float, bytes]]


def drain(shaper: Shaper) -> Out:
    """All that comes out of itself, and when: each look at the moment that was announced."""
    out: Out = []
    while (due := shaper.due()) is not None:
        what = shaper.pop(due)
        if isinstance(what, bytes):
            out.append((round(due, 6), what))
    return out


def shaped(*faults: Latency | Bandwidth | Slice, name: str = "1/to_client") -> Shaper:
    shaper = Shaper(name)
    for fault in faults:
        shaper.shape(fault)
    return shaper


def test_unshaped_bytes_may_go_straight_through() -> None:
    """Until something waits or is shaped."""
    shaper = Shaper("x")
    assert shaper.is_clear
    shaper.push(b"a", 5.0)
    assert not shaper.is_clear
    assert drain(shaper) == [(5.0, b"a")]
    assert shaper.is_clear


def test_latency_makes_everything_later() -> None:
    """By the same time, counted from when it came."""
    shaper = shaped(Latency(100))
    shaper.push(b"a", 1.0)
    shaper.push(b"b", 1.02)
    assert drain(shaper) == [(1.1, b"a"), (1.12, b"b")]


pushes = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=40)), max_size=20)
faults = st.lists(
    st.one_of(
        st.builds(Latency, st.integers(0, 50), st.integers(0, 50), st.integers(0, 9)),
        st.builds(Bandwidth, st.integers(1, 10_000)),
        st.builds(Slice, st.integers(1, 9), st.none() | st.integers(9, 20), st.integers(0, 9)),
    ),
    max_size=3,
)


@given(pushes, faults)
def test_order_is_kept_and_nothing_is_lost(
    given_pushes: list[tuple[float, bytes]], wanted: list[Latency | Bandwidth | Slice]
) -> None:
    """Whatever the jitter: the same bytes come out, in order, and never before they came."""
    shaper = shaped(*wanted)
    came = sorted(moment for moment, _ in given_pushes)
    for moment, (_, data) in zip(came, given_pushes, strict=True):
        shaper.push(data, moment)
    out = drain(shaper)
    assert b"".join(data for _, data in out) == b"".join(data for _, data in given_pushes)
    assert [moment for moment, _ in out] == sorted(moment for moment, _ in out)
    assert shaper.size == 0
    if out:
        assert out[0][0] >= round(came[0], 6)


def jittered(seed: int, name: str) -> list[float]:
    shaper = shaped(Latency(10, 90, seed), name=name)
    for number in range(50):
        shaper.push(b"x", float(number))
    return [moment - number for number, (moment, _) in enumerate(drain(shaper))]


def test_jitter_is_drawn_by_its_seed() -> None:
    """Alike for the same seed and direction, else not; always within its bounds."""
    once = jittered(1, "1/to_client")
    assert once == jittered(1, "1/to_client")
    assert once != jittered(2, "1/to_client")
    assert once != jittered(1, "1/to_target")
    assert 0.009 < min(once) < 0.02
    assert 0.09 < max(once) < 0.101


def test_bandwidth_lets_so_many_bytes_through() -> None:
    """Little by little, and the line is not made up for while it was idle."""
    shaper = shaped(Bandwidth(1000))
    shaper.push(b"x" * 100, 0.0)
    out = drain(shaper)
    assert [moment for moment, _ in out] == [0.02, 0.04, 0.06, 0.08, 0.1]
    shaper.push(b"y" * 20, 10.0)
    assert drain(shaper) == [(10.02, b"y" * 20)]


def test_slices_have_their_size_and_pause() -> None:
    """The last may be smaller; drawn sizes are alike for the same seed."""
    shaper = shaped(Slice(2, pause_ms=5))
    shaper.push(b"abcde", 0.0)
    assert drain(shaper) == [(0.0, b"ab"), (0.005, b"cd"), (0.01, b"e")]
    sizes = []
    for _ in range(2):
        shaper = shaped(Slice(1, 4, seed=3))
        shaper.push(b"x" * 100, 0.0)
        sizes.append([len(data) for _, data in drain(shaper)])
    assert sizes[0] == sizes[1]
    assert set(sizes[0]) == {1, 2, 3, 4}


def test_a_hold_ends_by_time_or_by_release() -> None:
    """Until then nothing comes out; then everything, in order."""
    shaper = Shaper("x")
    shaper.hold(until=2.0)
    shaper.push(b"a", 1.0)
    shaper.push(b"b", 1.5)
    assert shaper.pop(1.9) is None
    assert drain(shaper) == [(2.0, b"a"), (2.0, b"b")]
    assert not shaper.is_shaped
    shaper.hold()
    shaper.push(b"c", 3.0)
    assert (shaper.due(), shaper.pop(99.0)) == (None, None)
    shaper.release(4.0)
    assert shaper.pop(4.0) == b"c"


def test_clearing_makes_all_that_waits_due() -> None:
    """In order, and what comes after it is not shaped."""
    shaper = shaped(Latency(1000), Bandwidth(1), Slice(1))
    shaper.push(b"abc", 0.0)
    assert shaper.due() == 2.0
    shaper.clear(0.5)
    assert shaper.pop(0.5) == b"a"
    assert shaper.pop(0.5) == b"bc"
    assert shaper.is_clear


def test_events_keep_their_place() -> None:
    """One that travels takes as long as bytes do; one that does not, only what is before it."""
    shaper, told = shaped(Latency(100)), list[str]()
    shaper.push(b"a", 0.0)
    shaper.push(lambda: told.append("fault"), 0.0, travels=False)
    shaper.push(b"b", 0.01)
    shaper.push(lambda: told.append("end"), 0.05)
    moments = []
    while (due := shaper.due()) is not None:
        what = shaper.pop(due)
        moments.append(round(due, 6))
        if what is not None and not isinstance(what, bytes):
            what()
    assert moments == [0.1, 0.1, 0.11, 0.15]
    assert told == ["fault", "end"]
