"""A run of checks as an implementer sees it: outcomes, exit code, what is written."""

import signal
from pathlib import Path

import psutil
import pytest

from conformance.generated.failures import save
from tests.conformance.generated.samples import failure
from tests.conformance.samples import Ran, Suite
from tests.waiting import until

PASS = '@shows("S-SUB-1")\nasync def test_pass():\n    """Messages reach those subscribed."""\n'
FAIL = """
@shows("S-SUB-2")
async def test_fail():
    raise Nonconforming(expected="no message", seen=["m-1"], history=[{"at_us": 7, "id": "m-1"}])
"""
ASSERTION = '@shows("S-SUB-3")\ndef test_assertion():\n    assert 1 == 2, "still subscribed"\n'
WARN = '@shows("C-TYP-2")\ndef test_warn():\n    assert False, "it never ends"\n'
CLAIM = """
@shows("C-FBK-7")
def test_claim():
    raise Nonconforming(expected="a request", seen="none", capability="polling")
"""
NOT_APPLICABLE = """
@shows("S-PRO-3")
def test_not_applicable():
    raise NotApplicable("polling is not claimed")
"""
NEEDLESS = '@shows("S-MSG-1")\ndef test_needless():\n    raise NotApplicable("no reason")\n'
UNABLE = '@shows("S-MSG-2")\ndef test_unable():\n    raise CouldNotRun("its port is taken")\n'
FAULT = '@shows("S-MSG-3")\ndef test_fault():\n    {}["nothing"]\n'
SKIPPED = '@shows("S-MSG-4")\ndef test_skipped():\n    pytest.skip("not today")\n'
TEARDOWN = """
@pytest.fixture
def breaks():
    yield
    raise OSError("still in use")

@shows("S-MSG-5")
def test_teardown(breaks): pass
"""
SETUP = """
@pytest.fixture
def silent():
    raise Nonconforming(expected="CONNECT answered", seen="nothing")

@shows("S-STA-1")
def test_setup(silent): pass
"""
EVERYTHING = "\n".join(
    (
        *(PASS, FAIL, ASSERTION, WARN, CLAIM, NOT_APPLICABLE),
        *(NEEDLESS, UNABLE, FAULT, SKIPPED, TEARDOWN, SETUP),
    )
)
OUTCOMES = {
    "S-SUB-1": "pass",
    "S-SUB-2": "fail",
    "S-SUB-3": "fail",
    "S-MSG-1": "could not run",
    "S-MSG-2": "could not run",
    "S-MSG-3": "could not run",
    "S-MSG-4": "could not run",
    "S-MSG-5": "could not run",
    "S-STA-1": "fail",
    "S-PRO-3": "not applicable",
    "C-TYP-2": "warn",
    "C-FBK-7": "fail",
}


def messages(ran: Ran) -> dict[str, str]:
    """What the first check of each requirement says."""
    return {name: one["checks"][0]["message"] for name, one in ran.results["requirements"].items()}


@pytest.mark.parametrize("workers", ["0", "2"])
async def test_every_outcome_is_told_apart(suite: Suite, workers: str) -> None:
    """Each end of a check has its outcome, in one process and over workers alike."""
    suite.write(EVERYTHING)
    ran = await suite.run("-n", workers, "--seed", "5")
    assert ran.outcomes() == OUTCOMES
    assert ran.code == 1
    told = messages(ran)
    assert told["S-SUB-2"] == 'expected no message; seen ["m-1"]'
    assert told["S-SUB-3"].startswith("still subscribed")
    assert told["C-FBK-7"].startswith("polling is claimed and does not work: ")
    assert told["S-MSG-2"] == "its port is taken"
    assert told["S-MSG-3"] == "a fault of the harness, not of the target: KeyError: 'nothing'"
    assert told["S-MSG-5"] == "a fault of the harness, not of the target: OSError: still in use"
    summary = ran.results["summary"]
    assert summary["verdict"] == "does not conform"
    assert summary["exitCode"] == 1
    assert summary["seed"] == 5
    assert summary["requirements"] == {
        "pass": 1,
        "fail": 4,
        "warn": 1,
        "not applicable": 1,
        "could not run": 5,
    }


async def test_the_end_says_what_is_not_kept_and_how_to_see_it_again(suite: Suite) -> None:
    """The terminal has expected beside seen, the command that runs it alone, and the verdict."""
    suite.write(PASS + FAIL)
    ran = await suite.run("--server-cmd", "node server.js --port 1", "--seed", "5")
    lines = ran.out.splitlines()
    assert "server   node server.js --port 1" in lines
    assert "    expected  no message" in lines
    assert '    seen      ["m-1"]' in lines
    assert (
        "  again: chatengine-harness conform server --server-cmd 'node server.js --port 1' "
        "--only S-SUB-2 --seed 5"
    ) in lines
    assert "Not kept: S-SUB-2 (1 of 2 requirements)." in lines


@pytest.mark.parametrize(
    ("checks", "code", "sentence"),
    [
        (PASS, 0, "Of 1 requirement: 1 kept."),
        (PASS + UNABLE, 3, "1 of 2 requirements could not be tried: S-MSG-2."),
    ],
)
async def test_the_exit_code_tells_the_runs_apart(
    suite: Suite, checks: str, code: int, sentence: str
) -> None:
    """Green is 0, broken is 1 whatever else there is, and what could not run is never green."""
    suite.write(checks)
    ran = await suite.run()
    assert (ran.code, ran.sentence) == (code, sentence)


async def test_only_runs_what_shows_a_requirement_and_nothing_else(suite: Suite) -> None:
    """`--only` may be repeated, and the run speaks of nothing that was not asked for."""
    both = '@shows("S-SUB-1", "S-SUB-4")\ndef test_both(): pass\n'
    suite.write(PASS + FAIL + WARN + both)
    ran = await suite.run("--only", "S-SUB-1", "--only", "C-TYP-2", "--junitxml", "junit.xml")
    assert ran.outcomes() == {"S-SUB-1": "pass", "C-TYP-2": "warn"}
    junit = (suite.folder / "junit.xml").read_text()
    assert junit.count("<testcase") == 3
    assert "test_fail" not in junit


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--only", "S-SUB-9"), "The contract has no requirement S-SUB-9; S-SUB-4 is the nearest."),
        (("--known-failing", "none.yaml"), "{folder}/none.yaml cannot be read: No such file"),
        (("--results", "/proc/none/results.json"), "Nothing can be written to /proc/none"),
    ],
)
async def test_a_mistake_in_what_is_asked_for_is_one_sentence(
    suite: Suite, options: tuple[str, ...], sentence: str
) -> None:
    """The exit code is 2, and nothing runs."""
    suite.write(PASS)
    ran = await suite.run(*options)
    assert ran.code == 2
    assert (
        ran.out.strip()
        .splitlines()[-1]
        .startswith("conformance: " + sentence.format(folder=suite.folder))
    )


async def test_one_seed_governs_what_every_check_draws(suite: Suite) -> None:
    """A check draws the same under one seed in any order and process, and else something new."""
    suite.write(
        '@shows("S-SUB-1")\n@pytest.mark.parametrize("n", range(6))\n'
        "def test_draw(rng, n): raise CouldNotRun(str(rng.random()))"
    )

    def drawn(ran: Ran) -> list[str]:
        checks = ran.results["requirements"]["S-SUB-1"]["checks"]
        return [check["message"] for check in checks]

    one = drawn(await suite.run("--seed", "1"))
    assert len(set(one)) == 6
    assert one == drawn(await suite.run("--seed", "1", "-n", "2"))
    free = await suite.run("-n", "2")
    assert one != drawn(free)
    assert drawn(free) == drawn(await suite.run("--seed", str(free.results["summary"]["seed"])))


async def test_junit_has_requirements_and_outcomes_as_properties(suite: Suite) -> None:
    """Pytest's own JUnit says what each check shows and what it came to."""
    suite.write(PASS + FAIL + WARN + NOT_APPLICABLE)
    await suite.run("--junitxml", "junit.xml")
    junit = (suite.folder / "junit.xml").read_text()
    for name, outcome in (
        ("S-SUB-1", "pass"),
        ("S-SUB-2", "fail"),
        ("C-TYP-2", "warn"),
        ("S-PRO-3", "not applicable"),
    ):
        properties = (
            f'<property name="requirement" value="{name}" />'
            f'<property name="outcome" value="{outcome}" />'
        )
        assert properties in junit
    assert 'errors="0" failures="1" skipped="2" tests="4"' in junit


GONE = (
    PASS
    + '@shows("S-SUB-2")\ndef test_gone(): raise TargetGone("The server is down.")\n'
    + '@pytest.mark.parametrize("n", range(40))\n@shows("S-SUB-3")\ndef test_later(n): pass\n'
    + '@shows("S-SUB-4")\ndef test_last(): pass\n'
)


@pytest.mark.parametrize("workers", ["0", "2"])
async def test_a_target_that_is_gone_ends_the_run_and_keeps_what_was_found(
    suite: Suite, workers: str
) -> None:
    """What had not run could not run, for the reason given; what had passed is kept."""
    suite.write(GONE)
    ran = await suite.run("-n", workers, "--dist", "load")
    assert ran.code == 3
    assert ran.outcomes() == {
        "S-SUB-1": "pass",
        "S-SUB-2": "could not run",
        "S-SUB-3": "could not run",
        "S-SUB-4": "could not run",
    }
    assert messages(ran)["S-SUB-2"] == "The server is down."
    checks = ran.results["requirements"]["S-SUB-4"]["checks"]
    assert [check["message"] for check in checks] == ["did not run: The server is down."]
    assert ran.sentence == "3 of 4 requirements could not be tried: The server is down."


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_what_was_found_before_an_interruption_is_kept(
    suite: Suite, workers: str, number: signal.Signals
) -> None:
    """Ctrl-C and a cancelled job write what there is, and end with 130."""
    mark = suite.folder / "reached"
    suite.write(
        PASS
        + FAIL
        + '@shows("S-SUB-3")\nasync def test_hangs():\n'
        + "    import asyncio, pathlib\n"
        + f"    pathlib.Path({str(mark)!r}).touch()\n"
        + "    await asyncio.sleep(60)\n"
    )
    async with suite.running("-n", workers) as process:
        await until(mark.exists, within_s=40)
        process.send_signal(number)
        await until((suite.folder / "out/conformance/results.json").exists, within_s=5)
        ran = await suite.ended(process)
    assert ran.code == 130
    assert ran.outcomes() == {"S-SUB-1": "pass", "S-SUB-2": "fail", "S-SUB-3": "could not run"}
    assert ran.sentence == "The run was interrupted; 1 of 3 requirements had not been tried."
    assert "Not kept" not in ran.sentence


async def test_a_job_that_is_cancelled_leaves_nothing_running(suite: Suite) -> None:
    """SIGTERM for everything in the job at once: what a check began is ended on its worker."""
    reached, ended = suite.folder / "reached", suite.folder / "ended"
    suite.write(
        "import asyncio, pathlib\n@pytest.fixture\ndef started():\n"
        + f"    yield pathlib.Path({str(reached)!r})\n    pathlib.Path({str(ended)!r}).touch()\n"
        + '@shows("S-SUB-3")\nasync def test_hangs(started):\n'
        + "    started.touch()\n    await asyncio.sleep(60)\n"
    )
    async with suite.running("-n", "1") as process:
        await until(reached.exists, within_s=40)
        leading = psutil.Process(process.pid)
        for each in (*leading.children(), leading):
            each.terminate()
        ran = await suite.ended(process)
    assert ran.code == 130
    assert ended.exists()


async def test_a_worker_that_dies_is_no_pass(suite: Suite) -> None:
    """The check that killed its process could not run; the others are run by another."""
    suite.write(PASS + '@shows("S-SUB-2")\ndef test_dies(): os._exit(9)\n')
    ran = await suite.run("-n", "1")
    assert ran.outcomes() == {"S-SUB-1": "pass", "S-SUB-2": "could not run"}
    assert "the process that ran it ended" in messages(ran)["S-SUB-2"]
    assert ran.code == 3


async def test_a_replay_runs_the_check_that_found_it_alone(suite: Suite) -> None:
    """The file names its check, which finds the file in the settings."""
    suite.write(
        PASS
        + '@shows("C-STA-1")\ndef test_generated(settings):\n'
        + "    assert settings.replay is None, settings.replay.read_text()\n"
    )
    saved = suite.folder / "failure.json"
    save(saved, failure("test_sample.py::test_generated", "C-STA-1"))
    assert (await suite.run()).outcomes() == {"S-SUB-1": "pass", "C-STA-1": "pass"}
    ran = await suite.run("--replay", "failure.json")
    assert ran.outcomes() == {"C-STA-1": "fail"}
    assert '"do": "lose"' in messages(ran)["C-STA-1"]
    save(saved, failure("test_sample.py::test_gone", "C-STA-1"))
    other = await suite.run("--replay", "failure.json")
    assert other.code == 2
    assert other.sentence == ("There is no check to replay of the name test_sample.py::test_gone.")


BLAMING = """
@shows("C-STA-1", "C-FBK-6", "C-FBK-4")
def test_search(): raise Nonconforming(expected="1", seen="2", blames=["C-STA-1"])
@shows("C-FBK-6")
def test_another(): pass
"""


async def test_a_check_that_blames_one_says_nothing_of_the_others(suite: Suite) -> None:
    """They are what other checks say; where there is none, they could not run."""
    suite.write(BLAMING)
    ran = await suite.run()
    assert ran.code == 1
    assert ran.outcomes() == {"C-STA-1": "fail", "C-FBK-6": "pass", "C-FBK-4": "could not run"}
    assert "what shows it failed for something else, and ended there" in ran.out


async def test_earlier_results_are_not_taken_for_this_runs(suite: Suite) -> None:
    """A run that is killed outright leaves no results of the one before it."""
    suite.write(PASS)
    assert (await suite.run()).code == 0
    suite.write('@shows("S-SUB-1")\ndef test_dies(): os.kill(os.getpid(), signal.SIGKILL)\n')
    killed = await suite.run()
    assert killed.code == -signal.SIGKILL
    assert killed.results == {}
    assert killed.page == ""


async def test_the_job_summary_goes_where_ci_asks_for_it(suite: Suite, tmp_path: Path) -> None:
    """With $GITHUB_STEP_SUMMARY set, the Markdown is added to that file."""
    place = tmp_path / "summary.md"
    place.write_text("# The job\n")
    suite.write(PASS + FAIL)
    await suite.run(env={"GITHUB_STEP_SUMMARY": str(place)})
    told = place.read_text()
    assert told.startswith("# The job\n## Conformance to the ChatEngine contract\n")
    assert "| S\\-SUB" not in told
    assert "| S-SUB-2 | ❌ fail |" in told
