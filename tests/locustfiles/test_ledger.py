"""The ledger: merging is exact in any order, and survives the way from a worker to the master."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from locustfiles.engine.clock import SECOND_US
from locustfiles.engine.ledger import LATE_US, Ledger, Publishing, Second
from locustfiles.engine.stamps import Stamp
from reports.histogram import Histogram

COUNTS = st.integers(0, 1 << 40)
HISTOGRAMS = st.dictionaries(st.integers(0, 1 << 40), st.integers(1, 1 << 30), max_size=4).map(
    lambda counts: Histogram.from_pairs(sorted(counts.items()))
)
SECONDS = st.builds(
    Second,
    connects=COUNTS,
    disconnects=COUNTS,
    received=COUNTS,
    duplicates=COUNTS,
    loop_lag_us=st.integers(-1, 1 << 40),
    watched_us=COUNTS,
    late_us=COUNTS,
    latency=HISTOGRAMS,
)
LEDGERS = st.builds(
    Ledger,
    seconds=st.dictionaries(st.integers(0, 5), SECONDS, max_size=3),
    connect=HISTOGRAMS,
    server=HISTOGRAMS,
    publishing=st.builds(Publishing, scheduled=COUNTS, accepted=COUNTS, refused=COUNTS),
    requested=COUNTS,
    subscribed=COUNTS,
    negative=COUNTS,
    errors=st.dictionaries(st.text(max_size=5), st.integers(1, 99), max_size=3),
)


def merged(*ledgers: Ledger) -> Ledger:
    total = Ledger()
    for ledger in ledgers:
        total.merge(Ledger.from_bytes(ledger.to_bytes()))
    return total


@given(LEDGERS)
def test_a_ledger_survives_its_way_to_the_master(ledger: Ledger) -> None:
    """Packed and unpacked it is the same, and merging it into an empty one copies it."""
    assert Ledger.from_bytes(ledger.to_bytes()) == ledger
    assert merged(ledger) == ledger


@given(LEDGERS, LEDGERS, LEDGERS)
def test_merging_is_exact_in_any_order(one: Ledger, two: Ledger, three: Ledger) -> None:
    """Commutative and associative: the master need not care which worker reports first."""
    assert merged(one, two) == merged(two, one)
    assert merged(merged(one, two), three) == merged(one, merged(two, three))


def test_a_delivery_is_shown_in_the_second_it_was_meant_for() -> None:
    """It counts as received when it came, and its latency where the stall began."""
    ledger = Ledger()
    ledger.delivered(Stamp(1, 1, 0, 3 * SECOND_US, 200, 0), [5 * SECOND_US + 7])
    assert ledger.seconds[5].received == 1
    assert ledger.seconds[3].latency.max == 2 * SECOND_US + 7
    assert ledger.server.max == 2 * SECOND_US + 7 - 200


def test_a_delivery_before_its_post_is_counted_and_left_out() -> None:
    """Clocks that disagree make no latency of zero: the delivery counts, its latency does not."""
    ledger = Ledger()
    ledger.delivered(Stamp(1, 1, 0, 5 * SECOND_US, 100, 0), [5 * SECOND_US + 99])
    assert (ledger.negative, ledger.seconds[5].received, ledger.server.count) == (1, 1, 0)


def test_errors_from_the_wire_are_bounded() -> None:
    """However many texts a server thinks of, and however long: a hundred, cut short, and a rest."""
    ledger = Ledger()
    for number in range(500):
        ledger.error(f"{number} " + "x" * 100_000)
    assert sum(ledger.errors.values()) == 500
    assert len(ledger.errors) <= 101
    assert max(map(len, ledger.errors)) < 1000


def test_a_late_loop_marks_its_second() -> None:
    """A loop that woke late spoils the second, one that woke in time only shows its lag."""
    ledger = Ledger()
    ledger.lag(SECOND_US, LATE_US, 70_000)
    ledger.lag(2 * SECOND_US, LATE_US + 1, 70_001)
    assert (ledger.seconds[1].watched_us, ledger.seconds[1].late_us) == (70_000, 0)
    assert (ledger.seconds[2].watched_us, ledger.seconds[2].late_us) == (70_001, LATE_US + 1)
    assert ledger.seconds[2].loop_lag_us == LATE_US + 1
