"""Histories, and what is wrong with them.

`chatengine.history` is the format, `files` reads and writes it, `checkers` judge it: pure functions
over what was done and seen, be it by a conformance run or by a load run.
"""

from chatengine.history import History, Record
from conformance.history.checkers import check, check_for, judge
from conformance.history.files import HistoryError, parse, read, to_lines, write
from conformance.history.verdicts import ANOMALIES, Anomaly, Invalid, Unknown, Valid, Verdict

__all__ = [
    "ANOMALIES",
    "Anomaly",
    "History",
    "HistoryError",
    "Invalid",
    "Record",
    "Unknown",
    "Valid",
    "Verdict",
    "check",
    "check_for",
    "judge",
    "parse",
    "read",
    "to_lines",
    "write",
]
