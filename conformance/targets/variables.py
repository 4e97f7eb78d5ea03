"""The environment of what is tried: the harness's own, but for what is the harness's alone."""

import os
from typing import Final

__all__ = ["SAFE_PATH", "inherited"]

SAFE_PATH: Final = "PYTHONSAFEPATH"
"""Keeps what lies in the current folder from being imported, here and in workers: `conform` sets
it, for an implementer's folder may well have a package `chatengine` of its own."""


def inherited(*, without: tuple[str, ...] = ()) -> dict[str, str]:
    """The variables that a command under test inherits; those with such prefixes are left out."""
    left_out = (SAFE_PATH, *without)
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
