"""What the reference client's core takes: events a second, and opening a long conversation.

`python -m benchmarks.client` prints the table, `measure()` returns the figures. One process, no
I/O. Exit code 1 where a promise does not hold.

The clock runs while events are handled, in small batches; each batch is decoded from JSON just
before, outside the clock, as a socket would hand it over.
"""

import gc
import json
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import Any, Final

from msgspec import Struct
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from chatengine.client.core.state import CrmState
from chatengine.moments import from_ms

__all__ = ["ClientFigures", "measure", "print_figures"]

_EVENTS_PER_S: Final = 200_000
_OPEN_MS: Final = 20.0

_MESSAGES: Final = 20_000
_CHATS: Final = 20
_LONG: Final = 10_000
_ROUNDS: Final = 5
_BATCH: Final = 500
_NOW: Final = 1_767_225_600_000

Event = tuple[str, str]
"""An event's name (`row` for a row of Supabase's `messages`) and its payload as JSON."""


class ClientFigures(Struct, frozen=True):
    """Medians of the rounds.

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

    @property
    def ok(self) -> bool:
        """Whether the promises hold."""
        return self.mixed_per_s >= _EVENTS_PER_S and self.open_changed_ms < _OPEN_MS


def measure(rounds: int = _ROUNDS) -> ClientFigures:
    """Measure all of it `rounds` times; the same events every time."""
    seen: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, value in (_throughput() | _opening()).items():
            seen.setdefault(name, []).append(value)
    figures = {name: median(values) for name, values in seen.items()}
    return ClientFigures(**figures, bytes_per_message=_bytes_per_message())


def print_figures(figures: ClientFigures, console: Console) -> None:
    """Print the table, and whether the promises hold."""
    table = Table(box=SIMPLE)
    for heading in ("the client's core", "figure", "promised"):
        table.add_column(heading, justify="left" if heading[0] == "t" else "right", no_wrap=True)
    promised = {
        "mixed_per_s": f">= {_EVENTS_PER_S:,}",
        "open_cached_ms": f"< {_OPEN_MS:g}",
        "open_changed_ms": f"< {_OPEN_MS:g}",
    }
    for name, label, form in _ROWS:
        table.add_row(label, format(getattr(figures, name), form), promised.get(name, ""))
    console.print(table)
    console.print("[green]holds[/]" if figures.ok else "[red]fails[/]")


_ROWS: Final = (
    ("mixed_per_s", "events/s: messages, statuses, duplicates", ",.0f"),
    ("messages_per_s", "events/s: new messages alone", ",.0f"),
    ("statuses_per_s", "events/s: statuses alone", ",.0f"),
    ("duplicates_per_s", "events/s: messages known already", ",.0f"),
    ("rows_per_s", "events/s: rows of known messages", ",.0f"),
    ("open_cached_ms", f"ms: open {_LONG:,} cached messages", ".2f"),
    ("open_changed_ms", "ms: the same, all changed since", ".2f"),
    ("open_fetched_ms", "ms: the same, fetched just now", ".1f"),
    ("bytes_per_message", "bytes of each", ",.0f"),
)


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
    history = [json.loads(_message(number, chat)[1]) for number in range(_LONG)]
    read = [json.loads(_status(number, "read")[1]) for number in range(_LONG)]

    def look() -> None:
        state.open(chat)
        if len(state.messages(chat)) != _LONG:
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
    for number in range(_LONG):
        state.history([json.loads(_message(number, chat)[1])], _NOW)
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / _LONG


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
    start = perf_counter()
    action()
    return (perf_counter() - start) * 1000


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


def main() -> int:
    """Measure and print; returns the exit code."""
    figures = measure()
    print_figures(figures, Console())
    return 0 if figures.ok else 1


if __name__ == "__main__":
    sys.exit(main())
