"""The pytest plugin that makes a run of checks a verdict on a target.

Here: its options, what is collected, and what every check is given. How a check ended is told in
`telling.py`, on whichever process ran it; `recorder.py` puts it together, once.
"""

import os
import random
import secrets
import signal
import sys
from collections.abc import Generator
from typing import Final

import pytest

from conformance.checks import CheckError, name_of, shown_by
from conformance.known_failing import read_known_failing
from conformance.recorder import Recorder, hand_over, led_seed
from conformance.selection import Check, NothingToRun, Plan, Uncovered, covered, plan
from conformance.settings import CONFIG_FILE, Options, Settings, SettingsError, read_settings
from conformance.telling import Telling
from conformance.verdict import ExitCode

SETTINGS: Final = pytest.StashKey[Settings]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a run; those not given are read from `conformance.toml`."""
    group = parser.getgroup("conformance", "conformance to the ChatEngine contract")
    group.addoption("--server-url", metavar="URL", help="Try the ChatEngine server at this URL.")
    group.addoption("--server-cmd", metavar="CMD", help="Try the server that this command starts.")
    group.addoption("--client-cmd", metavar="CMD", help="Try the client behind this adapter.")
    group.addoption("--side", choices=("server", "client"), help="Run this suite alone.")
    group.addoption(
        "--only",
        metavar="ID",
        action="append",
        default=[],
        help="Run what shows this requirement and nothing else; may be repeated.",
    )
    group.addoption("--results", metavar="FILE", help="Where the results go, as JSON.")
    group.addoption("--replay", metavar="FILE", help="Run a found counterexample again.")
    group.addoption("--known-failing", metavar="FILE", help="Requirements known to fail, YAML.")
    group.addoption("--profile", choices=("ci", "night"), help="How long the generator searches.")
    group.addoption("--seed", type=int, metavar="N", help="Governs whatever the run draws.")
    group.addoption("--conformance-config", metavar="FILE", help=f"Instead of {CONFIG_FILE}.")
    parser.addini("every_requirement", "Each requirement needs a check.", type="bool")


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """End with the exit codes of a run also where pytest has its own for a wrong option."""
    try:
        return (yield)
    except pytest.UsageError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return ExitCode.USAGE


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Read the settings, on the process that leads the run and on each worker."""
    config.addinivalue_line("markers", "shows(*ids): the requirements that a check shows")
    try:
        settings = _read(config)
        known = read_known_failing(settings.known_failing) if settings.known_failing else {}
    except SettingsError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[SETTINGS] = settings
    config.pluginmanager.register(Telling(known), "conformance-telling")
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        config.pluginmanager.register(Recorder(config, settings, known), "conformance-recorder")


def pytest_sessionstart() -> None:
    """Let SIGTERM, which a job that is cancelled gets, end a run as Ctrl-C does.

    What was found before is kept, and on each worker, which may get it as well, what was started is
    ended.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _read(config: pytest.Config) -> Settings:
    given = config.option
    options = Options(
        side=given.side,
        server_url=given.server_url,
        server_cmd=given.server_cmd,
        client_cmd=given.client_cmd,
        only=tuple(given.only),
        results=given.results,
        replay=given.replay,
        known_failing=given.known_failing,
        profile=given.profile,
        seed=given.seed,
        config=given.conformance_config,
    )
    led = led_seed(config)
    seed = secrets.randbelow(2**32) if led is None else led
    return read_settings(options, os.environ, config.invocation_params.dir, seed)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    """Hold what was collected to the contract, and leave what the run is asked for."""
    broken = _uncovered(session, items)
    everything = len(items)
    yield
    chosen = broken or _chosen(config, items, whole=_is_whole(config) and len(items) == everything)
    names = {check.name for check in chosen.checks}
    dropped = [item for item in items if name_of(item) not in names]
    items[:] = [item for item in items if name_of(item) in names]
    config.hook.pytest_deselected(items=dropped)
    hand_over(config, chosen)


def _uncovered(session: pytest.Session, items: list[pytest.Item]) -> Plan | None:
    """Hold the whole suites to the contract, before any of pytest's own options narrows them.

    Where a module could not even be collected, that is the problem, and not what it lacks.
    """
    try:
        collected = [_check(item) for item in items]
        if _is_whole(session.config) and not session.testsfailed:
            covered(collected, session.config.stash[SETTINGS])
    except (CheckError, Uncovered) as error:
        return Plan(problem=str(error), at_fault=True)
    return None


def _chosen(config: pytest.Config, items: list[pytest.Item], *, whole: bool) -> Plan:
    try:
        return plan([_check(item) for item in items], config.stash[SETTINGS], whole=whole)
    except NothingToRun as error:
        return Plan(problem=str(error))


def _check(item: pytest.Item) -> Check:
    said = (getattr(item, "function", item).__doc__ or "").strip()
    return Check(name_of(item), shown_by(item), said.partition("\n")[0])


def _is_whole(config: pytest.Config) -> bool:
    """Whether all that the suites have was asked for: their folder, and nothing that narrows it."""
    settings = config.stash[SETTINGS]
    if settings.narrowed or not config.getini("every_requirement"):
        return False
    here = config.invocation_params.dir
    return config.rootpath.resolve() in {(here / argument).resolve() for argument in config.args}


@pytest.fixture(scope="session")
def settings(request: pytest.FixtureRequest) -> Settings:
    """What the run is asked for."""
    return request.config.stash[SETTINGS]


@pytest.fixture
def rng(request: pytest.FixtureRequest, settings: Settings) -> random.Random:
    """A source of random numbers of the check's own: the same under one seed in any order."""
    return random.Random(f"{settings.seed}:{request.node.name}")
