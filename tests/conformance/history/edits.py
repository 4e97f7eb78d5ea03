"""Histories that were tampered with, in no particular way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from msgspec.structs import replace

from chatengine.history import Held, Listed, Received, Record, Shown, StatusReceived

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["edited"]


@st.composite
def edited(draw: st.DrawFn, history: Sequence[Record]) -> list[Record]:
    """A history in which a few records are gone, doubled, moved or say something else."""
    records = list(history)
    for _ in range(draw(st.integers(1, 3))):
        seen = [n for n, record in enumerate(records) if isinstance(record, _OBSERVED)]
        at = draw(st.sampled_from(seen) if draw(st.booleans()) and seen else _anywhere(records))
        edit = draw(st.sampled_from(("drop", "double", "move", "alter", "alter", "alter")))
        if edit == "drop" and len(records) > 1:
            del records[at]
        elif edit == "double":
            records.append(replace(records[at], at_us=records[at].at_us + 3))
        elif edit == "move":
            records[at] = replace(records[at], at_us=records[at].at_us + 10 * draw(_STEPS) + 3)
        else:
            records[at] = _altered(draw, records[at])
    return sorted(records, key=lambda record: record.at_us)


def _anywhere(records: list[Record]) -> st.SearchStrategy[int]:
    return st.integers(0, len(records) - 1)


_OBSERVED = (Shown, Listed, Held, Received, StatusReceived)
_STEPS = st.integers(-5, 5)


def _altered(draw: st.DrawFn, record: Record) -> Record:
    match record:
        case Shown(messages=messages) if messages:
            at = draw(st.integers(0, len(messages) - 1))
            one = messages[at]
            others = (*messages[:at], *messages[at + 1 :])
            changed = draw(
                st.sampled_from(
                    (
                        others,
                        (*messages, one),
                        (*others, one),
                        (*others, replace(one, id="other", created_ms=0)),
                        (*messages[:at], replace(one, status="sending"), *messages[at + 1 :]),
                        (*others, replace(one, id="nobody", external_id=None)),
                    )
                )
            )
            return replace(record, messages=tuple(changed))
        case Listed(conversations=lines) if lines:
            line = replace(lines[-1], last_message_ms=1, preview="old")
            return replace(
                record,
                conversations=draw(st.sampled_from((lines[:-1], (*lines[:-1], line), lines[::-1]))),
            )
        case Held():
            return replace(
                record, conversations=draw(st.sampled_from((("A",), ("B",), ("A", "A"))))
            )
        case Received():
            return replace(record, message=draw(st.sampled_from(("m90", "nobody"))))
        case StatusReceived():
            return replace(record, status="sent")
        case _:
            return record
