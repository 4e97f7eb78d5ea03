"""`chatengine-harness load`: Locust on our locustfiles, with a help that knows our options.

In a process of its own always: Locust patches the whole process for gevent, which what the other
commands run, asyncio through and through, would not survive.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

import locustfiles

__all__ = ["load", "locust"]


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.option("--agents", is_flag=True)
@click.option("-h", "--help", "wants_help", is_flag=True)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def load(agents: bool, wants_help: bool, options: tuple[str, ...]) -> None:
    """Locust on our subscribers (or, with --agents, agents at work), against any ChatEngine.

    Takes our options and all of Locust's: with --headless in the terminal, else as a web page.
    """
    if wants_help:
        _become([sys.executable, "-m", "locustfiles"])
    _become(locust("agents" if agents else "subscribers", options))


def locust(name: str, arguments: Sequence[str]) -> list[str]:
    """The command that runs Locust on the locustfile `name` (`subscribers`, `agents`)."""
    locustfile = Path(locustfiles.__path__[0]) / f"{name}.py"
    return [sys.executable, "-m", "locust", "-f", str(locustfile), *arguments]


def _become(program: list[str]) -> NoReturn:
    """Be another program: signals, terminal and exit code are its own from here on."""
    os.execv(program[0], program)
