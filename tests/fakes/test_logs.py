"""Log lines: JSON, one a line, and nothing in them that was not meant to be."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from fakes.logs import Log, log_json_lines

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    for handler in handlers:  # pytest's own must outlive `force=True`, which closes the present
        root.removeHandler(handler)
    stream = io.StringIO()
    log_json_lines(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_fields(stream: io.StringIO) -> None:
    """Moment, level, logger and event name, then the fields; line ends in them do no harm."""
    Log("fakes.x").info("send taken", instance="sales\n1", count=2)
    (line,) = lines(stream)
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "info", "logger": "fakes.x", "event": "send taken",
        "instance": "sales\n1", "count": 2,
    }  # fmt: skip


def test_a_field_does_not_take_the_place_of_the_event(stream: io.StringIO) -> None:
    """A field named like one of the line's own is left out."""
    Log("fakes.x").warning("refused", level="mine", logger="mine")
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"]) == ("refused", "warning", "fakes.x")


def test_an_exception_is_told_by_class_and_place_alone(stream: io.StringIO) -> None:
    """Its text may quote what a client sent, and stays out; so do a library's arguments."""
    try:
        raise ValueError("texto secreto")
    except ValueError:
        logging.getLogger("aiohttp.server").exception("Error handling %s", "texto secreto")
    (line,) = lines(stream)
    assert (line["error"], line["event"]) == ("ValueError", "Error handling %s")
    assert line["where"].startswith(__file__)
    assert "secreto" not in stream.getvalue()
