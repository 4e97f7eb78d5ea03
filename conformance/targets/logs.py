"""What a program that was started says of its end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["telling"]

_ERROR: Final = re.compile(rb"[\w.$]*(?:Error|Exception|Rejection)\b[^:]*:")


def telling(lines: Sequence[bytes]) -> bytes:
    """The last line; where an error ended Node, which prints more behind it, the error's."""
    if lines[-1].startswith(b"Node.js v"):
        return next(filter(_ERROR.match, reversed(lines)), lines[-1])
    return lines[-1]
