"""How a client gets its own messages, and its typing, wrong (C-SND, C-TYP)."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from chatengine import events
from chatengine.client.chatengine_link import ChatEngineLink
from chatengine.client.client import CrmClient
from chatengine.client.core.entries import Entry
from chatengine.client.core.messages import Messages
from chatengine.client.core.sends import Sends
from chatengine.client.core.shapes import Message, Origin, Send
from chatengine.client.core.state import CrmState
from chatengine.client.core.typing import Typing
from chatengine.client.sending import Sending
from chatengine.status import Status
from conformance.mutants.mutant import Seams, mutant


@mutant("C-SND-1")
def shows_an_own_message_once_it_is_sent(seams: Seams) -> None:
    """Shows an own message when the server's copy comes, not at once."""
    newest_first = CrmState.messages

    @seams.function(CrmState, "messages")
    def confirmed(self: CrmState, conversation_id: str) -> tuple[Message, ...]:
        shown = newest_first(self, conversation_id)
        return tuple(each for each in shown if each.status is not Status.PENDING)


@mutant("C-SND-1")
def shows_an_own_message_as_sent_at_once(seams: Seams) -> None:
    """Shows an own message as `sent` before anybody has it."""
    add = Messages.add

    @seams.function(Messages, "add")
    def optimistic(self: Messages, copy: Message) -> bool:
        if copy.origin is Origin.OWN:
            copy = replace(copy, status=Status.SENT)
        return add(self, copy)


@mutant("C-SND-2", "C-MSG-4")
def shows_an_own_message_beside_the_servers_copy(seams: Seams) -> None:
    """Does not know its own send again in the server's copy."""
    identify = Messages._identify

    @seams.function(Messages, "_identify")
    def without_client_id(self: Messages, copy: Message) -> tuple[Entry, bool]:
        if copy.origin is not Origin.OWN:
            copy = replace(copy, client_id=None)
        return identify(self, copy)

    @seams.function(Messages, "hand_over")
    def sent_alone(self: Messages, conversation_id: str, client_id: str, message_id: str) -> bool:
        entry = self._names.get((conversation_id, client_id))
        if entry is not None:
            entry.status = max(entry.status, Status.SENT)
            self._refresh(entry)
        return True


@mutant("C-SND-2")
def replaces_by_text(seams: Seams) -> None:
    """Takes two own messages of one text for the same."""
    newest_first = CrmState.messages

    @seams.function(CrmState, "messages")
    def by_text(self: CrmState, conversation_id: str) -> tuple[Message, ...]:
        shown = newest_first(self, conversation_id)
        ours = {each.body: each for each in shown if each.is_outgoing}
        return tuple(each for each in shown if ours.get(each.body, each) is each)


@mutant("C-SND-2")
def waits_for_the_answer_before_it_knows_a_copy(seams: Seams) -> None:
    """Knows its send again by the id in the answer alone: a copy that overtakes it stays."""
    identify = Messages._identify
    hidden = set[str]()

    @seams.function(Messages, "_identify")
    def by_answer(self: Messages, copy: Message) -> tuple[Entry, bool]:
        if copy.origin is not Origin.OWN and copy.client_id is not None:
            own = self._names.get((copy.conversation_id, copy.client_id))
            if own is not None and own.status is Status.PENDING:
                hidden.add(copy.id)
            if copy.id in hidden:
                copy = replace(copy, client_id=None, external_id=None, id=f"copy {copy.id}")
        return identify(self, copy)


@mutant("C-SND-3")
def waits_for_the_socket(seams: Seams) -> None:
    """Sends over the socket alone, and waits for it where there is none."""

    @seams.function(Sending, "_over_http")
    async def wait(self: Sending, send: Send) -> None:
        while self._is_waiting(send):
            await asyncio.sleep(0.05)
            if self._socket.connected:
                await self._over_socket(send, 1.0)


@mutant("C-SND-3")
def sends_again_when_the_socket_is_back(seams: Seams) -> None:
    """Sends over the socket once more what went out over HTTP, under another client id."""
    over_http, connected, kept = Sending._over_http, ChatEngineLink.connected, list[Send]()

    @seams.function(Sending, "_over_http")
    async def keep(self: Sending, send: Send) -> None:
        kept.append(replace(send, client_id=f"{send.client_id}-again"))
        await over_http(self, send)

    @seams.function(ChatEngineLink, "connected")
    def with_those(self: ChatEngineLink) -> None:
        connected(self)
        for send in kept:
            self._shared.background.start((self, send.client_id), again(self, send))
        kept.clear()

    async def again(link: ChatEngineLink, send: Send) -> None:
        await link.socket.emit(events.SEND_MESSAGE, link.sending._command(send))


@mutant("C-SND-4")
def sends_for_ever(seams: Seams) -> None:
    """Never gives a send up: it shows as `sending` for as long as nobody answers."""

    @seams.function(Sends, "overdue")
    def none(self: Sends, now_ms: int) -> list[Send]:
        return []

    @seams.function(Sends, "next_due")
    def never(self: Sends) -> int | None:
        return None


@mutant("C-SND-4")
def hides_what_failed(seams: Seams) -> None:
    """Takes a message that could not be sent out of the conversation."""
    newest_first = CrmState.messages

    @seams.function(CrmState, "messages")
    def without_failed(self: CrmState, conversation_id: str) -> tuple[Message, ...]:
        shown = newest_first(self, conversation_id)
        return tuple(each for each in shown if each.status is not Status.FAILED)


@mutant("C-SND-4")
def is_deaf_to_a_failing_provider(seams: Seams) -> None:
    """Takes no notice of an `error`: what the provider refused stays `sending`."""

    @seams.function(CrmState, "_error")
    def unheard(self: CrmState, payload: object, now_ms: int) -> bool:
        return True

    add, overdue = Messages.add, Sends.overdue

    @seams.function(Messages, "add")
    def no_failures(self: Messages, copy: Message) -> bool:
        return copy.status is Status.FAILED or add(self, copy)

    @seams.function(Sends, "overdue")
    def much_later(self: Sends, now_ms: int) -> list[Send]:
        return overdue(self, now_ms - 60_000)


@mutant("C-TYP-1")
def types_under_another_name(seams: Seams) -> None:
    """Emits `userTyping`, which no server knows, when the user types."""
    emit = CrmClient._emit

    @seams.function(CrmClient, "_emit")
    def misnamed(self: CrmClient, event: str, payload: object) -> None:
        emit(self, "userTyping" if event == "typing" else event, payload)  # type: ignore[arg-type]


@mutant("C-TYP-1")
def never_stops_typing(seams: Seams) -> None:
    """Tells when the user begins to type, and not when that ends."""
    typing = CrmClient.typing

    @seams.function(CrmClient, "typing")
    def begins_alone(self: CrmClient, conversation_id: str, is_typing: bool) -> None:
        if is_typing:
            typing(self, conversation_id, is_typing)


@mutant("C-TYP-2")
def shows_typing_for_ever(seams: Seams) -> None:
    """Shows another's typing until they say that it is over."""

    @seams.function(Typing, "expire")
    def never(self: Typing, now_ms: int) -> None:
        """Nothing ends by itself."""


@mutant("C-TYP-2")
def counts_silence_from_the_first_word(seams: Seams) -> None:
    """Ends another's typing 5 s after it began, though they type on."""
    hear = Typing.hear

    @seams.function(Typing, "hear")
    def once(
        self: Typing, conversation_id: str, user_id: str, is_typing: bool, now_ms: int
    ) -> None:
        if not (is_typing and user_id in self.view(conversation_id)):
            hear(self, conversation_id, user_id, is_typing, now_ms)


@mutant("C-TYP-2")
def shows_typing_everywhere(seams: Seams) -> None:
    """Shows who types in every conversation that is open."""
    view = Typing.view

    @seams.function(Typing, "view")
    def anywhere(self: Typing, conversation_id: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(who for each in self._until for who in view(self, each)))
