"""How a command ends that could not begin: one sentence, never a traceback, and exit code 3."""

from typing import Final

import click

__all__ = ["CouldNotRun"]

_COULD_NOT_RUN: Final = 3


class CouldNotRun(click.ClickException):
    """What was asked could not be begun; ends with 3."""

    exit_code = _COULD_NOT_RUN

    def show(self, file: object = None) -> None:
        """Write the sentence to stderr, without click's `Error:`."""
        click.echo(f"chatengine-harness: {self.message}", err=True)
