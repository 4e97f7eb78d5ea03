"""The matrix: what the trials of all mutants come to."""

from __future__ import annotations

from pathlib import Path

import msgspec

from conformance.mutants.matrix import CORRECT, Trial, judged
from conformance.mutants.page import as_markdown, write_matrix
from conformance.outcomes import Outcome
from conformance.results import CheckResult, RequirementResult, Results, Summary

SUMMARY = Summary(
    verdict="",
    exit_code=0,
    sentence="",
    requirements={},
    known_failing={},
    stale=[],
    seed=1,
    profile="ci",
    started_at="",
    duration_s=1.0,
)

Outcomes = dict[str, dict[str, Outcome]]
PASS, FAIL, WARN, UNTRIED = Outcome.PASS, Outcome.FAIL, Outcome.WARN, Outcome.COULD_NOT_RUN


def results(outcomes: Outcomes) -> Results:
    """By requirement and check how each ended."""
    return Results(
        target={},
        requirements={
            identifier: RequirementResult(
                level="MUST",
                outcome=max(checks.values(), key=list(Outcome).index),
                checks=[CheckResult(name, outcome, "", None) for name, outcome in checks.items()],
            )
            for identifier, checks in outcomes.items()
        },
        summary=SUMMARY,
    )


def trial(name: str, outcomes: Outcomes | None, *breaks: str, whole: bool = False) -> Trial:
    """A trial of a server."""
    return Trial(
        side="server",
        name=name,
        does=f"Is {name}.",
        breaks=breaks,
        whole=whole,
        seconds=1.0,
        results=None if outcomes is None else results(outcomes),
    )


GOOD = trial(CORRECT, {"S-SUB-1": {"a[1]": PASS, "a[2]": PASS}, "S-SUB-2": {"b": PASS}}, whole=True)
LOUD = trial("loud", {"S-SUB-1": {"a[1]": FAIL, "a[2]": PASS}}, "S-SUB-1")
SLOW = trial("slow", {"S-SUB-2": {"b": WARN}}, "S-SUB-2")


def test_all_is_well() -> None:
    """Every mutant caught, every check has caught one, nothing correct blamed: 100 %."""
    matrix = judged([GOOD, LOUD, SLOW])
    assert matrix.wrongs == ()
    assert matrix.score == "2 of 2 mutants caught (100 %)"
    assert matrix.caught == {"a": ["loud"], "b": ["slow"]}


def test_a_survivor() -> None:
    """A mutant that passes survives, and the score says so."""
    quiet = trial("quiet", {"S-SUB-1": {"a[1]": PASS}}, "S-SUB-1")
    matrix = judged([GOOD, LOUD, SLOW, quiet])
    assert matrix.wrongs == ("server/quiet survives (S-SUB-1): Is quiet.",)
    assert matrix.score == "2 of 3 mutants caught (66.7 %)"


def test_each_requirement_that_is_broken_is_seen() -> None:
    """Of a mutant that breaks two requirements, checks of each have to say so."""
    half = trial("half", {"S-SUB-1": {"a": FAIL}, "S-SUB-2": {"b": PASS}}, "S-SUB-1", "S-SUB-2")
    matrix = judged([GOOD, LOUD, SLOW, half])
    assert matrix.wrongs == ("server/half breaks S-SUB-2, and no check of that says so.",)
    assert matrix.score == "3 of 3 mutants caught (100 %)"


def test_blamed_for_another_reason_is_not_caught() -> None:
    """A check of a requirement that a mutant keeps does not catch it."""
    other = trial("other", {"S-SUB-1": {"a": PASS}, "S-SUB-2": {"b": FAIL}}, "S-SUB-1")
    assert judged([other]).wrongs == ("server/other survives (S-SUB-1): Is other.",)
    assert other.blames == {"S-SUB-2": ["b"]}


def test_what_could_not_run_has_caught_nothing() -> None:
    """A check that could not run is no verdict on a mutant, nor one on what is correct."""
    broken = trial("broken", {"S-SUB-1": {"a": UNTRIED}}, "S-SUB-1")
    assert judged([broken]).survivors == [broken]
    assert judged([trial(CORRECT, {"S-SUB-1": {"a": UNTRIED}}, whole=True)]).wrongs[0] == (
        "server/the correct one: S-SUB-1 could not be tried."
    )


def test_a_check_that_catches_nothing() -> None:
    """Where the correct program was tried, a check that catches no mutant is told."""
    assert judged([GOOD, LOUD]).wrongs == ("b catches no mutant.",)
    assert judged([LOUD]).wrongs == ()


def test_what_is_correct_is_not_blamed() -> None:
    """A correct program, or a lawful one, that a check blames is wrong, by name."""
    lawful = trial("lawful", {"S-SUB-1": {"a": FAIL}}, whole=True)
    assert judged([lawful]).wrongs == ("server/lawful keeps S-SUB-1 and is blamed by a.",)


def test_a_suite_without_a_result() -> None:
    """A trial that came to no result is neither caught nor well."""
    assert judged([trial("lost", None, "S-SUB-1")]).wrongs == (
        "server/lost: the suite came to no result.",
    )
    assert judged([trial("lost", None, "S-SUB-1")]).survivors


def test_the_score_is_never_rounded_up_to_all() -> None:
    """One survivor of thousands is not 100 %."""
    many = [trial(f"m-{number}", {"S-SUB-1": {"a": FAIL}}, "S-SUB-1") for number in range(5000)]
    quiet = trial("quiet", {"S-SUB-1": {"a": PASS}}, "S-SUB-1")
    assert judged([*many, quiet]).score == "5000 of 5001 mutants caught (99.9 %)"


def test_a_page_is_written(tmp_path: Path) -> None:
    """The page loads nothing, has the score, what is wrong, and what caught each mutant."""
    write_matrix(judged([GOOD, LOUD]), tmp_path)
    page = (tmp_path / "matrix.html").read_text()
    assert "default-src 'none'" in page
    assert "<title>1 of 1 mutants caught (100 %)</title>" in page
    for part in (
        "1 of 1 caught</h1>",
        "<li>b catches no mutant.</li>",
        'title="S-SUB-1: 1 of 1 caught"',
        "<pre>a</pre>",
    ):
        assert part in page


def test_it_is_written_down(tmp_path: Path) -> None:
    """Programs read the matrix as JSON, people as a page: score, mutants, checks, what is wrong."""
    matrix = judged([GOOD, LOUD])
    write_matrix(matrix, tmp_path)
    told = msgspec.json.decode((tmp_path / "matrix.json").read_bytes())
    assert told["score"] == "1 of 1 mutants caught (100 %)"
    assert told["checks"] == {"a": ["loud"], "b": []}
    assert [each["name"] for each in told["correct"]] == [CORRECT]
    assert told["mutants"][0]["caughtBy"] == {"S-SUB-1": ["a"]}
    page = as_markdown(matrix)
    assert page == (tmp_path / "matrix.md").read_text()
    for line in (
        "**1 of 1 mutants caught (100 %).**",
        "- b catches no mutant.",
        "| loud | Is loud. | S-SUB-1 | a |",
        "| server: the correct one | Is the correct one. | nothing |",
        "| b | **nothing** |",
    ):
        assert line in page.splitlines()
