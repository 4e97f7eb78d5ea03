"""A history as a file: what is written is read, and what is no history is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatengine.history import VERSION, Began, Opened
from conformance.history import HistoryError, parse, read, to_lines, write
from tests.conformance.history.worlds import histories

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.history import Record

BEGAN = b'{"what":"began","at_us":1,"who":"harness","version":1}\n'


@settings(max_examples=100, deadline=None)
@given(histories(most=15))
def test_what_is_written_is_read(history: list[Record]) -> None:
    """Lines and back again: the same records, each on a line of its own."""
    lines = list(to_lines(history))
    assert all(line.count(b"\n") == 1 for line in lines)
    assert list(parse(lines)) == history


@settings(max_examples=200, deadline=None)
@given(st.text(), st.text())
def test_texts_of_strangers_stay_on_their_line(who: str, conversation: str) -> None:
    """Line breaks, quotes and signs of any script in a name neither break nor change it."""
    record = Opened(at_us=1, who=who, conversation=conversation)
    assert list(parse(b"".join(to_lines([record])).splitlines(keepends=True))) == [record]


def test_a_file_is_read_in_the_order_of_time(tmp_path: Path) -> None:
    """What several wrote one after the other is one history."""
    late, early = (Opened(at_us=at_us, who="client", conversation="A") for at_us in (9, 3))
    path = tmp_path / "folder" / "history.jsonl"
    write(path, [late, early])
    assert list(read(path)) == [early, late]


def test_unknown_fields_and_empty_lines_are_ignored() -> None:
    """A later harness may say more."""
    line = b'{"what":"opened","at_us":1,"who":"c","conversation":"A","mood":"good"}\n'
    assert list(parse([line, b"\n"])) == [Opened(at_us=1, who="c", conversation="A")]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b'{"what": "ope', "line 2 of h is no record: it is no JSON"),
        (b"\xff\xfe", "line 2 of h is no record: it is no JSON"),
        (b'{"x":' + b"[" * 100_000, "line 2 of h is no record: it is no JSON"),
        (b"[]", "line 2 of h is no record: Expected `object`, got `array`"),
        (b"{}", "line 2 of h is no record: Object missing required field `what`"),
        (b'{"what":"x"}', "line 2 of h is no record: Invalid value 'x' - at `$.what`"),
        (
            b'{"what":"opened","at_us":"soon","who":"c","conversation":"A"}',
            "line 2 of h is no record: Expected `int`, got `str` - at `$.at_us`",
        ),
        (
            b'{"what":"began","at_us":1,"who":"h","version":2}',
            "h has version 2, and only 1 is known",
        ),
    ],
)
def test_a_garbage_line_is_named(line: bytes, sentence: str) -> None:
    """What is no record is told by its line, in one sentence."""
    with pytest.raises(HistoryError) as caught:
        parse([BEGAN, line], "h")
    assert str(caught.value) == sentence


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_no_garbage_is_more_than_a_sentence(line: bytes) -> None:
    """Whatever stands on a line, it is read or named, and nothing else happens."""
    wrong = ""
    try:
        parse([BEGAN, line])
    except HistoryError as error:
        wrong = str(error)
    assert wrong.startswith("line 2 of the history is no record") or not line.strip()


def test_a_failure_holds_a_history(tmp_path: Path) -> None:
    """The file of a drawn schedule's failure is read for its history, or named as having none."""
    path = tmp_path / "failure.json"
    opened = Opened(at_us=1, who="client", conversation="A")
    document = msgspec.json.encode({"check": "drawn", "seed": 7, "history": [opened]})
    path.write_bytes(msgspec.json.format(document))
    assert list(read(path)) == [opened]
    path.write_bytes(b'{\n  "seed": 7\n}\n')
    with pytest.raises(HistoryError, match=r"failure\.json holds no history: Object missing"):
        read(path)


def test_an_empty_history_is_named() -> None:
    """Nothing is not a history in which nothing went wrong."""
    with pytest.raises(HistoryError, match="the history is empty"):
        parse([b"\n"])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there, or a folder in its place, is one sentence."""
    with pytest.raises(HistoryError, match=r"none\.jsonl cannot be read: No such file"):
        read(tmp_path / "none.jsonl")
    with pytest.raises(HistoryError, match="cannot be written: Is a directory"):
        write(tmp_path, [Began(at_us=1, who="harness", version=VERSION)])
