"""Thresholds: what a text means, what holds, and which verdict follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from reports.measures import ALIASES, MEASURES
from reports.record import Clock, Deliveries, Generator, Percentiles, Publishing, RunRecord
from reports.thresholds import (
    EXIT_CODES,
    PROMISED,
    PROMISED_OF_FAKES,
    Limit,
    ThresholdError,
    describe,
    evaluate,
    judge,
    judged,
    parse,
    parse_all,
)
from tests.reports.examples import failed, healthy, invalid, unmeasured

if TYPE_CHECKING:
    from reports.parts import Comparison


@pytest.fixture(scope="module")
def good() -> RunRecord:
    return healthy(seconds=5, subscribers=50, rate=4)


def changed(part: Any, **changes: object) -> Any:
    return msgspec.structs.replace(part, **changes)


def all_at(ms: float) -> Percentiles:
    return Percentiles(count=10, p50=ms, p90=ms, p99=ms, p999=ms, max=ms, mean=ms)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("p99<100ms", Limit("delivery_p99_ms", "<", 100)),
        (" p999 <= 0.5 s ", Limit("delivery_p999_ms", "<=", 500)),
        ("server_p50_ms<250us", Limit("server_p50_ms", "<", 0.25)),
        ("reconnect_p99_ms<=5000", Limit("reconnect_p99_ms", "<=", 5000)),
        ("lost<=0", Limit("lost", "<=", 0)),
        ("delivered>=99%", Limit("delivered_ratio", ">=", 0.99)),
        ("delivered>=99.9%", Limit("delivered_ratio", ">=", 0.999)),
        ("connect_success_ratio>0.99", Limit("connect_success_ratio", ">", 0.99)),
    ],
)
def test_a_text_is_a_limit(text: str, limit: Limit) -> None:
    """Measure, comparison, number and unit are read; a short name stands for its measure."""
    assert parse(text) == limit


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", '"" is no threshold: write it like p99<100ms, lost<=0 or delivered>=99%.'),
        (
            "p99<fast",
            '"p99<fast" is no threshold: write it like p99<100ms, lost<=0 or delivered>=99%.',
        ),
        (
            "p99=1ms",
            '"p99=1ms" is no threshold: write it like p99<100ms, lost<=0 or delivered>=99%.',
        ),
        ("p42<1ms", '"p42<1ms" is no threshold: nothing measured is named p42.'),
        (
            "duplicate<=0",
            '"duplicate<=0" is no threshold: nothing measured is named duplicate; duplicates is.',
        ),
        (
            "p99<50%",
            '"p99<50%" is no threshold: delivery_p99_ms is a time, in us, ms or s.',
        ),
        ("lost<=5ms", '"lost<=5ms" is no threshold: lost is a count, without a unit.'),
        (
            "delivered>=99",
            '"delivered>=99" is no threshold: delivered_ratio is a ratio, from 0 to 1 or in %.',
        ),
        (
            "\x1b[31m<1",
            '"\\x1b[31m<1" is no threshold: write it like p99<100ms, lost<=0 or delivered>=99%.',
        ),
    ],
)
def test_what_is_no_limit_is_one_sentence(text: str, sentence: str) -> None:
    """Whatever is wrong with the text, the error says it in one sentence that names the text."""
    with pytest.raises(ThresholdError) as error:
        parse(text)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("comparison", "limit", "holds"),
    [
        ("<", 100.0, False),
        ("<=", 100.0, True),
        ("<", 100.001, True),
        (">", 100.0, False),
        (">=", 100.0, True),
        (">", 99.999, True),
    ],
)
def test_a_limit_is_compared_as_it_is_written(
    good: RunRecord, comparison: Comparison, limit: float, holds: bool
) -> None:
    """At the limit itself, `<` and `>` do not hold and `<=` and `>=` do."""
    record = changed(good, latency_ms=all_at(100.0))
    [row] = evaluate(record, [Limit("delivery_p99_ms", comparison, limit)])
    assert (row.ok, row.actual) == (holds, 100.0)


@pytest.mark.parametrize("name", sorted(set(MEASURES) - {"reconnects", "accepted_ratio"}))
def test_what_was_not_measured_is_not_ok(name: str) -> None:
    """Of a run in which nothing happened no limit holds, however generous, and it is not zero."""
    record = changed(
        unmeasured(),
        publisher_lag_ms=Percentiles(),
        generator=changed(unmeasured().generator, loop_lag_ms=Percentiles()),
        subscribers=changed(unmeasured().subscribers, requested=0, failed=0),
    )
    for comparison in ("<", ">="):
        [row] = evaluate(record, [Limit(name, comparison, 0 if comparison == ">=" else 1e9)])
        assert (row.ok, row.actual) == (False, None)
        assert "not measured" in describe(row)


def test_every_alias_is_a_measure() -> None:
    """A short name leads to a measure."""
    assert set(ALIASES.values()) <= set(MEASURES)


def test_a_healthy_run_passes(good: RunRecord) -> None:
    """All limits hold: pass, and no reason to give."""
    assert (good.verdict, good.reasons) == ("pass", [])
    assert all(row.ok for row in good.thresholds)


def test_a_failed_run_says_each_limit_that_does_not_hold() -> None:
    """The reasons are the thresholds that do not hold, with measured and limit."""
    record = failed()
    assert record.verdict == "fail"
    assert len(record.reasons) == sum(not row.ok for row in record.thresholds) == 4
    assert "Duplicate deliveries: 15; it must be at most 0." in record.reasons


def test_a_reason_is_never_rounded_to_the_limit(good: RunRecord) -> None:
    """A miss by a hair is told as one: 100.04 ms is not 100, one lost of many is not 100%."""
    record = judged(changed(good, latency_ms=all_at(100.04)), [parse("p99<100ms")])
    assert record.reasons == ["Delivery latency, p99: 100.04 ms; it must be under 100 ms."]
    told = changed(good.deliveries, expected=10**10, received=10**10 - 1, lost=1)
    record = judged(changed(good, deliveries=told), [parse("delivered>=100%")])
    assert record.reasons == ["Delivered of expected: 99.999999%; it must be at least 100%."]


def test_invalid_goes_before_fail() -> None:
    """A run that failed its limits and was late itself is invalid, for the reason of lateness."""
    record = invalid()
    late = judged(record, [parse("p99<1us")])
    assert late.verdict == "invalid"
    assert not late.thresholds[0].ok
    assert all("generator" in reason for reason in late.reasons)


def health(good: RunRecord, **changes: object) -> Generator:
    generator: Generator = changed(good.generator, **changes)
    return generator


@pytest.mark.parametrize(
    ("late_ms", "verdict"), [(0.0, "pass"), (2000.0, "pass"), (2000.1, "invalid")]
)
def test_a_share_of_late_time_is_tolerated(good: RunRecord, late_ms: float, verdict: str) -> None:
    """The loop may be late for a fiftieth of the time, and no longer."""
    generator = health(good, intervals=100, late_intervals=20, late_ms=late_ms)
    assert judge(changed(good, generator=generator))[0] == verdict


@pytest.mark.parametrize(("lag_ms", "verdict"), [(20.0, "pass"), (20.001, "invalid")])
def test_a_loop_that_always_lags_makes_the_run_invalid(
    good: RunRecord, lag_ms: float, verdict: str
) -> None:
    """A saturated loop is never much late at a time, but always."""
    generator = health(good, loop_lag_ms=all_at(lag_ms))
    assert judge(changed(good, generator=generator))[0] == verdict


def test_a_silent_worker_makes_the_run_invalid(good: RunRecord) -> None:
    """What a worker measured and did not report could be anything."""
    verdict, reasons = judge(changed(good, generator=health(good, silent_workers=1)))
    assert verdict == "invalid"
    assert reasons == ["What 1 worker measured is missing: no answer came at the end."]


@pytest.mark.parametrize(("lag_ms", "verdict"), [(20.0, "pass"), (20.001, "invalid")])
def test_a_late_publisher_makes_the_run_invalid(
    good: RunRecord, lag_ms: float, verdict: str
) -> None:
    """The p99 of the publisher's lag may be a fifth of what is promised, and no more."""
    assert judge(changed(good, publisher_lag_ms=all_at(lag_ms)))[0] == verdict


ALL_LOST = Deliveries(
    expected=9,
    received=0,
    lost=9,
    duplicates=0,
    out_of_order=0,
    missed_while_disconnected=0,
    unexpected=0,
)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"deliveries": changed(ALL_LOST, expected=0, lost=0)},
            "No delivery was expected of any subscription, so none was measured.",
        ),
        (
            {"deliveries": changed(ALL_LOST, lost=8)},
            "The accounts do not add up: 9 expected is not 0 received and 8 lost.",
        ),
        (
            {"publisher_lag_ms": Percentiles()},
            "The publisher's lag was not measured.",
        ),
        (
            {"clock": Clock(hosts=1, max_offset_error_ms=None, negative_latencies=999)},
            "The clocks of publisher and receiver disagree: 999 of 1,000 deliveries seemed to "
            "arrive before they were published.",
        ),
        (
            {"clock": Clock(hosts=2, max_offset_error_ms=21.5, negative_latencies=0)},
            "The clocks of the hosts are known to 21.5 ms only (20.0 ms is tolerated).",
        ),
        (
            {"thresholds": []},
            "No threshold was set, so there is nothing to pass.",
        ),
    ],
)
def test_a_run_that_says_nothing_is_invalid(
    good: RunRecord, changes: dict[str, object], reason: str
) -> None:
    """Each doubt about the measurement makes the run invalid and is said in a sentence."""
    verdict, reasons = judge(changed(good, **changes))
    assert (verdict, reasons) == ("invalid", [reason])


def test_a_generator_that_was_not_watched_is_not_trusted(good: RunRecord) -> None:
    """No interval watched: invalid, since nothing is good because it was not looked at."""
    verdict, reasons = judge(changed(good, generator=health(good, intervals=0, late_intervals=0)))
    assert (verdict, reasons) == (
        "invalid",
        ["Whether the generator itself was late was not measured."],
    )


def test_a_run_that_nobody_joined_or_the_server_refused_says_so(good: RunRecord) -> None:
    """Nobody connected, or no message accepted: the reason is that, and not a percentile."""
    assert unmeasured().reasons == ["None of 2,000 subscribers connected."]
    refused = changed(
        good,
        deliveries=changed(ALL_LOST, expected=0, lost=0),
        publishing=Publishing(scheduled=20, accepted=0, refused=20, unknown=0),
    )
    assert judge(refused) == (
        "invalid",
        ["The server accepted no message, so no delivery was measured."],
    )


def test_a_server_that_loses_everything_fails(good: RunRecord) -> None:
    """All expected deliveries lost is the server's doing: fail and not invalid."""
    lost = changed(good, deliveries=ALL_LOST, latency_ms=Percentiles(), server_ms=Percentiles())
    record = judged(lost, parse_all(PROMISED_OF_FAKES))
    assert record.verdict == "fail"
    assert "Delivered of expected: 0%; it must be at least 100%." in record.reasons
    assert "Delivery latency, p99: not measured; it must be under 100 ms." in record.reasons


def test_what_is_promised_can_be_judged() -> None:
    """The fakes deliver all, foreign servers over 99 %; p99 below 100 ms of both."""
    fakes, any_server = parse_all(PROMISED_OF_FAKES), parse_all(PROMISED)
    assert Limit("delivered_ratio", ">=", 1.0) in fakes
    assert Limit("delivered_ratio", ">", 0.99) in any_server
    assert fakes[0] == any_server[0] == Limit("delivery_p99_ms", "<", 100.0)
    assert all(limit.name in MEASURES for limit in [*fakes, *any_server])


def test_each_verdict_has_its_exit_code() -> None:
    """Pass, fail and invalid end a command with 0, 1 and 4."""
    assert EXIT_CODES == {"pass": 0, "fail": 1, "invalid": 4}
