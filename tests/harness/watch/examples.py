"""Pictures to look at, and texts that no terminal should be given."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st
from rich.cells import cell_len

from chatengine.client.core.shapes import (
    Connection,
    ConnectionState,
    ConversationEntry,
    Message,
    Origin,
    Source,
)
from chatengine.status import Status
from harness.watch.picture import Picture, View

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.watch.lines import Line

NOW: Final = 1_795_359_600_000  # 2026-11-22T15:00:00Z
ZONE: Final = UTC
HERE: Final = "5511999999999@s.whatsapp.net"

UP: Final = Connection(
    is_enabled=True,
    is_connected=True,
    source=Source.WEBSOCKET,
    state=ConnectionState.CONNECTED,
)
DOWN: Final = Connection(
    is_enabled=True, state=ConnectionState.CONNECTING, last_error="the server closed the socket"
)

hostile = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=st.characters(codec="utf-8", categories=["Cc", "Cf", "Mn", "So"])),
    st.sampled_from(
        [
            "\x1b[2J\x1b[31mgone\x1b[0m",
            "\x1b]0;title\x07\x1b]8;;http://x\x1b\\link",
            "\x9b31m\x9d0;t\x9c",
            "[bold red]red[/] [@click=app.quit]quit[/] :smile: [link=http://x]x[/link]",
            "\u202eturned\u2066 \u200f\u061c",
            "👨‍👩‍👧‍👦 👍🏽 🇧🇷 ❤️ 1️⃣",
            "a" + "\u0301" * 500,
            "שלום עולם مرحبا",
            "日本語" * 40,
            "\udfff\ud800 \ue000 \U000e0041 \ufeff\u00ad\u2028\u2029",
        ]
    ),
)


def message(number: int = 1, body: str = "Olá!", **others: Any) -> Message:
    """A message of `HERE`, `number` seconds after a quarter to three."""
    moment = NOW - 900_000 + number * 1000
    shape: dict[str, Any] = {
        "id": f"m-{number}",
        "conversation_id": HERE,
        "workspace_id": "w-1",
        "body": body,
        "type": "text",
        "is_outgoing": False,
        "status": Status.DELIVERED,
        "created_ms": moment,
        "updated_ms": moment,
        "origin": Origin.CHATENGINE,
    }
    return Message(**(shape | others))


def conversation(name: str | None = "Maria", id: str = HERE, **others: Any) -> ConversationEntry:
    shape: dict[str, Any] = {
        "workspace_id": "w-1",
        "last_message_ms": NOW - 60_000,
        "preview": "Olá!",
    }
    return ConversationEntry(id=id, name=name, **(shape | others))


def picture(messages: Sequence[Message] = (), **others: Any) -> Picture:
    """A picture of `HERE` while the socket is up; `messages` newest first."""
    shape: dict[str, Any] = {
        "now_ms": NOW,
        "workspace_id": "w-1",
        "user_id": "agent-1",
        "connection": UP,
        "since_ms": NOW - 61_000,
        "conversations": (conversation(),),
    }
    return Picture(messages=messages, **(shape | others))


def view(opened: str | None = HERE) -> View:
    return View.begin(NOW - 3_600_000, opened)


def text_of(lines: Iterable[Line]) -> list[str]:
    """The lines as they are read, without the blanks at their ends."""
    return ["".join(segment.text for segment in line).rstrip() for line in lines]


def widths(lines: Iterable[Line]) -> set[int]:
    return {sum(cell_len(segment.text) for segment in line) for line in lines}
