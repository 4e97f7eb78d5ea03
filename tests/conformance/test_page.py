"""The report page and the job summary: whole, self-contained, and harmless."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace

from conformance.job_summary import markdown
from conformance.outcomes import CouldNotRun, Ending, Nonconforming, ending
from conformance.page import render
from conformance.requirements import REQUIREMENTS
from conformance.results import results
from conformance.selection import Check, Plan
from conformance.settings import Options, Settings, read_settings
from conformance.verdict import Verdict, conclude

HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m`|*x*&amp;\ud800"
BROKEN = Nonconforming(
    expected=HOSTILE,
    seen=f"seen {HOSTILE}",
    history=[{"at_us": 5, "body": HOSTILE}, f"event {HOSTILE}"],
    replay=f"out/{HOSTILE}.json",
)
VOID = {"meta", "path", "circle"}


class Tags(HTMLParser):
    """The elements of a page, checked to be closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def judged(end: Ending, known: dict[str, str] | None = None) -> Verdict:
    """A verdict on everything, where S-SUB-2 and C-TYP-2 ended as given and the rest passed."""
    checks = {name: Check(f"test.py::test[{name}]", (name,), "It says.") for name in REQUIREMENTS}
    ends = {check.name: ending(None) for check in checks.values()}
    for name in ("S-SUB-2", "C-TYP-2"):
        ends[checks[name].name] = end
    plan = Plan(checks=tuple(checks.values()), requirements=tuple(REQUIREMENTS))
    return conclude(plan, ends, known or {})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A run of the server suite and the client suite, of hostile commands."""
    options = Options(server_cmd=f"run '{HOSTILE}'", client_cmd="node adapter.js", seed=5)
    return read_settings(options, {}, tmp_path, 0)


def drawn(verdict: Verdict, settings: Settings) -> str:
    """The page of a verdict."""
    return render(results(verdict, settings, "2026-01-02T03:04:05.678Z", 12.3), verdict, settings)


def test_the_page_has_every_requirement_with_its_clause_and_command(settings: Settings) -> None:
    """A cell of the matrix leads to each requirement; clause and command are beneath."""
    page = drawn(judged(ending(BROKEN)), settings)
    tags = Tags(page)
    assert tags.open == []
    cells = [attrs["href"] for tag, attrs in tags.seen if tag == "a"]
    assert cells == [f"#{name}" for name in REQUIREMENTS]
    details = {attrs["id"]: "open" in attrs for tag, attrs in tags.seen if tag == "details"}
    assert set(details) == set(REQUIREMENTS)
    assert {name for name, is_open in details.items() if is_open} == {"S-SUB-2", "C-TYP-2"}
    text = re.sub(r"<[^>]+>", "", page)
    for one in REQUIREMENTS.values():
        clause = one.clause.replace("`", "")
        for sign, escape in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("'", "&#39;")):
            clause = clause.replace(sign, escape)
        assert clause in text, one.id
    assert (
        "chatengine-harness conform client --client-cmd &#39;node adapter.js&#39; "
        "--only C-FBK-4 --seed 5"
    ) in page


def test_a_failure_shows_expected_beside_seen_and_its_history(settings: Settings) -> None:
    """What was expected, what was seen, each event in its order, the reason if it is known."""
    broken = Nonconforming(expected="none", seen="one", history=["event 1", "event 2"])
    page = drawn(judged(ending(broken), {"S-SUB-2": "rooms are shared"}), settings)
    section = page.split('id="S-SUB-2"')[1].split("</details>")[0]
    order = ["Known to fail: <bdi>rooms", "It says.", ">none<", ">one<", "event 1", "event 2"]
    places = [section.index(part) for part in order]
    assert places == sorted(places)


def test_a_fault_of_the_harness_shows_where_it_happened(settings: Settings) -> None:
    """A traceback is for those who mend the harness; a plain reason is for everybody."""
    page = drawn(judged(ending(KeyError("x"))), settings)
    assert "a fault of the harness, not of the target: KeyError: &#39;x&#39;" in page
    page = drawn(judged(ending(CouldNotRun("its port is taken"))), settings)
    assert "its port is taken" in page


def test_what_came_from_the_wire_shows_and_does_not_act(settings: Settings) -> None:
    """No markup, no terminal escape, no reordering of text and no broken UTF-8 gets through."""
    page = drawn(judged(ending(BROKEN), {"S-SUB-2": HOSTILE}), settings)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 10
    for acting in ("\u202e", "\x1b", "\ud800"):
        assert acting not in page
    page.encode()


def test_the_page_loads_nothing_and_runs_nothing(settings: Settings) -> None:
    """It is one file: no script, no link to outside, and a policy that says so."""
    page = drawn(judged(ending(BROKEN)), settings)
    tags = Tags(page)
    assert not {tag for tag, _ in tags.seen} & {"script", "link", "img", "iframe", "object"}
    outside = [
        value
        for _, attrs in tags.seen
        for name, value in attrs.items()
        if name in ("src", "href", "action") and not (value or "").startswith("#")
    ]
    assert outside == []
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert "url(" not in page


def test_a_run_in_which_everything_fails_makes_a_page_that_opens(settings: Settings) -> None:
    """Histories and texts without end are cut, so that the page stays below 15 MB."""
    endless = Nonconforming(
        expected="e" * 10_000, seen="s" * 10_000, history=["h" * 10_000] * 5_000
    )
    verdict = judged(ending(endless))
    worst = replace(verdict.findings[11], shown=verdict.findings[11].shown * 200)
    page = drawn(replace(verdict, findings=(worst, worst)), settings)
    assert len(page) < 15_000_000
    assert "4900 more events." in page
    assert "180 more checks in results.json." in page


def test_a_run_that_did_not_begin_has_a_page_too(settings: Settings) -> None:
    """The sentence is there, and no empty matrix."""
    verdict = replace(judged(ending(None)), findings=(), sentence="No check shows S-SUB-1.")
    page = drawn(verdict, settings)
    assert "No check shows S-SUB-1." in page
    assert 'class="matrix"' not in page


def test_the_job_summary_has_a_row_for_each_requirement_not_kept(settings: Settings) -> None:
    """Verdict, numbers, and only what is not kept, each with the command that runs it alone."""
    told = markdown(judged(ending(BROKEN), {"S-SUB-2": HOSTILE}), settings)
    rows = [line for line in told.splitlines() if re.match(r"\| [SC]-", line)]
    assert [row.split(" | ")[0] for row in rows] == ["| S-SUB-2", "| C-TYP-2"]
    assert "| 1 | 0 | 1 | 89 | 0 |" in told
    assert r"**Of 91 requirements: 89 kept, 1 warned of, 1 known to fail.**" in told


def test_the_job_summary_cannot_be_broken_from_the_wire(settings: Settings) -> None:
    """No HTML, no Markdown and no new cell comes of what a target said."""
    told = markdown(judged(ending(BROKEN), {"S-SUB-2": HOSTILE}), settings)
    assert "<script" not in told
    assert "\x1b" not in told
    for row in (line for line in told.splitlines() if re.match(r"\| [SC]-", line)):
        assert len(re.findall(r"(?<!\\)\|", row)) == 6
        assert re.search(r"(?<!\\)[`*]", row) is None
