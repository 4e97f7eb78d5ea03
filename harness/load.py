"""`chatengine-harness load`: Locust on our locustfiles, with a help that knows our options.

In a process of its own always: Locust patches the whole process for gevent, which what the other
commands run, asyncio through and through, would not survive.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import locustfiles

__all__ = ["command", "run", "show_options"]


def command(name: str, arguments: Sequence[str]) -> list[str]:
    """The command that runs Locust on the locustfile `name` (`subscribers`, `agents`)."""
    locustfile = Path(locustfiles.__path__[0]) / f"{name}.py"
    return [sys.executable, "-m", "locust", "-f", str(locustfile), *arguments]


def run(arguments: Sequence[str], *, agents: bool) -> NoReturn:
    """Become Locust: signals, terminal and exit code are its own from here on."""
    program = command("agents" if agents else "subscribers", arguments)
    os.execv(program[0], program)


def show_options() -> NoReturn:
    """Print our options, and end."""
    os.execv(sys.executable, [sys.executable, "-m", "locustfiles"])
