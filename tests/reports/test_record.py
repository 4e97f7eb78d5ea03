"""The run record: what is written is what is read, and nothing is zero that was not measured."""

from __future__ import annotations

import json
import os
import resource
import socket
from typing import TYPE_CHECKING, Any

import jsonschema
import msgspec
import pytest

from reports import schema
from reports.files import ReportError, write_file
from reports.histogram import Histogram
from reports.parts import ERROR_LENGTH
from reports.record import (
    Environment,
    ErrorCount,
    Percentiles,
    RunRecord,
    decode,
    encode,
    moment,
    public_url,
    read,
    write,
)
from tests.reports.examples import EXAMPLES, healthy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA: dict[str, Any] = json.loads(schema.PATH.read_bytes())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@pytest.fixture(scope="module")
def brief() -> RunRecord:
    return healthy(seconds=3, subscribers=10, rate=2)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_what_is_written_is_read_and_keeps_to_the_schema(name: str, tmp_path: Path) -> None:
    """Every example survives the file unchanged, and the file is valid by the schema."""
    record = EXAMPLES[name]()
    path = tmp_path / "run.json"
    write(record, path)
    assert read(path) == record
    VALIDATOR.validate(json.loads(path.read_bytes()))


def test_the_schema_in_the_repository_is_current() -> None:
    """`run.schema.json` is what `python -m reports.schema` makes."""
    assert schema.PATH.read_bytes() == schema.schema_json()


def test_the_schema_is_valid_and_describes_every_field() -> None:
    """The schema is one by the rules of 2020-12, and each property of ours has a description."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    undescribed = [
        f"{struct}.{name}"
        for struct, definition in SCHEMA["$defs"].items()
        for name, field in definition["properties"].items()
        if not field.get("description")
    ]
    assert undescribed == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["subscribers", "requested"], -1),
        (["verdict"], "good"),
        (["started"], "2026-03-14 09:26"),
        (["series", 0, "latency_us"], [[1, 0]]),
        (["environment", "cpus"], 0),
        (["format"], 2),
    ],
)
def test_schema_and_reader_refuse_the_same(
    brief: RunRecord, path: list[str | int], value: object
) -> None:
    """A value out of its range is refused by the schema and by `decode` alike."""
    document = json.loads(encode(brief))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(msgspec.ValidationError):
        decode(json.dumps(document).encode())


def test_unknown_fields_are_ignored(brief: RunRecord) -> None:
    """A record of a later version, with a field more, can be read."""
    document = json.loads(encode(brief)) | {"added": {"later": True}}
    assert decode(json.dumps(document).encode()) == brief


def test_a_record_that_nobody_judged_is_invalid(brief: RunRecord) -> None:
    """Without a verdict in the file the run is invalid, and says why."""
    document = json.loads(encode(brief))
    del document["verdict"], document["reasons"]
    unjudged = decode(json.dumps(document).encode())
    assert (unjudged.verdict, unjudged.reasons) == ("invalid", ["The run was not judged."])


def test_percentiles_are_absent_together() -> None:
    """Nothing measured is count 0 and null; a zero without a value, or the reverse, is refused."""
    assert Percentiles.of(Histogram()) == Percentiles()
    with pytest.raises(ValueError, match="all null when count is 0"):
        Percentiles(count=0, p50=0.0, p90=0.0, p99=0.0, p999=0.0, max=0.0, mean=0.0)
    with pytest.raises(ValueError, match="all null when count is 0"):
        Percentiles(count=3)


def test_percentiles_are_milliseconds_of_microseconds() -> None:
    """A histogram of microseconds is summed up in milliseconds, the maximum exactly."""
    histogram = Histogram()
    for value in (1_000, 2_000, 2_000, 40_005):
        histogram.record(value)
    stated = Percentiles.of(histogram)
    assert (stated.count, stated.p50, stated.max) == (4, 2.0, 40.005)
    assert stated.mean == pytest.approx(11.251, abs=0.01)


def test_the_file_has_a_line_for_each_second(brief: RunRecord) -> None:
    """A person can read and compare the file: a second of the series is one line."""
    lines = encode(brief).decode().splitlines()
    assert len([line for line in lines if line.startswith('    {"second":')]) == 3
    assert lines[0] == "{"
    assert lines[-1] == "}"


def test_environment_names_versions_and_no_host() -> None:
    """The environment has the libraries' versions, and the host's name nowhere."""
    environment = Environment.here(["msgspec"])
    assert environment.libraries == {"msgspec": msgspec.__version__}
    assert environment.cpus >= 1
    assert socket.gethostname() not in (environment.python, *environment.libraries.values())
    assert socket.gethostname() not in environment.platform.split("-")


def test_errors_are_ranked_cut_and_made_unicode() -> None:
    """The most frequent error comes first; what no JSON can hold, or is too long, is mended."""
    errors = ErrorCount.ranked({"rare": 1, "broken \ud800": 5, "x" * 5000: 2})
    assert [error.count for error in errors] == [5, 2, 1]
    assert errors[0].message == "broken ?"
    assert len(errors[1].message) == ERROR_LENGTH


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://user:secret@chat.example:8443/api/ws", "https://chat.example:8443/api/ws"),
        ("ws://h/api/ws?token=secret#secret", "ws://h/api/ws"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://a:b@c@h/", "http://h/"),
    ],
)
def test_the_target_has_no_credentials(url: str, public: str) -> None:
    """User, password, query and fragment are left out of a target."""
    assert public_url(url) == public


def test_moments_are_utc_with_milliseconds() -> None:
    """A moment is ISO 8601 in UTC with exactly three digits of a second."""
    assert moment(1735689600.0) == "2025-01-01T00:00:00.000Z"
    assert moment(1735689600.1239) == "2025-01-01T00:00:00.123Z"


def test_reading_says_which_file_is_missing(tmp_path: Path) -> None:
    """A missing file is one sentence."""
    path = tmp_path / "run.json"
    with pytest.raises(ReportError) as error:
        read(path)
    assert str(error.value) == f"Cannot read {path}: no such file or directory."


@pytest.mark.parametrize("content", [b"", b"{", b"<html>", b"\xff\xfe", b'{"tool": "\xff"}'])
def test_reading_says_that_it_is_no_json(content: bytes, tmp_path: Path) -> None:
    """What is no JSON is told as such, whatever its bytes."""
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(ReportError, match=r"^Cannot read .*: it is n(ot JSON|o run record): .*\.$"):
        read(path)


def test_reading_names_the_field_of_the_wrong_shape(brief: RunRecord, tmp_path: Path) -> None:
    """A wrong shape is told with the path of the field."""
    path = tmp_path / "run.json"
    document = json.loads(encode(brief))
    document["subscribers"]["requested"] = "many"
    path.write_text(json.dumps(document))
    with pytest.raises(ReportError) as error:
        read(path)
    assert str(error.value) == (
        f"Cannot read {path}: it is no run record: "
        "Expected `int`, got `str` - at `$.subscribers.requested`."
    )


def test_a_text_that_no_json_can_hold_is_an_error_of_the_report(
    brief: RunRecord, tmp_path: Path
) -> None:
    """A lone surrogate in a text is one sentence and not a traceback."""
    record = msgspec.structs.replace(brief, configuration={"name": "\udcff"})
    with pytest.raises(ReportError, match="a text in the record is not Unicode"):
        write(record, tmp_path / "run.json")


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 4 KiB: what a full disk is to a writer, without filling one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files")
def test_a_write_that_fails_leaves_the_old_file_and_no_scrap(tmp_path: Path) -> None:
    """When the content does not fit, the file of before is untouched and nothing else is left."""
    path = tmp_path / "run.json"
    path.write_bytes(b"before")
    with pytest.raises(ReportError) as error:
        write_file(path, b"x" * 10_000)
    assert str(error.value) == f"Cannot write {path}: file too large."
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]


def test_a_write_makes_the_directories_and_a_file_that_others_may_read(tmp_path: Path) -> None:
    """The directory of a run need not exist, and the file has the ordinary permissions."""
    path, ordinary = tmp_path / "out" / "run-1" / "run.json", tmp_path / "ordinary"
    write_file(path, b"{}")
    ordinary.touch()
    assert path.read_bytes() == b"{}"
    assert path.stat().st_mode == ordinary.stat().st_mode


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A directory that nobody may write to; root, for whom every door is open, steps down."""
    tmp_path.chmod(0o555)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield tmp_path
    os.seteuid(before)
    tmp_path.chmod(0o755)


def test_a_write_without_permission_says_so(closed: Path) -> None:
    """A directory that is closed to the user is one sentence."""
    path = closed / "run.json"
    with pytest.raises(ReportError) as error:
        write_file(path, b"{}")
    assert str(error.value) == f"Cannot write {path}: permission denied."


def test_a_write_below_a_file_says_so(tmp_path: Path) -> None:
    """A path that leads through a file is one sentence."""
    (tmp_path / "out").write_bytes(b"")
    path = tmp_path / "out" / "run.json"
    with pytest.raises(ReportError) as error:
        write_file(path, b"{}")
    assert str(error.value) in {
        f"Cannot write {path}: not a directory.",
        f"Cannot write {path}: file exists.",
    }
