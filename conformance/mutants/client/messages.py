"""How a client gets its messages wrong (C-MSG)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from chatengine import events
from chatengine.client.core import state
from chatengine.client.core.entries import Entry
from chatengine.client.core.mapping import message_from_payload, message_from_row
from chatengine.client.core.messages import Messages
from chatengine.client.core.reading import Malformed
from chatengine.client.core.shapes import Message, MessageKind, Origin
from chatengine.client.core.state import CrmState
from chatengine.client.core.timeline import Timeline
from chatengine.moments import from_ms
from conformance.mutants.mutant import Seams, mutant

T = TypeVar("T")


@mutant("C-MSG-1")
def shows_only_what_is_plain_ascii(seams: Seams) -> None:
    """Reads texts as ASCII: one with any other character does not show."""
    add = CrmState._add

    @seams.function(CrmState, "_add")
    def ascii_alone(self: CrmState, message: Message, number_id: str | None = None) -> bool:
        return not message.body.isascii() or add(self, message, number_id)


@mutant("C-MSG-2", "C-MSG-1")
def shows_a_message_in_the_view_in_front(seams: Seams) -> None:
    """Adds whatever is pushed to the conversation that was opened last."""
    add = CrmState._add

    @seams.function(CrmState, "_add")
    def in_front(self: CrmState, message: Message, number_id: str | None = None) -> bool:
        opened = self.opened
        if opened and message.conversation_id in opened:
            message = replace(message, conversation_id=opened[-1])
        return add(self, message, number_id)


@mutant("C-MSG-2")
def shows_a_message_in_every_view(seams: Seams) -> None:
    """Adds whatever is pushed to every conversation that is open."""
    add = CrmState._add

    @seams.function(CrmState, "_add")
    def everywhere(self: CrmState, message: Message, number_id: str | None = None) -> bool:
        for each in set(self.opened) - {message.conversation_id}:
            name = f"{message.id} in {each}"
            copy = replace(message, conversation_id=each, id=name, external_id=None, client_id=None)
            self._messages.add(copy)
        return add(self, message, number_id)


@mutant("C-MSG-2")
def shows_other_workspaces_messages(seams: Seams) -> None:
    """Does not look at the workspace of a message."""
    add = CrmState._add

    @seams.function(CrmState, "_add")
    def of_any(self: CrmState, message: Message, number_id: str | None = None) -> bool:
        return add(self, replace(message, workspace_id=self._workspace_id), number_id)


@mutant("C-MSG-3", "C-FBK-5")
def appends_whatever_comes(seams: Seams) -> None:
    """Appends each copy of a message that comes, without a look at what is there."""

    @seams.function(Messages, "add")
    def append(self: Messages, copy: Message) -> bool:
        if copy.conversation_id in self.timelines:
            entry = Entry(())
            entry.take(copy)
            self._refresh(entry)
        return True


@mutant("C-MSG-4", "C-FBK-5", "C-SND-2")
def knows_messages_by_their_id_alone(seams: Seams) -> None:
    """Knows a message again by `id` alone: its row, which has another, shows beside it."""

    @seams.function(Messages, "_identify")
    def by_id(self: Messages, copy: Message) -> tuple[Entry, bool]:
        return self._entry((copy.id,))


@mutant("C-MSG-4", "C-FBK-5")
def knows_rows_by_their_id_alone(seams: Seams) -> None:
    """Does not look at a row's `external_id`: what the socket showed shows once more."""
    identify = Messages._identify

    @seams.function(Messages, "_identify")
    def rows_apart(self: Messages, copy: Message) -> tuple[Entry, bool]:
        if copy.origin is Origin.SUPABASE:
            copy = replace(copy, external_id=None, client_id=None)
        return identify(self, copy)


@mutant("C-MSG-5")
def shows_in_the_order_of_arrival(seams: Seams) -> None:
    """Takes the order of arrival for the order of writing, as the original does."""
    _in_order_of(seams, by_moment=False)


@mutant("C-MSG-5")
def leaves_ties_to_arrival(seams: Seams) -> None:
    """Orders by `createdAt` alone: of one moment, what came last is the newest."""
    _in_order_of(seams, by_moment=True)


def _in_order_of(seams: Seams, *, by_moment: bool) -> None:
    """Show by arrival, or by moment and arrival."""
    arrivals: dict[str, int] = {}
    add, newest_first = Timeline.add, Timeline.newest_first

    @seams.function(Timeline, "add")
    def arrive(self: Timeline[Entry], item: Entry, message: Message) -> None:
        arrivals.setdefault(message.id, len(arrivals))
        add(self, item, message)

    @seams.function(Timeline, "newest_first")
    def shown(self: Timeline[Entry]) -> tuple[Message, ...]:
        def place(message: Message) -> tuple[int, int]:
            return message.created_ms if by_moment else 0, arrivals[message.id]

        return tuple(sorted(newest_first(self), key=place, reverse=True))


@mutant("C-MSG-6")
def leaves_files_files(seams: Seams) -> None:
    """Keeps ChatEngine's type `file`, which the CRM calls `document`."""
    _mapped(seams, lambda wire: {"type": cast("MessageKind", wire["type"])})


@mutant("C-MSG-6")
def loses_media(seams: Seams) -> None:
    """Maps no `mediaUrl`."""
    _mapped(seams, lambda _: {"media_url": None})


@mutant("C-MSG-6")
def takes_the_last_attachment(seams: Seams) -> None:
    """Maps the URL of the last attachment to `mediaUrl`, not that of the first."""
    _mapped(
        seams,
        lambda wire: {"media_url": wire["attachments"][-1]["url"]} if "attachments" in wire else {},
    )


@mutant("C-MSG-6")
def takes_colleagues_for_customers(seams: Seams) -> None:
    """Takes for ours only what this very user sent; another agent's shows as a customer's."""

    @seams.function(state, "message_from_payload")
    def mine_alone(payload: object, workspace_id: str, user_id: str) -> Message:
        found = message_from_payload(payload, workspace_id, user_id)
        return replace(found, is_outgoing=found.sent_by_user_id == user_id)


@mutant("C-MSG-6")
def cuts_moments_to_seconds(seams: Seams) -> None:
    """Maps `createdAt` to whole seconds."""

    @seams.function(state, "message_from_payload")
    def in_seconds(payload: object, workspace_id: str, user_id: str) -> Message:
        found = message_from_payload(payload, workspace_id, user_id)
        return replace(found, created_ms=found.created_ms // 1000 * 1000)


def _mapped(seams: Seams, differently: Any) -> None:
    """Map a message of ChatEngine as `differently` says of its payload."""

    @seams.function(state, "message_from_payload")
    def mapped(payload: object, workspace_id: str, user_id: str) -> Message:
        found = message_from_payload(payload, workspace_id, user_id)
        return replace(found, **differently(payload))


@mutant("C-MSG-6")
def loses_a_rows_error(seams: Seams) -> None:
    """Reads no `error_message` of a row."""
    _rows_mapped(seams, error_message=None)


@mutant("C-MSG-6")
def loses_a_rows_reply(seams: Seams) -> None:
    """Reads no `reply_to_id` of a row."""
    _rows_mapped(seams, reply_to_id=None)


def _rows_mapped(seams: Seams, **fields: object) -> None:

    @seams.function(state, "message_from_row")
    def mapped(record: object, workspace_id: str) -> tuple[Message, str | None]:
        found, number_id = message_from_row(record, workspace_id)
        return replace(found, **fields), number_id


@mutant("C-MSG-7")
def is_deaf_after_a_malformed_payload(seams: Seams) -> None:
    """Lets the first malformed payload end its listener: nothing that follows is handled."""
    take, is_deaf = CrmState._take, False

    @seams.function(CrmState, "_take")
    def broken(self: CrmState, handler: Any, payload: object, now_ms: int, pushed: bool) -> None:
        nonlocal is_deaf
        before = self._counters.malformed
        if not (is_deaf and pushed):
            take(self, handler, payload, now_ms, pushed)
        is_deaf |= self._counters.malformed > before


@mutant("C-MSG-7")
def counts_nothing_malformed(seams: Seams) -> None:
    """Drops a malformed payload without counting it."""
    take = CrmState._take

    @seams.function(CrmState, "_take")
    def uncounted(self: CrmState, handler: Any, payload: object, now_ms: int, pushed: bool) -> None:
        before = self._counters.malformed
        take(self, handler, payload, now_ms, pushed)
        self._counters.malformed = before


@mutant("C-MSG-7")
def makes_up_a_missing_moment(seams: Seams) -> None:
    """Shows a message without `createdAt` as one that was written now."""
    take_in = CrmState.socket_event

    @seams.function(CrmState, "socket_event")
    def completed(self: CrmState, event: str, payload: object, now_ms: int) -> None:
        if event == events.MESSAGE and isinstance(payload, dict) and "createdAt" not in payload:
            payload = payload | {"createdAt": from_ms(now_ms)}
        take_in(self, event, payload, now_ms)


@mutant("C-MSG-7")
def shows_an_unknown_type_as_text(seams: Seams) -> None:
    """Shows a message of a type that it does not know as a text."""

    @seams.function(state, "message_from_payload")
    def any_type(payload: object, workspace_id: str, user_id: str) -> Message:
        return _as_text(payload, lambda told: message_from_payload(told, workspace_id, user_id))

    @seams.function(state, "message_from_row")
    def any_row(record: object, workspace_id: str) -> tuple[Message, str | None]:
        return _as_text(record, lambda told: message_from_row(told, workspace_id))


def _as_text(told: object, read: Callable[[object], T]) -> T:
    try:
        return read(told)
    except Malformed:
        if isinstance(told, dict) and isinstance(told.get("type"), str):
            return read(told | {"type": "text"})
        raise


@mutant("C-MSG-1", "C-MSG-6")
def drops_what_has_no_text(seams: Seams) -> None:
    """Takes a file without a word for no message."""
    add = CrmState._add

    @seams.function(CrmState, "_add")
    def worded_alone(self: CrmState, message: Message, number_id: str | None = None) -> bool:
        return bool(message.body) and add(self, message, number_id)
