"""The thresholds as JUnit XML."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

from reports import junit
from reports.record import RunRecord
from tests.reports.examples import failed, healthy, hostile, invalid

if TYPE_CHECKING:
    from pathlib import Path


def suite(record: RunRecord) -> ElementTree.Element:
    found = ElementTree.fromstring(junit.render(record)).find("testsuite")
    assert found is not None
    return found


def test_each_threshold_is_a_test_case() -> None:
    """A case for each threshold and one for the run; none fails in a healthy run."""
    record = healthy(seconds=3)
    cases = suite(record)
    names = [case.get("name") for case in cases.iter("testcase")]
    assert names == ["valid_run", *(row.name for row in record.thresholds)]
    assert cases.attrib | {"tests": "8", "failures": "0", "errors": "0"} == cases.attrib
    assert list(cases.iter("failure")) == []


def test_a_failure_says_limit_and_actual() -> None:
    """A threshold that does not hold fails with what was measured and what it must be."""
    cases = suite(failed())
    messages = [failure.get("message") for failure in cases.iter("failure")]
    assert "Duplicate deliveries: 15; it must be at most 0." in messages
    assert cases.get("failures") == str(len(messages)) == "4"


def test_an_invalid_run_is_an_error_even_if_every_threshold_holds() -> None:
    """CI that only counts failures and errors does not take an invalid run for a pass."""
    record = invalid()
    cases = suite(record)
    [error] = cases.iter("error")
    assert cases.get("errors") == "1"
    assert error.text == " ".join(record.reasons)


def test_foreign_text_makes_no_xml() -> None:
    """What the record says is text, and characters that XML forbids are spelled out."""
    cases = suite(hostile())
    assert cases.get("name") == "</style>\\x0b<script>alert(3)</script>"
    assert list(cases.iter("script")) == []


def test_the_file_is_written(tmp_path: Path) -> None:
    """`write_junit` writes what `render` gives."""
    record = healthy(seconds=3)
    junit.write_junit(record, tmp_path / "junit.xml")
    assert (tmp_path / "junit.xml").read_bytes() == junit.render(record)
