"""What a command ends with; each mistake of the user is one sentence, never a traceback."""

from typing import Final

import click

__all__ = ["COULD_NOT_RUN", "INVALID", "PASSED", "THRESHOLDS_FAILED", "USAGE", "CouldNotRun"]

PASSED: Final = 0
THRESHOLDS_FAILED: Final = 1
USAGE: Final = 2
COULD_NOT_RUN: Final = 3
INVALID: Final = 4


class CouldNotRun(click.ClickException):
    """What was asked could not be begun; ends with 3."""

    exit_code = COULD_NOT_RUN

    def show(self, file: object = None) -> None:
        """Write the sentence to stderr, without click's `Error:`."""
        click.echo(f"chatengine-harness: {self.message}", err=True)
