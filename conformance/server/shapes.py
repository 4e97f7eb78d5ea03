"""The shapes of section 2, as far as the contract has them: every mismatch is told, all at once.

Unknown fields are nobody's fault. What the contract marks with `?` may be missing, or null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from conformance.probes.trace import Trace

__all__ = [
    "ATTACHMENT",
    "CONNECTION_UPDATE",
    "CONVERSATION",
    "ERROR",
    "MARKED_AS_READ",
    "MESSAGE",
    "MESSAGE_SENT",
    "MESSAGE_STATUS",
    "TYPING",
    "UPLOADED",
    "Shape",
    "mismatches",
    "require_shape",
    "require_values",
]

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]00:?00)")
_TYPES: Final = ("text", "image", "video", "audio", "file")
_STATUSES: Final = ("pending", "sent", "delivered", "read", "failed")

Faults = list[str]
Rule = Callable[[str, Any], Faults]
"""Looks at the value of a field; returns what is wrong with it, in words."""

Shape = Mapping[str, Rule]


def _is(kind: type, *, empty: bool = True) -> Rule:
    """A value of that type; a bool is no number."""

    def rule(name: str, value: Any) -> Faults:
        right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        return [] if right and (empty or value) else [f"{name} is {value!r}"]

    return rule


def _one_of(*values: str) -> Rule:
    return lambda name, value: [] if value in values else [f"{name} is {value!r}"]


def _optional(rule: Rule) -> Rule:
    return lambda name, value: [] if value is None else rule(name, value)


def _moment(name: str, value: Any) -> Faults:
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return []
    return [f"{name} is {value!r}, no moment in UTC with milliseconds"]


def _object(shape: Shape) -> Rule:
    return lambda name, value: mismatches(value, shape, f"{name}.")


def _list(shape: Shape) -> Rule:
    def rule(name: str, value: Any) -> Faults:
        if not isinstance(value, list):
            return [f"{name} is {value!r}, no list"]
        return [
            fault
            for number, each in enumerate(value)
            for fault in mismatches(each, shape, f"{name}[{number}].")
        ]

    return rule


_ID: Final = _is(str, empty=False)
_TEXT: Final = _is(str)

ATTACHMENT: Final[Shape] = {
    "id": _ID,
    "messageId": _TEXT,
    "type": _ID,
    "url": _ID,
    "thumbnailUrl": _optional(_TEXT),
    "metadata": _optional(_is(dict)),
}

UPLOADED: Final[Shape] = {**ATTACHMENT, "messageId": _optional(_TEXT)}
"""A file that is no message's yet."""

MESSAGE: Final[Shape] = {
    "id": _ID,
    "workspaceId": _ID,
    "conversationId": _ID,
    "senderId": _ID,
    "type": _one_of(*_TYPES),
    "content": _TEXT,
    "replyToMessageId": _optional(_TEXT),
    "attachments": _optional(_list(ATTACHMENT)),
    "status": _one_of(*_STATUSES),
    "metadata": _optional(_is(dict)),
    "createdAt": _moment,
    "updatedAt": _optional(_moment),
}

CONVERSATION: Final[Shape] = {
    "id": _ID,
    "workspaceId": _ID,
    "contactId": _optional(_TEXT),
    "whatsappNumberId": _optional(_TEXT),
    "channel": _one_of("whatsapp"),
    "participants": _list({"id": _ID, "name": _TEXT, "avatar": _optional(_TEXT)}),
    "lastMessage": _optional(
        _object(
            {
                "id": _ID,
                "content": _TEXT,
                "senderId": _ID,
                "createdAt": _moment,
                "type": _optional(_one_of(*_TYPES)),
            }
        )
    ),
    "updatedAt": _moment,
}

MESSAGE_STATUS: Final[Shape] = {"messageId": _ID, "status": _one_of(*_STATUSES)}

TYPING: Final[Shape] = {"conversationId": _ID, "userId": _ID, "isTyping": _is(bool)}

MESSAGE_SENT: Final[Shape] = {
    "conversationId": _ID,
    "messageId": _ID,
    "clientMessageId": _optional(_TEXT),
    "timestamp": _moment,
}

MARKED_AS_READ: Final[Shape] = {"conversationId": _ID, "timestamp": _moment}

CONNECTION_UPDATE: Final[Shape] = {
    "instance": _ID,
    "workspaceId": _ID,
    "state": _ID,
    "timestamp": _moment,
}

ERROR: Final[Shape] = {
    "type": _ID,
    "message": _TEXT,
    "conversationId": _optional(_TEXT),
    "clientMessageId": _optional(_TEXT),
}


def mismatches(value: Any, shape: Shape, prefix: str = "") -> Faults:
    """What is wrong with a value, in words; nothing where it has the shape."""
    if not isinstance(value, dict):
        return [f"{prefix.rstrip('.') or 'it'} is {value!r}, no object"]
    return [fault for name, rule in shape.items() for fault in rule(prefix + name, value.get(name))]


def require_shape(trace: Trace, value: Any, shape: Shape, what: str) -> None:
    """Raise `Nonconforming` with everything that is wrong."""
    faults = mismatches(value, shape)
    trace.require(not faults, expected=f"{what} in the contract's shape", seen="; ".join(faults))


def require_values(trace: Trace, value: Mapping[str, Any], what: str, **wanted: Any) -> None:
    """Raise `Nonconforming` unless these fields have these values; all that differ are told."""
    seen = {name: value.get(name) for name in wanted if value.get(name) != wanted[name]}
    trace.require(not seen, expected=f"{what} with { ({n: wanted[n] for n in seen}) }", seen=seen)
