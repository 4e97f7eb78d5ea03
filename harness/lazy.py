"""Commands that are imported when they are run, and not before.

All of them together take 0.6 s to import, in which `--help` would keep a person waiting, and Ctrl-C
would end in a traceback from the middle of an import.
"""

import signal
from importlib import import_module
from typing import Final

import click

__all__ = ["Lazy", "LazyGroup"]

_INTERRUPTED: Final = 130
"""What a shell says of a command that SIGINT ended: 128 + 2."""


class Lazy(click.Command):
    """Stands for the command `name` of a module, with what the list of commands says of it."""

    def __init__(self, name: str, module: str, summary: str) -> None:
        super().__init__(name, short_help=summary)
        self._module = module

    def load(self) -> click.Command:
        """Import the command itself; Ctrl-C meanwhile ends the process, and no import is seen."""
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
        module = import_module(self._module)
        signal.signal(signal.SIGINT, before)
        command: click.Command = getattr(module, str(self.name))
        return command


class LazyGroup(click.Group):
    """A group that lists its lazy commands as they stand, and loads the one that is run.

    A command that Ctrl-C ends, and that has no say of its own in it, ends with 130.
    """

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command as click does, and load it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, Lazy) else command, rest

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(_INTERRUPTED) from None
