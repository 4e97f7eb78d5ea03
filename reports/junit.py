"""The thresholds of a run as JUnit XML, which every CI shows: a test case for each."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

from reports import words
from reports.files import write_file
from reports.measures import MEASURES
from reports.thresholds import describe

if TYPE_CHECKING:
    import os

    from reports.record import RunRecord, Threshold

__all__ = ["render", "write_junit"]


def write_junit(record: RunRecord, path: str | os.PathLike[str]) -> None:
    """Write `junit.xml`, whole or not at all. Raises ReportError."""
    write_file(path, render(record))


def render(record: RunRecord) -> bytes:
    """The test suite as XML, UTF-8.

    A threshold that does not hold is a failure. An invalid run is one error, in a case of its own
    named `valid_run`, so that a CI which only counts does not take it for a pass.
    """
    failures = sum(not row.ok for row in record.thresholds)
    invalid = record.verdict == "invalid"
    suite = ElementTree.Element(
        "testsuite",
        name=words.printable(record.tool),
        timestamp=words.printable(record.started),
        time=f"{record.duration_s:.3f}",
        tests=str(len(record.thresholds) + 1),
        failures=str(failures),
        errors=str(int(invalid)),
        skipped="0",
    )
    run = ElementTree.SubElement(suite, "testcase", classname="run", name="valid_run", time="0")
    if invalid:
        text = words.printable(" ".join(record.reasons))
        ElementTree.SubElement(run, "error", type="invalid", message=text).text = text
    for row in record.thresholds:
        _case(suite, row)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _case(suite: ElementTree.Element, row: Threshold) -> None:
    """A threshold as a test case, with limit and actual in the message when it does not hold."""
    name = words.printable(row.name)
    case = ElementTree.SubElement(suite, "testcase", classname="thresholds", name=name, time="0")
    if not row.ok:
        text = words.printable(describe(row))
        kind = "threshold" if row.name in MEASURES else "unknown"
        ElementTree.SubElement(case, "failure", type=kind, message=text).text = text
