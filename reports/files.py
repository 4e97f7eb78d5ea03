"""Files written whole or not at all, and the one error of this room."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

__all__ = ["ReportError", "read_file", "write_file"]


class ReportError(Exception):
    """A report could not be written or read; `str` is one sentence for the user."""

    def __init__(self, action: str, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(action, path, reason)
        self.action = action
        self.path = Path(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"Cannot {self.action} {self.path}: {self.reason}."


def write_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` to `path`, making its directories; readers see the old file or the new one.

    Raises ReportError when the disk is full, the permission is lacking, or the like; what was at
    `path` before is then still there, and no scrap of the new file is.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, content)
    except OSError as error:
        raise ReportError("write", target, _reason(error)) from error


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The bytes of `path`. Raises ReportError when it is missing or not readable."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ReportError("read", path, _reason(error)) from error


def _replace(target: Path, content: bytes) -> None:
    """Write beside `target` and rename: rename is atomic only within one file system."""
    scrap = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with scrap.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        scrap.replace(target)
    except BaseException:
        scrap.unlink(missing_ok=True)
        raise


def _reason(error: OSError) -> str:
    """What the operating system says, as the end of a sentence."""
    return (error.strerror or str(error)).rstrip(".").lower()
