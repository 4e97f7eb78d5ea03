"""Our options as a command line gives them, without Locust, which would patch this process."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser
from typing import Any

from locustfiles.options import add_arguments

__all__ = ["values"]


class _Parser(ArgumentParser):
    """Takes the `env_var` that Locust's own parser knows."""

    def add_argument(self, *names: Any, env_var: str = "", **options: Any) -> Any:
        return super().add_argument(*names, **options)


def values(line: str = "") -> dict[str, Any]:
    """Our options as the command line `line` gives them, the rest at their defaults."""
    parser = _Parser()
    add_arguments(parser)  # type: ignore[arg-type]
    return vars(parser.parse_args(shlex.split(line)))
