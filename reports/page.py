"""The report page: one self-contained HTML file, drawn from a run record and nothing else.

The page loads nothing and runs no script, and says so in its Content-Security-Policy. Text of the
record may come from the wire: the template escapes all of it, after `words.printable` has spelled
out what would act instead of show. What was not measured reads "not measured", never 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
import msgspec
from markupsafe import Markup

from reports import words
from reports.charts.distribution import distribution
from reports.charts.frame import NARROW, WIDE, Frame
from reports.charts.heatmap import LEVELS, heatmap
from reports.charts.overtime import deliveries, loop_lag, subscribers, troubles
from reports.files import write_file
from reports.measures import MEASURES
from reports.thresholds import limit_text

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from reports.record import Percentiles, RunRecord

__all__ = ["render", "write_page"]

TEXT_LENGTH: Final = 400
"""Characters shown of a text whose length the record does not bound; `run.json` has it whole."""

ROWS: Final = 60
"""Rows shown of a list whose length the record does not bound. With `TEXT_LENGTH` this keeps the
page below 2 MB whatever the record holds."""

_CHARTS: Final[dict[str, tuple[Callable[[RunRecord, Frame], Markup | None], int, int]]] = {
    "distribution": (distribution, 380, 330),
    "heatmap": (heatmap, 340, 320),
    "subscribers": (subscribers, 230, 220),
    "deliveries": (deliveries, 230, 220),
    "troubles": (troubles, 210, 210),
    "loop_lag": (loop_lag, 200, 210),
}
"""Each chart with its height on a wide and on a narrow screen."""


def write_page(record: RunRecord, path: str | os.PathLike[str]) -> None:
    """Write `report.html`, whole or not at all. Raises ReportError."""
    write_file(path, render(record).encode())


def render(record: RunRecord) -> str:
    """The page as HTML."""
    return _environment.get_template("report.html").render(
        record=record,
        charts={name: _both(record, *chart) for name, chart in _CHARTS.items()},
        distributions=list(_distributions(record)),
        configuration=[(key, _json(value)) for key, value in record.configuration.items()],
        heat_levels=range(LEVELS),
        rows=ROWS,
    )


def _both(
    record: RunRecord,
    chart: Callable[[RunRecord, Frame], Markup | None],
    wide: int,
    narrow: int,
) -> Markup | None:
    """A chart drawn for wide and for narrow screens; the style sheet shows the one that fits."""
    broad, slim = chart(record, WIDE.tall(wide)), chart(record, NARROW.tall(narrow))
    if broad is None or slim is None:
        return None
    return Markup('<div class="wide">{}</div><div class="narrow">{}</div>').format(broad, slim)


def _distributions(record: RunRecord) -> Iterator[tuple[str, str, Percentiles, int | None]]:
    """Rows of the table of percentiles: name, explanation, numbers, how many had none."""
    lost, failed = record.deliveries.lost, record.subscribers.failed
    unanswered = record.publishing.scheduled - record.publishing.accepted
    yield "Delivery", "intended to received", record.latency_ms, lost
    yield "Publisher lag", "of it, intended to posted", record.publisher_lag_ms, unanswered
    yield "Server and network", "of it, posted to received", record.server_ms, lost
    yield "Connect", "TCP to CONNECT answered", record.connect_ms, failed
    yield "Subscribe", "sent to acknowledged", record.subscribe_ms, None
    yield "Reconnect", "lost to subscribed again", record.reconnect_ms, None


def _json(value: Any) -> str:
    """A value of the configuration as it is written in JSON, texts without quotes."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _shown(value: Any) -> Any:
    """What a template expression puts out: text made harmless, None told as not measured."""
    if value is None:
        return words.NOT_MEASURED
    if isinstance(value, str) and not isinstance(value, Markup):
        return words.printable(words.cut(value, TEXT_LENGTH))
    return value


def _measure_label(name: str) -> str:
    """What a threshold's measure is called; its name where it is none of ours."""
    return MEASURES[name].label if name in MEASURES else name


_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    finalize=_shown,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(
    count=words.count,
    duration=words.duration,
    exactly=words.exactly,
    label=_measure_label,
    limit=limit_text,
    ms=words.milliseconds,
    percent=words.percent,
)
_environment.globals.update(plural=words.plural, share=words.share)
