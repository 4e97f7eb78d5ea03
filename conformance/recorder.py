"""Puts a run together, once: what had to run, how it ended, and what is written about it."""

import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from conformance.job_summary import write_job_summary
from conformance.outcomes import Ending, worse
from conformance.page import write_page
from conformance.results import results, write_results
from conformance.selection import Plan
from conformance.settings import Settings
from conformance.telling import ending_of
from conformance.terminal import opening_lines, write_summary
from conformance.verdict import ExitCode, Verdict, conclude

__all__ = ["Recorder", "hand_over", "led_seed"]

_PLAN: Final = pytest.StashKey[Plan]()
_PLACE: Final = "conformance_plan"
"""Where a worker writes the plan down: the controller collects nothing itself."""


_SEED: Final = "conformance_seed"


def led_seed(config: pytest.Config) -> int | None:
    """The seed that a worker was given by the process that leads the run; None on that process."""
    seed: int | None = getattr(config, "workerinput", {}).get(_SEED)
    return seed


def hand_over(config: pytest.Config, plan: Plan) -> None:
    """Give the plan to the recorder, also from a worker. Raises UsageError where none runs."""
    place = getattr(config, "workerinput", {}).get(_PLACE)
    if place is not None:
        scrap = Path(place).with_suffix(f".{config.workerinput['workerid']}")  # type: ignore[attr-defined]
        scrap.write_bytes(msgspec.json.encode(plan))
        scrap.replace(place)
    elif config.option.collectonly and plan.problem:
        raise pytest.UsageError(plan.problem)
    else:
        config.stash[_PLAN] = plan


class Recorder:
    """Hears every report on the process that leads the run, and ends with a verdict."""

    def __init__(self, config: pytest.Config, settings: Settings, known: Mapping[str, str]) -> None:
        self._config = config
        self._settings = settings
        self._known = known
        self._endings: dict[str, Ending] = {}
        self._uncollected: list[str] = []
        self._aborted: str | None = None
        self._interrupted = False
        self._folder = tempfile.TemporaryDirectory(prefix="chatengine-conformance-")
        self._started = datetime.now(UTC)
        self._since = time.monotonic()
        self._verdict: Verdict | None = None

    def pytest_sessionstart(self) -> None:
        """Say what is tried; forget earlier results, which must not be taken for this run's."""
        try:
            self._settings.results.parent.mkdir(parents=True, exist_ok=True)
            earlier = self._settings.histories.glob("*.jsonl")
            for path in (self._settings.results, self._settings.page, *earlier):
                path.unlink(missing_ok=True)
        except OSError as error:
            where = self._settings.results.parent
            raise pytest.UsageError(
                f"Nothing can be written to {where}: {error.strerror}."
            ) from None
        self._announce()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker the run's seed, and where to write the plan down."""
        node.workerinput.update({_PLACE: str(self._place), _SEED: self._settings.seed})

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep why a module could not be collected."""
        if report.failed:
            self._uncollected.append(f"{report.nodeid} cannot be collected.\n{report.longreprtext}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep how a phase of a check ended; of several, the gravest."""
        told = ending_of(report)
        if told is not None:
            name = report.nodeid.removeprefix("conformance/")
            self._endings[name] = worse(self._endings.get(name), told)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell a person's wish from the run's own end before its time."""
        self._interrupted = excinfo.type is KeyboardInterrupt
        self._aborted = "the run was interrupted" if self._interrupted else str(excinfo.value)

    def pytest_internalerror(self, excrepr: object) -> None:
        """A fault of pytest or of a plugin ends the run."""
        self._aborted = f"a fault of the harness: {str(excrepr).splitlines()[-1]}"

    # First of all: where checks are shared, the workers that have to end may take 10 s about it.
    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge, write, and end with the verdict's exit code."""
        self._verdict = self._conclude()
        session.exitstatus = int(self._verdict.exit_code)
        passed_s = time.monotonic() - self._since
        started = self._started.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        found = results(self._verdict, self._settings, started, passed_s)
        try:
            write_results(found, self._settings.results)
            write_page(found, self._verdict, self._settings)
            write_job_summary(self._verdict, self._settings)
        except OSError as error:
            self._aborted = f"The results cannot be written: {error}."
            session.exitstatus = int(ExitCode.COULD_NOT_RUN)
        self._folder.cleanup()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what came of it, the verdict last."""
        for told in self._uncollected:
            terminalreporter.write_line(told, red=True)
        if self._verdict is not None:
            write_summary(self._verdict, self._settings, terminalreporter)

    def _announce(self) -> None:
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            for line in opening_lines(self._settings):
                reporter.write_line(line)

    @property
    def _place(self) -> Path:
        return Path(self._folder.name) / "plan.json"

    def _conclude(self) -> Verdict:
        plan = self._plan()
        if plan.problem is not None:
            code = ExitCode.COULD_NOT_RUN if plan.at_fault else ExitCode.USAGE
            return Verdict(findings=(), exit_code=code, sentence=plan.problem)
        return conclude(
            plan,
            self._endings,
            self._known,
            aborted=self._aborted,
            interrupted=self._interrupted,
            narrowed=self._settings.narrowed,
        )

    def _plan(self) -> Plan:
        """What had to run, from wherever it was collected."""
        if self._uncollected:
            first = self._uncollected[0].partition("\n")[0]
            return Plan(problem=f"The suites are broken: {first}", at_fault=True)
        if self._place.exists():
            return msgspec.json.decode(self._place.read_bytes(), type=Plan)
        lacking = Plan(problem=self._aborted or "Nothing was collected.", at_fault=True)
        return self._config.stash.get(_PLAN, lacking)
