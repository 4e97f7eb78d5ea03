"""How a client gets its list of conversations wrong (C-CNV)."""

from __future__ import annotations

from msgspec.structs import replace

from chatengine import events
from chatengine.client.client import CrmClient
from chatengine.client.core import conversations, mapping
from chatengine.client.core.conversations import Conversations, _Known
from chatengine.client.core.mapping import ConversationNews
from chatengine.client.core.shapes import ConversationEntry, Message
from chatengine.client.core.state import CrmState
from conformance.mutants.mutant import Seams, mutant


@mutant("C-CNV-1")
def lists_no_new_conversations(seams: Seams) -> None:
    """Updates the entries that it fetched, and adds none of what is told later."""
    take = CrmState.socket_event

    @seams.function(CrmState, "socket_event")
    def known_alone(self: CrmState, event: str, payload: object, now_ms: int) -> None:
        listed = {each.id for each in self.conversations()}
        told = payload.get("id") if isinstance(payload, dict) else None
        if event != events.CONVERSATION or told in listed:
            take(self, event, payload, now_ms)


@mutant("C-CNV-1")
def adds_an_entry_for_every_event(seams: Seams) -> None:
    """Adds an entry for each event, and leaves the one that the conversation has."""
    learn, view = Conversations.learn, Conversations.view
    earlier: list[ConversationEntry] = []

    @seams.function(Conversations, "learn")
    def append(self: Conversations, news: ConversationNews) -> bool:
        earlier.extend(each for each in view(self) if each.id == news.id)
        return learn(self, news)

    @seams.function(Conversations, "view")
    def all_of_them(self: Conversations) -> tuple[ConversationEntry, ...]:
        return (*view(self), *earlier)


@mutant("C-CNV-1")
def learns_no_more_of_what_is_listed(seams: Seams) -> None:
    """Adds what is new, and leaves an entry as it first was."""
    change = Conversations._change

    @seams.function(Conversations, "_change")
    def first_alone(self: Conversations, known: _Known) -> None:
        entry = known.entry
        change(self, known)
        if entry is not None and entry.preview is not None:
            known.entry = entry


@mutant("C-CNV-2")
def cuts_previews_at_bytes(seams: Seams) -> None:
    """Cuts a preview after 50 bytes of UTF-8."""
    see = Conversations._see

    @seams.function(Conversations, "_see")
    def cut(
        self: Conversations, known: _Known, created_ms: int, message_id: str, shown: str
    ) -> bool:
        cut_short = shown.encode()[:50].decode(errors="ignore")
        return see(self, known, created_ms, message_id, cut_short)


@mutant("C-CNV-2")
def shows_whole_texts_for_previews(seams: Seams) -> None:
    """Shows the whole last message as the preview."""
    seams.constant(conversations, "_PREVIEW", 1_000_000)


@mutant("C-CNV-2")
def leaves_previews_of_media_empty(seams: Seams) -> None:
    """Shows nothing for a message without text."""

    @seams.function(conversations, "preview")
    def text_alone(kind: str, body: str) -> str:
        return body

    @seams.function(mapping, "preview")
    def told_text_alone(kind: str, body: str) -> str:
        return "" if body.startswith("[") else body


@mutant("C-CNV-1", "C-CNV-2", "C-CNV-3")
def keeps_the_moment_of_the_first_message(seams: Seams) -> None:
    """Updates the preview, and not `lastMessageAt` with it."""
    see = Conversations._see

    @seams.function(Conversations, "_see")
    def first(
        self: Conversations, known: _Known, created_ms: int, message_id: str, shown: str
    ) -> bool:
        first_ms = known.last_ms
        changed = see(self, known, created_ms, message_id, shown)
        if first_ms is not None:
            known.last_ms = first_ms
        return changed


@mutant("C-CNV-3")
def lists_in_the_order_of_arrival(seams: Seams) -> None:
    """Leaves each entry where it was added."""

    @seams.function(conversations, "_order")
    def alike(known: _Known) -> tuple[bool, int, str]:
        return False, 0, ""


@mutant("C-CNV-3")
def lists_the_oldest_first(seams: Seams) -> None:
    """Sorts the list the other way round."""
    order = conversations._order

    @seams.function(conversations, "_order")
    def upside_down(known: _Known) -> tuple[bool, int, str]:
        has_none, moment, conversation_id = order(known)
        return has_none, -moment, conversation_id


@mutant("C-CNV-4")
def lets_an_older_event_move_an_entry_back(seams: Seams) -> None:
    """Takes the last message that it was told of for the last one."""

    @seams.function(Conversations, "_see")
    def last_told(
        self: Conversations, known: _Known, created_ms: int, message_id: str, shown: str
    ) -> bool:
        known.last = (created_ms, message_id, shown[:50])
        known.last_ms = created_ms
        return True

    see = Conversations.see

    @seams.function(Conversations, "see")
    def seen(self: Conversations, message: Message, whatsapp_number_id: str | None = None) -> bool:
        if known := self._known.get(message.conversation_id):
            known.last = None
        return see(self, message, whatsapp_number_id)


@mutant("C-CNV-5")
def lists_other_workspaces(seams: Seams) -> None:
    """Lists a conversation whatever its workspace."""
    learn = CrmState._learn

    @seams.function(CrmState, "_learn")
    def of_any(self: CrmState, news: ConversationNews) -> bool:
        return learn(self, replace(news, workspace_id=None))


@mutant("C-CNV-5")
def keeps_the_list_of_the_workspace_before(seams: Seams) -> None:
    """Takes another workspace over, and keeps the list that it has."""
    begin_anew = CrmClient._begin_anew

    @seams.function(CrmClient, "_begin_anew")
    def with_the_list(self: CrmClient) -> None:
        before: CrmState | None = getattr(self, "_state", None)
        begin_anew(self)
        if before is not None:
            self._state._conversations = before._conversations


@mutant("C-CNV-5")
def lists_other_numbers(seams: Seams) -> None:
    """Lists all numbers' conversations, though one is chosen."""
    view = Conversations.view

    @seams.function(Conversations, "view")
    def of_any(self: Conversations) -> tuple[ConversationEntry, ...]:
        self._number_id = None
        return view(self)


@mutant("C-CNV-5")
def leaves_out_those_without_a_number(seams: Seams) -> None:
    """Where a number is chosen, leaves out a conversation that names none."""
    view = Conversations.view

    @seams.function(Conversations, "view")
    def of_that_number(self: Conversations) -> tuple[ConversationEntry, ...]:
        chosen = self._number_id
        return tuple(each for each in view(self) if chosen in (None, each.whatsapp_number_id))


@mutant("C-CNV-5")
def lists_one_number_though_none_is_chosen(seams: Seams) -> None:
    """Where no number is chosen, lists those of the first one that it hears of."""
    view = Conversations.view

    @seams.function(Conversations, "view")
    def of_the_first(self: Conversations) -> tuple[ConversationEntry, ...]:
        listed = view(self)
        numbers = sorted(each.whatsapp_number_id or "" for each in listed)
        first = next(filter(None, numbers), None)
        return tuple(each for each in listed if each.whatsapp_number_id in (None, first))
