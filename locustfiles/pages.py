"""What the harness adds to Locust's web page: the accounts of the run, and its reports.

Locust's extension points take tables: a tab of ours, whose rows travel in the answer that the page
asks for anyway, every two seconds.
"""

from collections.abc import Iterator
from typing import Any, Final

from flask import Response, request, url_for
from locust.env import Environment

from locustfiles.engine.ledger import Ledger
from locustfiles.lead import Lead
from reports.page import render

__all__ = ["add_pages"]

_TAB: Final = "deliveries"
_STATS_PATH: Final = "/stats/requests"
_REPORT_PATH: Final = "/chatengine/report"


def add_pages(environment: Environment, lead: Lead) -> None:
    """Add our tab, and the page of the last report; nothing where there is no web page."""
    web_ui = environment.web_ui
    if web_ui is None or web_ui.app is None:
        return
    app = web_ui.app
    columns = [{"key": "what", "title": "What"}, {"key": "value", "title": "So far"}]
    web_ui.template_args["extended_tabs"] = [{"title": "Deliveries", "key": _TAB}]
    web_ui.template_args["extended_tables"] = [{"key": _TAB, "structure": columns}]

    def add_rows(response: Response) -> Response:
        if request.path.endswith(_STATS_PATH) and response.is_json:
            answer: dict[str, Any] = response.get_json()
            rows = [{"what": what, "value": value} for what, value in _rows(lead)]
            answer["extended_stats"] = [{"key": _TAB, "data": rows}]
            response.set_data(app.json.dumps(answer))
        return response

    def last_report() -> Response:
        if lead.record is None:
            return Response("No run has ended yet.", 404, mimetype="text/plain")
        return Response(render(lead.record), mimetype="text/html")

    app.after_request(add_rows)
    guarded = web_ui.auth_required_if_enabled(last_report)
    app.add_url_rule(_REPORT_PATH, "last_report", guarded)


def _rows(lead: Lead) -> Iterator[tuple[str, str]]:
    """The run so far; what can only be told when all has arrived, once it has."""
    if lead.refused:
        yield "Not started", lead.refused
        return
    ledger = lead.ledger
    yield "Subscribed", f"{ledger.subscribed:,} of {ledger.requested:,}"
    yield "Published", f"{ledger.publishing.accepted:,} of {ledger.publishing.scheduled:,}"
    yield from _arrivals(ledger)
    if lead.record is None:
        yield "Lost", "told when the run ends and all has settled"
    else:
        deliveries = lead.record.deliveries
        yield "Expected", f"{deliveries.expected:,}"
        yield "Lost", f"{deliveries.lost:,}"
        yield "Missed while disconnected", f"{deliveries.missed_while_disconnected:,}"
        yield "Verdict", ". ".join([lead.record.verdict.upper(), *lead.record.reasons])
        yield "Report", url_for("last_report", _external=True)


def _arrivals(ledger: Ledger) -> Iterator[tuple[str, str]]:
    seconds = list(ledger.seconds.values())
    yield "Received", f"{sum(second.received for second in seconds):,}"
    yield "Duplicates", f"{sum(second.duplicates for second in seconds):,}"
    yield "Out of order", f"{sum(second.out_of_order for second in seconds):,}"
    yield "Reconnects", f"{ledger.reconnects:,}"
    yield "Events of other workspaces", f"{ledger.leaked:,}"
    late = sum(second.late_us > 0 for second in seconds)
    yield "Seconds in which the generator was late", f"{late:,} of {len(seconds):,}"
