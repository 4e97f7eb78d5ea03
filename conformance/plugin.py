"""The pytest plugin that makes a run of checks a verdict on a target."""

import os
import random
import secrets
from typing import Final

import pytest

from conformance.settings import CONFIG_FILE, Options, Settings, SettingsError, read_settings

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


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings once; the seed goes to the workers by the options they are given."""
    config.addinivalue_line("markers", "shows(*ids): the requirements that a check shows")
    options = Options(
        side=config.option.side,
        server_url=config.option.server_url,
        server_cmd=config.option.server_cmd,
        client_cmd=config.option.client_cmd,
        only=tuple(config.option.only),
        results=config.option.results,
        replay=config.option.replay,
        known_failing=config.option.known_failing,
        profile=config.option.profile,
        seed=config.option.seed,
        config=config.option.conformance_config,
    )
    folder = config.invocation_params.dir
    try:
        settings = read_settings(options, os.environ, folder, secrets.randbelow(2**32))
    except SettingsError as error:
        raise pytest.UsageError(str(error)) from None
    config.option.seed = settings.seed
    config.stash[SETTINGS] = settings


@pytest.fixture(scope="session")
def settings(request: pytest.FixtureRequest) -> Settings:
    """What the run is asked for."""
    return request.config.stash[SETTINGS]


@pytest.fixture
def rng(request: pytest.FixtureRequest, settings: Settings) -> random.Random:
    """A source of random numbers of the check's own: the same under one seed in any order."""
    return random.Random(f"{settings.seed}:{request.node.name}")
