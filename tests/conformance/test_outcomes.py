"""What the end of a check means."""

import asyncio

import pytest
from msgspec import Struct

from conformance.outcomes import (
    CouldNotRun,
    Nonconforming,
    NotApplicable,
    Outcome,
    TargetGone,
    ending,
    worse,
)


class Event(Struct):
    at_us: int
    what: str


def failing(capability: str | None = None) -> Nonconforming:
    return Nonconforming(expected="one", seen="two", capability=capability)


@pytest.mark.parametrize(
    ("error", "outcome", "message"),
    [
        (None, Outcome.PASS, ""),
        (failing(), Outcome.FAIL, "expected one; seen two"),
        (AssertionError("still there"), Outcome.FAIL, "still there"),
        (AssertionError(), Outcome.FAIL, "assertion failed"),
        (NotApplicable("not claimed"), Outcome.NOT_APPLICABLE, "not claimed"),
        (CouldNotRun("no port"), Outcome.COULD_NOT_RUN, "no port"),
        (TargetGone("down"), Outcome.COULD_NOT_RUN, "down"),
        (
            asyncio.CancelledError(),
            Outcome.COULD_NOT_RUN,
            "a fault of the harness, not of the target: CancelledError: ",
        ),
        (
            TimeoutError("late"),
            Outcome.COULD_NOT_RUN,
            "a fault of the harness, not of the target: TimeoutError: late",
        ),
    ],
)
def test_an_end_has_one_meaning(
    error: BaseException | None, outcome: Outcome, message: str
) -> None:
    """Nothing but a check that came to its end is a pass, and a fault is never the target's."""
    told = ending(error)
    assert (told.outcome, told.message) == (outcome, message)


def test_a_group_tells_what_the_target_did_before_what_the_harness_lacked() -> None:
    """Of the errors of several tasks, the one that breaks the clause is told, however deep."""
    deep = ExceptionGroup("inner", [TimeoutError("late"), failing()])
    told = ending(ExceptionGroup("outer", [CouldNotRun("no port"), deep]))
    assert told.message == "expected one; seen two"
    assert ending(ExceptionGroup("outer", [KeyError("k"), CouldNotRun("x")])).message == "x"
    assert "KeyError" in ending(ExceptionGroup("outer", [KeyError("k")])).message


def test_a_should_warns_but_for_a_claim_that_does_not_work_at_all() -> None:
    """A MUST fails; a SHOULD warns; what is claimed and does not work fails either way."""
    assert ending(failing()).for_level("MUST") is Outcome.FAIL
    assert ending(failing()).for_level("SHOULD") is Outcome.WARN
    assert ending(failing("polling")).for_level("SHOULD") is Outcome.FAIL
    assert ending(CouldNotRun("x")).for_level("SHOULD") is Outcome.COULD_NOT_RUN
    assert ending(failing("polling")).message == (
        "polling is claimed and does not work: expected one; seen two"
    )


def test_of_two_phases_the_graver_counts() -> None:
    """A check that passed and could not clean up could not run; one that failed stays failed."""
    passed, failed = ending(None), ending(failing())
    unable = ending(OSError("in use"))
    assert worse(None, passed) is passed
    assert worse(passed, unable) is unable
    assert worse(failed, unable) is failed
    assert worse(unable, failed) is failed


def test_a_history_is_kept_as_text_an_event_each() -> None:
    """Structs and mappings are JSON, texts are as they are, and no byte of them breaks UTF-8."""
    broken = Nonconforming(
        expected={"ok": True},
        seen=["\ud800"],
        history=[Event(7, "message"), {"at_us": 8}, "as it is", object],
    )
    assert broken.expected == '{"ok":true}'
    assert broken.seen == r"['\ud800']"
    assert broken.history[:3] == ('{"at_us":7,"what":"message"}', '{"at_us":8}', "as it is")
    assert broken.history[3] == "<class 'object'>"
    assert ending(AssertionError("\ud800")).message == r"\ud800"


def test_a_text_without_end_is_cut() -> None:
    """A megabyte from the wire does not fill the results."""
    told = ending(AssertionError("x" * 1_000_000)).message
    assert len(told) < 5_000
    assert told.endswith("(1000000 characters)")
