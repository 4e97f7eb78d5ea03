"""That no requirement is forgotten: each has a test of its name here."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
CONTRACT = HERE.parents[3] / "docs" / "contract.md"


def test_each_client_requirement_has_an_end_to_end_test() -> None:
    """Of every C- requirement that the contract states, some test bears the name."""
    stated = set(re.findall(r"\bC-[A-Z]+-\d\b", CONTRACT.read_text()))
    sources = "".join(path.read_text() for path in HERE.glob("test_*.py"))
    found = re.findall(r"def test_(c_[a-z]+_\d)_", sources)
    named = {each.upper().replace("_", "-") for each in found}
    assert len(stated) == 47
    assert stated - named == set()
