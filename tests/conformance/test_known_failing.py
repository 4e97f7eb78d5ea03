"""The baseline: what a target is known to fail, each with a reason."""

from pathlib import Path

import pytest

from conformance.known_failing import read_known_failing
from conformance.settings import SettingsError
from tests.conformance.samples import Suite

CHECKS = """
@shows("S-SUB-1")
def test_one(): pass
@shows("S-SUB-2")
def test_two(): assert False, "it hears"
"""


def test_reasons_are_read_by_requirement(tmp_path: Path) -> None:
    """A reason may go over lines; an empty file knows of nothing."""
    path = tmp_path / "known.yaml"
    path.write_text("S-SUB-2: rooms are shared  # for now\nS-STA-2: >\n  goes back\n  at times\n")
    assert read_known_failing(path) == {
        "S-SUB-2": "rooms are shared",
        "S-STA-2": "goes back at times",
    }
    path.write_text("# nothing\n")
    assert read_known_failing(path) == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("S-SUB-2:", "S-SUB-2 is known to fail for no reason that is written down."),
        ("S-SUB-2: '  '", "S-SUB-2 is known to fail for no reason that is written down."),
        ("S-SUB-2: [1]", "S-SUB-2 is known to fail for no reason that is written down."),
        ("S-SUB-2: a\nS-SUB-2: b", "is not YAML: found duplicate key"),
        ("S-SUB-2: [", "is not YAML: "),
        ("- S-SUB-2", "is no mapping of requirements to reasons."),
        ("7: because", "7 is no requirement's id."),
        ("!!python/object:os.system {}", "is not YAML: "),
    ],
)
def test_a_baseline_that_cannot_be_used_is_refused_in_a_sentence(
    tmp_path: Path, text: str, sentence: str
) -> None:
    """No reason, a key twice, no mapping, no YAML: each is named."""
    path = tmp_path / "known.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as refused:
        read_known_failing(path)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("workers", ["0", "2"])
async def test_a_run_with_its_known_failures_is_green(suite: Suite, workers: str) -> None:
    """The failure is told with its reason: in results and terminal, and as skipped in JUnit."""
    suite.write(CHECKS)
    (suite.folder / "known.yaml").write_text("S-SUB-2: rooms are shared\n")
    ran = await suite.run(
        *("--known-failing", "known.yaml", "-n", workers, "--junitxml", "junit.xml")
    )
    assert ran.code == 0
    assert ran.outcomes() == {"S-SUB-1": "pass", "S-SUB-2": "fail"}
    assert ran.results["summary"]["knownFailing"] == {"S-SUB-2": "rooms are shared"}
    assert "  known: rooms are shared" in ran.out.splitlines()
    assert 'failures="0" skipped="1"' in (suite.folder / "junit.xml").read_text()


async def test_a_stale_entry_fails_the_run_with_its_own_exit_code(suite: Suite) -> None:
    """One that passes now and one that the contract has not are each named."""
    suite.write(CHECKS)
    (suite.folder / "known.yaml").write_text("S-SUB-2: shared\nS-SUB-1: once\nS-SUB-9: never\n")
    ran = await suite.run("--known-failing", "known.yaml")
    assert ran.code == 4
    assert ran.results["summary"]["verdict"] == "stale baseline"
    assert ran.results["summary"]["stale"] == [
        "S-SUB-1 is known to fail, but passes now.",
        "The contract has no requirement S-SUB-9; S-SUB-4 is the nearest.",
    ]
