"""`chatengine-harness conform server|client`: the conformance suites, on any implementation.

In a process of its own always: the suites are pytest's, and what the other commands have imported
is nothing to them. Signals, terminal and exit code are the run's own from there on.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import click

import conformance
from conformance.targets.variables import SAFE_PATH

__all__ = ["conform"]

EXIT_CODES: Final = (
    "Exit codes: 0 conforms, 1 does not, 2 usage, 3 could not run, 4 a stale list of known "
    "failures, 130 interrupted."
)

_SUITES: Final = Path(conformance.__file__).parent
_FILE: Final = click.Path(path_type=Path)

F = TypeVar("F", bound=Callable[..., object])


@click.group(epilog=EXIT_CODES)
def conform() -> None:
    """Does this ChatEngine server, or this CRM client, keep the contract?

    Settings that do not change are kept in a conformance.toml beside the implementation, so that
    CI is one line; an option given goes before it. Results go to out/conformance/results.json and
    report.html.
    """


def _shared(command: F) -> F:
    """The options that both suites have, in the order of --help."""
    for option in reversed(
        (
            click.option("--only", multiple=True, metavar="ID", help=_ONLY),
            click.option("--known-failing", type=_FILE, metavar="FILE", help=_KNOWN),
            click.option("--results", type=_FILE, metavar="FILE", help=_RESULTS),
            click.option("--junitxml", type=_FILE, metavar="FILE", help="JUnit XML, too."),
            click.option("--replay", type=_FILE, metavar="FILE", help=_REPLAY),
            click.option("--profile", type=click.Choice(["ci", "night"]), help=_PROFILE),
            click.option("--seed", type=int, metavar="N", help=_SEED),
            click.option("--workers", type=click.IntRange(0, 64), metavar="N", help=_WORKERS),
            click.option("--config", type=_FILE, metavar="FILE", help=_CONFIG),
        )
    ):
        command = option(command)
    return command


_ONLY: Final = "Run what shows this requirement and nothing else; may be repeated."
_KNOWN: Final = "Requirements known to fail, with reasons, as YAML."
_RESULTS: Final = "Results as JSON [default: out/conformance/results.json]; the page goes beside."
_REPLAY: Final = "Run a found counterexample again."
_PROFILE: Final = "How long faults are searched for: minutes, or a night [default: ci]."
_SEED: Final = "Governs whatever the run draws [default: drawn, and told]."
_WORKERS: Final = (
    "Processes that share the checks [default: one a core, 8 at most]; 0: none beside."
)
_CONFIG: Final = "Settings instead of conformance.toml."


_PYTESTS: Final = {"workers": "numprocesses", "config": "conformance_config"}
"""Options that pytest has under another name."""


@conform.command(epilog=EXIT_CODES)
@click.option("--server-url", "--url", metavar="URL", help="A server that runs already.")
@click.option("--server-cmd", "--cmd", metavar="CMD", help="Start, kill and restart this server.")
@_shared
def server(**options: object) -> None:
    """Try a ChatEngine server; with none named, our own fake.

    \b
    chatengine-harness conform server --server-cmd "node server.js"
    chatengine-harness conform server --server-url https://chat.example

    A command gets its settings from the environment (docs/contract.md, section 10). For a server
    that runs already, put what it was given into the harness's environment too:
    CHATENGINE_JWT_SECRET, INSTANCES, EVOLUTION_API_URL and so on.
    """
    _run("server", options)


@conform.command(epilog=EXIT_CODES)
@click.option("--client-cmd", "--cmd", metavar="CMD", help="The client's adapter.")
@_shared
def client(**options: object) -> None:
    """Try a CRM client through its adapter; with none named, our own client.

    \b
    chatengine-harness conform client --client-cmd "node adapter.js"

    The adapter is a small program that takes verbs on stdin and answers on stdout
    (docs/test-your-client.md).
    """
    _run("client", options)


def _run(side: str, options: dict[str, object]) -> NoReturn:
    """Become pytest on the suites."""
    words = [str(_SUITES), "--side", side]
    for name, value in options.items():
        option = f"--{_PYTESTS.get(name, name).replace('_', '-')}"
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None:
                words.append(f"{option}={one}")
    environment = os.environ | {SAFE_PATH: "1"}
    os.execve(sys.executable, [sys.executable, "-m", "pytest", *words], environment)
