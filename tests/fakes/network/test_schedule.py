"""Schedules: small structs that compare equal, and their JSON."""

import msgspec
import pytest
from hypothesis import given

from fakes.network import (
    AfterBytes,
    Cut,
    HalfOpen,
    Latency,
    OnFrame,
    Refuse,
    Rule,
    Schedule,
    ScheduleError,
    Swap,
    checked,
    read_schedule,
    to_json,
)
from tests.fakes.network.strategies import schedules


@given(schedules())
def test_a_schedule_is_the_same_after_json(schedule: Schedule) -> None:
    """What is written is read back equal, with an equal hash, and is in range."""
    again = read_schedule(to_json(schedule))
    assert (again, hash(again)) == (schedule, hash(schedule))
    assert checked(schedule) == schedule


def test_a_schedule_is_written_for_people() -> None:
    """Defaults are left out, names are words."""
    schedule = Schedule(
        (
            Rule(Latency(80, 40, seed=7), AfterBytes(100, "to_client")),
            Rule(HalfOpen(), OnFrame(nth=3, prefix="42"), first=2, last=2),
        )
    )
    assert msgspec.json.decode(to_json(schedule)) == {
        "rules": [
            {
                "fault": {"kind": "latency", "ms": 80, "jitterMs": 40, "seed": 7},
                "on": {"at": "bytes", "count": 100, "direction": "to_client"},
            },
            {
                "fault": {"kind": "half_open"},
                "on": {"at": "frame", "nth": 3, "prefix": "42"},
                "first": 2,
                "last": 2,
            },
        ]
    }


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ('{"fault": {"kind": "bang"}}', "Invalid value 'bang' - at `$.rules[0].fault.kind`"),
        ('{"fault": {"kind": "cut"}, "when": 1}', "unknown field `when` - at `$.rules[0]`"),
        ('{"fault": {"kind": "latency", "ms": -1}}', "Expected `int` >= 0"),
        (
            '{"fault": {"kind": "latency", "ms": 1, "jitterMs": 1}}',
            "jitterMs is drawn at random and needs a seed - at `$.rules[0].fault`",
        ),
        (
            '{"fault": {"kind": "slice", "size": 2, "atMost": 3}}',
            "atMost has sizes drawn at random and needs a seed",
        ),
        ('{"fault": {"kind": "slice", "size": 3, "atMost": 2, "seed": 1}}', "atMost is below size"),
        ('{"fault": {"kind": "cut"}, "first": 2, "last": 1}', "last is below first"),
        (
            '{"fault": {"kind": "drop"}}',
            'drop happens to a frame: say which by "on": {"at": "frame"} - at `$.rules[0]`',
        ),
        (
            '{"fault": {"kind": "refuse"}, "waitMs": 5}',
            "refuse happens as a connection comes: it takes neither on nor waitMs",
        ),
        (
            '{"fault": {"kind": "corrupt"}, "waitMs": 5}',
            "corrupt happens to bytes on their way and cannot wait",
        ),
        (
            '{"fault": {"kind": "cut"}, "on": {"at": "frame", "regex": "("}}',
            "regex cannot be used: missing ), unterminated subpattern at position 0",
        ),
    ],
)
def test_a_mistake_is_one_sentence(rule: str, sentence: str) -> None:
    """It says what is wrong, and where."""
    with pytest.raises(ScheduleError) as caught:
        read_schedule(f'{{"rules": [{rule}]}}'.encode())
    assert str(caught.value).startswith("the schedule cannot be used: ")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff", b"{", b'{"what": "fired"}', b"[" * 100_000])
def test_what_is_no_schedule_is_a_schedule_error(text: bytes) -> None:
    """Whatever a file holds, nothing else is raised."""
    with pytest.raises(ScheduleError, match="the schedule cannot be used"):
        read_schedule(text)


def test_figures_out_of_range_are_found_in_python_too() -> None:
    """Structs do not check what they are made of; the proxy does."""
    with pytest.raises(ScheduleError, match=r"Expected `int` >= 0 - at `\$.rules\[0\].fault.ms`"):
        checked(Schedule((Rule(Latency(-1)),)))


@pytest.mark.parametrize("wrong", [{"fault": Swap()}, {"fault": Refuse(), "wait_ms": 1}])
def test_a_rule_without_sense_cannot_be_made(wrong: dict[str, object]) -> None:
    """Python hears the same sentences as JSON."""
    with pytest.raises(ValueError, match="happens"):
        Rule(**wrong)  # type: ignore[arg-type]


def test_half_a_surrogate_pair_is_no_pattern() -> None:
    """It could not be looked for in UTF-8."""
    with pytest.raises(ValueError, match="surrogates"):
        OnFrame(prefix="\ud800")


def test_a_rule_concerns_its_connections() -> None:
    """From first to last, both included; without last, all from first on."""
    assert [n for n in range(1, 7) if Rule(Cut(), first=2, last=4).concerns(n)] == [2, 3, 4]
    assert [n for n in range(1, 7) if Rule(Cut(), first=5).concerns(n)] == [5, 6]
