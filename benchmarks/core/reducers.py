"""One round of the client's core, in a process of its own: it answers `ReducerFigures`, and ends.

The processor's clock runs while events are handled, in small batches; each batch is decoded from
JSON just before, outside the clock, as a socket would hand it over.
"""

import gc
import json
import tracemalloc
from collections.abc import Callable, Sequence
from time import process_time
from typing import Any, Final

from msgspec import Struct

from benchmarks.talk import answers
from chatengine.client.core.state import CrmState
from chatengine.moments import from_ms

__all__ = ["LONG", "ReducerFigures"]

LONG: Final = 10_000
"""Messages of a conversation that is opened."""

_MESSAGES: Final = 20_000
_CHATS: Final = 20
_BATCH: Final = 500
_NOW: Final = 1_767_225_600_000

Event = tuple[str, str]
"""An event's name (`row` for a row of Supabase's `messages`) and its payload as JSON."""


class ReducerFigures(Struct, frozen=True):
    """By processor time, which on an idle machine is what a clock shows.

    Events a second: of the mix that the promise is about (every message is delivered, then read,
    and comes twice), and of each kind alone. Milliseconds until 10,000 messages are there to be
    shown: cached; cached, and each of them changed in the meantime; fetched for the first time.
    """

    mixed_per_s: float
    messages_per_s: float
    duplicates_per_s: float
    rows_per_s: float
    statuses_per_s: float
    open_cached_ms: float
    open_changed_ms: float
    open_fetched_ms: float
    bytes_per_message: float


def _measure() -> ReducerFigures:
    return ReducerFigures(**_throughput(), **_opening(), bytes_per_message=_bytes_per_message())


def _throughput() -> dict[str, float]:
    messages = [_message(number) for number in range(_MESSAGES)]
    delivered = [_status(number, "delivered") for number in range(_MESSAGES)]
    read = [_status(number, "read") for number in range(_MESSAGES)]
    rows = [_row(number) for number in range(_MESSAGES)]
    mixed = [
        each for four in zip(messages, delivered, messages, read, strict=True) for each in four
    ]
    one = _state()
    return {
        "messages_per_s": _per_s(one, messages),
        "statuses_per_s": _per_s(one, delivered),
        "duplicates_per_s": _per_s(one, messages),
        "rows_per_s": _per_s(one, rows),
        "mixed_per_s": _per_s(_state(), mixed),
    }


def _opening() -> dict[str, float]:
    state, chat = CrmState(workspace_id="w-1", user_id="u-1", whatsapp_number_id=None), _chat(0)
    history = [json.loads(_message(number, chat)[1]) for number in range(LONG)]
    read = [json.loads(_status(number, "read")[1]) for number in range(LONG)]

    def look() -> None:
        state.open(chat)
        if len(state.messages(chat)) != LONG:
            raise AssertionError("messages are missing")

    def fetch() -> None:
        state.history(history, _NOW)
        look()

    state.open(chat)
    fetched_ms = _ms(fetch)
    state.close(chat)
    state.close(chat)
    cached_ms = _ms(look)
    state.close(chat)
    for payload in read:
        state.socket_event("messageStatus", payload, _NOW)
    return {
        "open_fetched_ms": fetched_ms,
        "open_cached_ms": cached_ms,
        "open_changed_ms": _ms(look),
    }


def _bytes_per_message() -> float:
    """What a message takes: its texts, its entry, its place in the timeline."""
    state, chat = CrmState(workspace_id="w-1", user_id="u-1", whatsapp_number_id=None), _chat(0)
    state.open(chat)
    gc.collect()
    tracemalloc.start()
    for number in range(LONG):
        state.history([json.loads(_message(number, chat)[1])], _NOW)
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / LONG


def _per_s(state: CrmState, events: Sequence[Event]) -> float:
    spent = 0.0
    for start in range(0, len(events), _BATCH):
        batch = [(name, json.loads(text)) for name, text in events[start : start + _BATCH]]
        spent += _ms(lambda batch=batch: _handle(state, batch))  # type: ignore[misc]
    return len(events) / spent * 1000


def _handle(state: CrmState, batch: Sequence[tuple[str, Any]]) -> None:
    for name, payload in batch:
        if name == "row":
            state.row("messages", payload, _NOW, pushed=True)
        else:
            state.socket_event(name, payload, _NOW)


def _ms(action: Callable[[], None]) -> float:
    start = process_time()
    action()
    return (process_time() - start) * 1000


def _state() -> CrmState:
    state = CrmState(workspace_id="w-1", user_id="u-1", whatsapp_number_id=None)
    for number in range(_CHATS):
        state.open(_chat(number))
    return state


def _chat(number: int) -> str:
    return f"55119900{number % _CHATS:05}@s.whatsapp.net"


def _message(number: int, chat: str = "") -> Event:
    provider = f"3EB0{number:016X}"
    moment = from_ms(_NOW + number * 37)
    return "message", json.dumps(
        {
            "id": f"evo-{provider}",
            "workspaceId": "w-1",
            "conversationId": chat or _chat(number),
            "senderId": "u-2",
            "type": "text",
            "content": f"Olá, tudo bem? Esta é a mensagem {number}.",
            "status": "sent",
            "metadata": {"providerMessageId": provider},
            "createdAt": moment,
            "updatedAt": moment,
        }
    )


def _status(number: int, status: str) -> Event:
    name = f"3EB0{number:016X}"
    return "messageStatus", json.dumps(
        {"messageId": name if number % 2 else f"evo-{name}", "status": status}
    )


def _row(number: int) -> Event:
    return "row", json.dumps(
        {
            "id": f"00000000-0000-4000-8000-{number:012}",
            "workspace_id": "w-1",
            "conversation_id": _chat(number),
            "whatsapp_number_id": "n-1",
            "sent_by_user_id": "u-2",
            "body": f"Olá, tudo bem? Esta é a mensagem {number}.",
            "type": "text",
            "status": "delivered",
            "is_outgoing": True,
            "external_id": f"3EB0{number:016X}",
            "created_at": from_ms(_NOW + number * 37).replace("Z", "+00:00"),
        }
    )


if __name__ == "__main__":
    answers()(_measure())
