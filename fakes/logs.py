"""JSON log lines on stderr: what happened and to which id; never a secret, never a text.

A caller logs a fixed event name and fields it chose; nothing is interpolated into a sentence, so
nothing slips in with it. Of an exception only its class and place are written: its text may quote
what a client sent.
"""

import logging
import sys
from datetime import UTC, datetime
from traceback import extract_tb
from typing import Final, TextIO

import msgspec

__all__ = ["Log", "log_json_lines"]

_FIELDS: Final = "fields"


class Log:
    """A logger of events with fields: `Log(__name__).info("send taken", instance="sales-1")`."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def info(self, event: str, /, **fields: object) -> None:
        """Log what went as it should."""
        self._logger.info(event, extra={_FIELDS: fields})

    def warning(self, event: str, /, **fields: object) -> None:
        """Log what someone may want to look at."""
        self._logger.warning(event, extra={_FIELDS: fields})


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            # Ours are fixed event names; of a library's line the arguments stay out.
            "event": record.msg if isinstance(record.msg, str) else type(record.msg).__name__,
        }
        fields: dict[str, object] = getattr(record, _FIELDS, {})
        # A field never takes the place of these four, which come first.
        line |= {name: value for name, value in fields.items() if name not in line}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            frames = extract_tb(record.exc_info[2])
            line["where"] = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        return msgspec.json.encode(line, enc_hook=repr).decode()


def log_json_lines(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send all logging of this process to `stream` (stderr) as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(handlers=[handler], level=level, force=True)
