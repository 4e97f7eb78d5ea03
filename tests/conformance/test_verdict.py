"""From the ends of checks to a verdict, without a run."""

from collections.abc import Mapping

import pytest

from conformance.outcomes import CouldNotRun, Ending, Nonconforming, NotApplicable, Outcome, ending
from conformance.requirements import REQUIREMENTS
from conformance.selection import Check, Plan
from conformance.verdict import ExitCode, Verdict, conclude

PASS = ending(None)
FAIL = ending(Nonconforming(expected="one", seen="two"))
UNABLE = ending(CouldNotRun("no port"))
NOT_APPLICABLE = ending(NotApplicable("not claimed"))


def judge(
    shown: Mapping[str, list[Ending]],
    known: Mapping[str, str] | None = None,
    *,
    aborted: str | None = None,
    narrowed: bool = False,
) -> Verdict:
    """The verdict on requirements whose checks ended as given."""
    ends = {f"{name}/{n}": end for name, all_ in shown.items() for n, end in enumerate(all_)}
    plan = Plan(
        checks=tuple(Check(name, (name.partition("/")[0],)) for name in ends),
        requirements=tuple(shown),
    )
    return conclude(plan, ends, known or {}, aborted=aborted, narrowed=narrowed)


@pytest.mark.parametrize(
    ("identifier", "ends", "outcome"),
    [
        ("S-SUB-1", [PASS, PASS], Outcome.PASS),
        ("S-SUB-1", [PASS, FAIL], Outcome.FAIL),
        ("S-SUB-1", [PASS, UNABLE], Outcome.COULD_NOT_RUN),
        ("S-SUB-1", [UNABLE, FAIL], Outcome.FAIL),
        ("S-SUB-1", [PASS, NOT_APPLICABLE], Outcome.PASS),
        ("C-TYP-2", [PASS, FAIL], Outcome.WARN),
        ("C-TYP-2", [UNABLE, FAIL], Outcome.COULD_NOT_RUN),
        ("S-PRO-3", [NOT_APPLICABLE], Outcome.NOT_APPLICABLE),
        ("S-SUB-1", [NOT_APPLICABLE], Outcome.COULD_NOT_RUN),
        ("S-SUB-1", [], Outcome.COULD_NOT_RUN),
    ],
)
def test_a_requirement_comes_to_the_gravest_of_its_checks(
    identifier: str, ends: list[Ending], outcome: Outcome
) -> None:
    """One that is not applicable for no want of a capability, or was not run, shows nothing."""
    assert judge({identifier: ends}).findings[0].outcome is outcome


def test_a_check_without_an_end_did_not_run() -> None:
    """What was planned counts, also where no report of it came."""
    plan = Plan(checks=(Check("one", ("S-SUB-1",)),), requirements=("S-SUB-1",))
    verdict = conclude(plan, {}, {}, aborted="the server is down")
    assert verdict.findings[0].shown[0].ending.message == "did not run: the server is down"
    assert verdict.exit_code is ExitCode.COULD_NOT_RUN


@pytest.mark.parametrize(
    ("shown", "code", "sentence"),
    [
        ({"S-SUB-1": [PASS]}, 0, "Of 1 requirement: 1 kept."),
        (
            {
                "S-SUB-1": [PASS],
                "S-PRO-3": [NOT_APPLICABLE],
                "C-TYP-2": [FAIL],
                "C-CAC-1": [UNABLE],
            },
            0,
            "Of 4 requirements: 1 kept, 1 not applicable, 1 warned of, 1 not tried.",
        ),
        (
            {"S-SUB-1": [FAIL], "S-SUB-2": [FAIL], "S-SUB-3": [UNABLE]},
            1,
            "Not kept: S-SUB-1, S-SUB-2 (2 of 3 requirements); 1 could not be tried.",
        ),
        (
            {"S-SUB-1": [PASS], "S-SUB-3": [UNABLE]},
            3,
            "1 of 2 requirements could not be tried: S-SUB-3.",
        ),
    ],
)
def test_a_run_has_an_exit_code_and_a_sentence(
    shown: dict[str, list[Ending]], code: int, sentence: str
) -> None:
    """Broken outranks untried, and neither a warning nor an untried SHOULD makes a run red."""
    verdict = judge(shown)
    assert (verdict.exit_code, verdict.sentence) == (code, sentence)


def test_a_run_that_ended_before_its_time_is_not_green() -> None:
    """Also where every check that was planned had its end."""
    verdict = judge({"S-SUB-1": [PASS]}, aborted="a fault of the harness: KeyError")
    assert verdict.exit_code is ExitCode.COULD_NOT_RUN
    assert verdict.sentence == "The run ended before its time: a fault of the harness: KeyError."


def test_a_run_that_ended_before_its_time_tells_what_it_had_found() -> None:
    """The exit code says that it is not all; the sentence names what was broken by then, too."""
    shown = {"S-SUB-1": [PASS], "S-SUB-2": [FAIL], "S-SUB-3": []}
    verdict = judge(shown, aborted="The server has ended")
    assert verdict.exit_code is ExitCode.COULD_NOT_RUN
    assert verdict.sentence == (
        "1 of 3 requirements could not be tried: The server has ended. "
        "Not kept, of what was tried: S-SUB-2."
    )


def test_a_known_failure_is_told_and_does_not_count() -> None:
    """The requirement fails all the same, with its reason beside it."""
    verdict = judge({"S-SUB-1": [PASS], "S-SUB-2": [FAIL]}, {"S-SUB-2": "rooms are shared"})
    assert verdict.exit_code is ExitCode.CONFORMS
    assert verdict.findings[1].outcome is Outcome.FAIL
    assert verdict.findings[1].known == "rooms are shared"
    assert verdict.sentence == "Of 2 requirements: 1 kept, 1 known to fail."


def test_a_known_failure_that_could_not_be_tried_is_not_green() -> None:
    """That it is known to fail does not show that it still does."""
    verdict = judge({"S-SUB-2": [UNABLE]}, {"S-SUB-2": "rooms are shared"})
    assert verdict.exit_code is ExitCode.COULD_NOT_RUN


@pytest.mark.parametrize(
    ("identifier", "sentence"),
    [
        ("S-SUB-1", "S-SUB-1 is known to fail, but passes now."),
        ("S-PRO-3", "S-PRO-3 is known to fail, but is not applicable."),
        ("C-SUB-1", "C-SUB-1 is known to fail, but has no part in this run."),
        ("S-SUB-9", "The contract has no requirement S-SUB-9; S-SUB-4 is the nearest."),
    ],
)
def test_an_entry_of_the_baseline_that_has_to_go_fails_the_run(
    identifier: str, sentence: str
) -> None:
    """One that passes now, or matches nothing, has an exit code of its own and a sentence."""
    shown = {"S-SUB-1": [PASS], "S-PRO-3": [NOT_APPLICABLE], "S-SUB-2": [FAIL]}
    verdict = judge(shown, {"S-SUB-2": "rooms are shared", identifier: "once"})
    assert verdict.exit_code is ExitCode.STALE
    assert verdict.stale == (sentence,)
    assert verdict.sentence == f"The list of what is known to fail is stale: {sentence}"


def test_a_new_failure_outranks_a_stale_baseline() -> None:
    """Both are told; the exit code is that of the failure."""
    verdict = judge({"S-SUB-1": [PASS], "S-SUB-2": [FAIL]}, {"S-SUB-1": "once"})
    assert verdict.exit_code is ExitCode.NONCONFORMING
    assert verdict.stale == ("S-SUB-1 is known to fail, but passes now.",)


def test_a_run_of_a_few_requirements_leaves_the_rest_of_the_baseline_alone() -> None:
    """With --only an entry may have no part in the run; one that the contract has not is stale."""
    known = {"S-SUB-2": "rooms are shared"}
    assert judge({"S-SUB-1": [PASS]}, known, narrowed=True).exit_code is ExitCode.CONFORMS
    stale = judge({"S-SUB-1": [PASS]}, {"S-SUB-9": "once"}, narrowed=True)
    assert stale.exit_code is ExitCode.STALE


def test_the_numbers_count_every_requirement_once() -> None:
    """Each requirement is under one outcome."""
    verdict = judge({name: [PASS, FAIL] for name in REQUIREMENTS})
    assert sum(verdict.numbers.values()) == len(REQUIREMENTS)
