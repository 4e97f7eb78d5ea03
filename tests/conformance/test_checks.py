"""A check is tied to the contract, or the build fails."""

import asyncio
import sys
from pathlib import Path

import pytest

from conformance.checks import CheckError, shows
from conformance.requirements import UnknownRequirement
from tests.conformance.samples import Suite

ROOT = Path(__file__).parents[2]


def test_a_check_names_what_it_shows() -> None:
    """The mark carries the ids in the order given."""
    assert shows("S-SUB-1", "S-SUB-4").args == ("S-SUB-1", "S-SUB-4")


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ((), "A check names no requirement."),
        (("S-SUB-1", "S-SUB-1"), "A check names a requirement twice: S-SUB-1, S-SUB-1."),
        (("S-SUB-1", "C-SUB-1"), "A check is of a server or of a client: S-SUB-1, C-SUB-1."),
    ],
)
def test_a_check_that_is_not_tied_to_one_side_is_refused(
    named: tuple[str, ...], sentence: str
) -> None:
    """None, one twice, and both sides at once are each refused in a sentence."""
    with pytest.raises(CheckError) as refused:
        shows(*named)
    assert str(refused.value) == sentence


def test_a_check_of_an_unknown_requirement_is_refused() -> None:
    """What the contract has not cannot be shown."""
    with pytest.raises(UnknownRequirement):
        shows("S-SUB-1", "S-SUB-99")


async def test_a_module_that_names_an_unknown_requirement_breaks_the_build(suite: Suite) -> None:
    """Collection fails, nothing runs, and the sentence is there to be read."""
    suite.write('@shows("S-SUB-99")\ndef test_one(): pass')
    suite.write('@shows("S-SUB-1")\ndef test_two(): pass', "test_other.py")
    ran = await suite.run()
    assert ran.code == 3
    assert "The contract has no requirement S-SUB-99" in ran.out
    assert ran.sentence == "The suites are broken: test_sample.py cannot be collected."
    assert ran.outcomes() == {}


async def test_a_test_without_a_requirement_breaks_the_build(suite: Suite) -> None:
    """A test function among the checks that shows nothing is an error, and no check runs."""
    suite.write('@shows("S-SUB-1")\ndef test_one(): pass\ndef test_two(): pass')
    ran = await suite.run()
    assert ran.code == 3
    assert ran.sentence == (
        "test_sample.py::test_two is no check: it names no requirement, see @shows."
    )


@pytest.mark.parametrize("workers", ["0", "2"])
async def test_a_requirement_without_a_check_breaks_the_build(suite: Suite, workers: str) -> None:
    """The whole of the suites is held to the contract, for the side that is tried."""
    suite.write(
        "from conformance.requirements import REQUIREMENTS\n"
        "@pytest.mark.parametrize('name', [pytest.param(one.id, marks=shows(one.id))"
        " for one in REQUIREMENTS.values() if one.id not in ('S-STA-2', 'C-CAC-1')])\n"
        "def test_one(name): pass"
    )
    suite.demand_all()
    ran = await suite.run("-n", workers)
    assert ran.code == 3
    assert ran.sentence == "No check shows S-STA-2, C-CAC-1."
    part = await suite.run("-n", workers, "--side", "server")
    assert part.sentence == "No check shows S-STA-2."


@pytest.mark.parametrize("side", ["server", "client"])
async def test_the_real_suites_show_every_requirement(side: str) -> None:
    """The suites as they are cover the contract, and no check names what it has not."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "conformance", "--side", side, "--collect-only"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, told.decode()[-2000:]
