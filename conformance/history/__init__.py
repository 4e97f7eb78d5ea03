"""Histories, and what is wrong with them.

`records` is the file format, `checkers` judge it: pure functions over what was done and seen, be it
by a conformance run or by a load run. Nothing here does more I/O than reading and writing a file.
"""

from conformance.history.checkers import check, check_for
from conformance.history.records import History, HistoryError, Record, parse, read, to_lines, write
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
    "parse",
    "read",
    "to_lines",
    "write",
]
