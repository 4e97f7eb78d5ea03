"""The run record, `run.json`: what one load run measured, as frozen msgspec structs.

Who runs a load builds a `RunRecord` bottom-up (every struct takes keywords only), lets
`reports.thresholds.judged` add thresholds, verdict and reasons, and hands it to `write`:

    record = RunRecord(
        version="0.1.0", started=moment(time.time()), duration_s=60.0, target=public_url(host),
        environment=Environment.here(["locust", "picows"]), configuration={"rate": 5.0},
        subscribers=Subscribers(requested=2000, connected=2000, failed=0),
        connect_ms=Percentiles.of(connect_histogram), latency_ms=Percentiles.of(latency), ...
        histograms=Histograms(latency_us=latency.pairs(), ...),
        series=[Second(second=0, latency_us=of_that_second.pairs(bits=HEAT_BITS), ...), ...],
    )
    write(judged(record, limits), path)

What was not measured is null (`Percentiles()` says so in one word), never zero. The JSON Schema of
the file is `run.schema.json`, made from these structs and their docstrings by
`python -m reports.schema`. Unknown fields are ignored on reading, so fields can be added.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import Meta

from reports.files import ReportError, read_file, write_file
from reports.parts import (
    HEAT_BITS,
    Clock,
    Count,
    Deliveries,
    Environment,
    ErrorCount,
    Generator,
    Histograms,
    Percentiles,
    Publishing,
    Second,
    Subscribers,
    Threshold,
    Verdict,
)

if TYPE_CHECKING:
    import os

__all__ = [
    "HEAT_BITS",
    "Clock",
    "Deliveries",
    "Environment",
    "ErrorCount",
    "Generator",
    "Histograms",
    "Percentiles",
    "Publishing",
    "RunRecord",
    "Second",
    "Subscribers",
    "Threshold",
    "Verdict",
    "decode",
    "encode",
    "moment",
    "public_url",
    "read",
    "write",
]


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What one load run was, did and measured. Milliseconds unless the name says otherwise."""

    format: Literal[1] = 1
    """Version of this format; it changes when a field changes its meaning or goes."""

    tool: str = "chatengine-harness"
    """What made the record."""

    version: str
    """Version of the tool."""

    started: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
    """When the run began: ISO 8601, UTC, milliseconds (`moment`)."""

    duration_s: Annotated[float, Meta(ge=0)]
    """How long it lasted, the drain included, in seconds."""

    target: str
    """The server under test: its URL without credentials, query and fragment (`public_url`)."""

    environment: Environment
    """Where the generator ran."""

    configuration: dict[str, Any]
    """What the run was asked to do, by option name; never a secret."""

    subscribers: Subscribers
    """Sockets requested, connected, failed."""

    connect_ms: Percentiles
    """From the start of the TCP connection to the CONNECT answered, first connections only."""

    subscribe_ms: Percentiles
    """From `subscribe:conversation` sent to its ack."""

    reconnect_ms: Percentiles
    """From the loss of a connection to subscribed again."""

    reconnects: Count
    """Lost connections that came back."""

    publishing: Publishing
    """Messages posted to the webhook."""

    deliveries: Deliveries
    """What had to arrive and what did."""

    conversation_events: Count
    """`conversation` events received; they carry no sequence number, so they are only counted."""

    latency_ms: Percentiles
    """Delivery latency: intended moment to receipt (no coordinated omission)."""

    publisher_lag_ms: Percentiles
    """Of that, intended moment to the moment the post began: the generator's own part."""

    server_ms: Percentiles
    """Of that, the moment the post began to receipt: server, network and receiver."""

    clock: Clock
    """How far moments can be compared."""

    generator: Generator
    """The generator's own health."""

    series: list[Second]
    """One entry for each second, ascending; seconds without any activity may be left out."""

    histograms: Histograms
    """The whole distributions."""

    errors: list[ErrorCount] = []
    """What went wrong, most frequent first."""

    thresholds: list[Threshold] = []
    """The limits of this run; set by `reports.thresholds.judged`, as are the next two."""

    verdict: Verdict = "invalid"
    """pass; fail: a threshold does not hold; invalid: the run says nothing about the server."""

    reasons: list[str] = msgspec.field(default_factory=lambda: ["The run was not judged."])
    """Why, one sentence each; empty when passed."""


def encode(record: RunRecord) -> bytes:
    """The record as JSON, UTF-8, a line for each field and for each second of the series.

    Raises UnicodeEncodeError for a text with lone surrogates (`ErrorCount.ranked` mends those).
    """
    fields = ((name, getattr(record, name)) for name in record.__struct_fields__)
    lines = (f"  {msgspec.json.encode(name).decode()}: {_lines(value)}" for name, value in fields)
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def decode(content: bytes) -> RunRecord:
    """The record in `content`. Raises msgspec.DecodeError: not JSON, or not of this shape."""
    return _decoder.decode(content)


def write(record: RunRecord, path: str | os.PathLike[str]) -> None:
    """Write `run.json`, whole or not at all. Raises ReportError."""
    try:
        content = encode(record)
    except UnicodeEncodeError as error:
        raise ReportError("write", path, "a text in the record is not Unicode") from error
    write_file(path, content)


def read(path: str | os.PathLike[str]) -> RunRecord:
    """Read a `run.json`. Raises ReportError, which names the field that is wrong."""
    content = read_file(path)
    try:
        return decode(content)
    except msgspec.ValidationError as error:
        raise ReportError("read", path, f"it is no run record: {error}") from error
    except RecursionError:
        raise ReportError("read", path, "it is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReportError("read", path, f"it is not JSON: {error}") from error


def moment(unix_s: float) -> str:
    """Seconds since 1970 as ISO 8601, UTC, with milliseconds: 2025-01-01T00:00:00.000Z."""
    text = datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def public_url(url: str) -> str:
    """`url` without user, password, query and fragment, any of which may hold a secret."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _lines(value: Any) -> str:
    """A field's value on one line, or a line for each of its structs."""
    if not isinstance(value, list) or not value or isinstance(value[0], str):
        return msgspec.json.encode(value).decode()
    rows = ",\n    ".join(msgspec.json.encode(item).decode() for item in value)
    return f"[\n    {rows}\n  ]"


_decoder = msgspec.json.Decoder(RunRecord)
