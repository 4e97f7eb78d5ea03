"""All that the client knows, behind one object: raw payloads in, what the user sees out.

The shells hand over what they received as it is; whatever is wrong with it is dropped and counted,
never raised (C-MSG-7), and nothing they could do about the order of arrival matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from chatengine import events
from chatengine.client.core.attention import Attention
from chatengine.client.core.bounds import Bounds
from chatengine.client.core.conversations import Conversations
from chatengine.client.core.mapping import (
    ConversationNews,
    conversation_from_payload,
    conversation_from_row,
    message_from_payload,
    message_from_row,
)
from chatengine.client.core.messages import Messages
from chatengine.client.core.notices import read_error, read_sent, read_status, read_typing
from chatengine.client.core.reading import Malformed, identity, text
from chatengine.client.core.sends import Sends
from chatengine.client.core.shapes import (
    Change,
    ConversationEntry,
    ConversationsChanged,
    Counters,
    Message,
    MessagesChanged,
    Origin,
    Send,
    TypingChanged,
    Way,
)
from chatengine.client.core.typing import Typing
from chatengine.status import BY_NAME, Status

__all__ = ["CrmState"]


_BACKFILL_LOOKS_AT: Final = 300
"""Messages, the newest, whose missing acknowledgements a backfill reaches back for: with what was
written since they are a page of ChatEngine's history (at most 500)."""

_OUR_WORD, _SERVERS_WORD = 0, 1

_READ: Final = Status.READ
_MAY_BE_SENT: Final = (None, Status.FAILED)


class CrmState:
    """The state of one client: one workspace, one user, all numbers or a chosen one.

    `now_ms` is milliseconds since the epoch of a clock that does not go back. Views are immutable
    and cheap to ask for again.
    """

    def __init__(
        self,
        *,
        workspace_id: str,
        user_id: str,
        whatsapp_number_id: str | None,
        send_timeout_ms: int = 8000,
        typing_expiry_ms: int = 5000,
        bounds: Bounds | None = None,
    ) -> None:
        self._workspace_id = workspace_id
        self._user_id = user_id
        bounds = bounds or Bounds()
        self._messages = Messages(bounds)
        self._attention = Attention(self._messages, bounds)
        self._conversations = Conversations(workspace_id, whatsapp_number_id, bounds.conversations)
        self._typing = Typing(typing_expiry_ms)
        self._sends = Sends(send_timeout_ms)
        self._counters = Counters()
        self._last_error: str | None = None
        self._handlers: dict[str, Callable[[object, int], bool]] = {
            events.MESSAGE: self._message,
            events.MESSAGE_STATUS: self._status,
            events.CONVERSATION: self._conversation,
            events.TYPING: self._typed,
            events.MESSAGE_SENT: self._sent,
            events.ERROR: self._error,
        }
        self._tables = {"messages": self._message_row, "conversations": self._conversation_row}

    # What comes in

    def socket_event(self, event: str, payload: object, now_ms: int) -> None:
        """Take in an event of the socket; one that shows nothing to a user is only counted."""
        self._counters.received += 1
        handler = self._handlers.get(event)
        if handler is not None:
            self._take(handler, payload, now_ms, True)

    def row(self, table: str, record: object, now_ms: int, *, pushed: bool) -> None:
        """Take in a row of `messages` or `conversations`, from Realtime (`pushed`) or REST."""
        self._counters.received += pushed
        handler = self._tables.get(table)
        if handler is not None:
            self._take(handler, record, now_ms, pushed)

    def history(self, payloads: Iterable[object], now_ms: int) -> None:
        """Take in messages that ChatEngine's HTTP interface answered."""
        for payload in payloads:
            self._take(self._message, payload, now_ms, False)

    def conversation_list(self, payloads: Iterable[object], now_ms: int) -> None:
        """Take in conversations that ChatEngine's HTTP interface answered."""
        for payload in payloads:
            self._take(self._conversation, payload, now_ms, False)

    def reconnected(self) -> None:
        """Count a connection that came back."""
        self._counters.reconnects += 1

    def set_times(self, send_timeout_ms: int, typing_expiry_ms: int) -> None:
        """Take over how long sends, and others' typing, may take from now on."""
        self._sends.timeout_ms = send_timeout_ms
        self._typing.expiry_ms = typing_expiry_ms

    def tick(self, now_ms: int) -> None:
        """End what has lasted as long as it may: typing (C-TYP-2) and sends (C-SND-4)."""
        self._typing.expire(now_ms)
        for send in self._sends.overdue(now_ms):
            self.send_failed(send.client_id, "not confirmed in time", now_ms)

    def next_due(self) -> int | None:
        """When `tick` has something to do; None for never."""
        dues = (self._typing.next_due(), self._sends.next_due())
        return min((due for due in dues if due is not None), default=None)

    # What the user does

    def open(self, conversation_id: str) -> bool:
        """Look at a conversation; True at the first open, when it is to be subscribed (C-SUB-5)."""
        return self._attention.open(conversation_id)

    def close(self, conversation_id: str) -> bool:
        """Leave it; True at the last close. Its messages stay to be shown at once (C-CAC-1)."""
        is_last = self._attention.close(conversation_id)
        if is_last:
            self._typing.clear(conversation_id)
        return is_last

    def send(
        self,
        conversation_id: str,
        content: str,
        client_message_id: str,
        reply_to: str | None,
        now_ms: int,
    ) -> bool:
        """Show an own message at once (C-SND-1); False where it is sent or on its way already.

        The same client id in the same conversation is the same send, unless that one failed
        (contract, section 5). Raises `Malformed` for ids that cannot be ids.
        """
        own = Message(
            id=identity(client_message_id),
            conversation_id=identity(conversation_id),
            workspace_id=self._workspace_id,
            body=text(content),
            type="text",
            is_outgoing=True,
            status=Status.PENDING,
            created_ms=self._sends.moment(now_ms),
            updated_ms=0,
            origin=Origin.OWN,
            client_id=client_message_id,
            reply_to_id=identity(reply_to) if reply_to else None,
            sent_by_user_id=self._user_id,
        )
        if self._messages.send_status(conversation_id, client_message_id) not in _MAY_BE_SENT:
            return False
        self._messages.track(conversation_id)
        self._messages.add(own)  # before it is kept: an unsent message is what keeps it
        self._attention.keep(conversation_id)
        self._sends.begin(own, now_ms)
        return True

    def went(self, client_message_id: str, way: Way) -> None:
        """Note which way a send goes (C-SND-3)."""
        self._sends.went(client_message_id, way)

    def send_answered(self, client_message_id: str, payload: object, now_ms: int) -> None:
        """Take in the message that answered a send over HTTP, also if it does not name the send."""
        self._take(lambda answer, _: self._answer(client_message_id, answer), payload, now_ms,
                   pushed=False)  # fmt: skip

    def send_failed(self, client_message_id: str, reason: str, now_ms: int) -> None:
        """Let a send end as failed (C-SND-4); nothing where it is confirmed."""
        send = self._sends.waiting.get(client_message_id)
        if send is not None:
            self._fail(send.conversation_id, client_message_id, (_OUR_WORD, reason))

    # What the user sees

    @property
    def opened(self) -> tuple[str, ...]:
        """The conversations that are open."""
        return self._attention.opened

    @property
    def shown(self) -> tuple[str, ...]:
        """The conversations whose messages are known: opened or sent into, and not yet let go."""
        return tuple(self._messages.timelines)

    @property
    def unconfirmed(self) -> tuple[Send, ...]:
        """The sends that nobody has confirmed yet, in the order in which they were sent."""
        return tuple(self._sends.waiting.values())

    @property
    def counters(self) -> Counters:
        """A copy of the counters."""
        return replace(self._counters, early_dropped=self._messages.early_dropped)

    @property
    def last_error(self) -> str | None:
        """What the server last said in an `error`."""
        return self._last_error

    def is_waiting(self, client_message_id: str) -> bool:
        """Whether a send has not been confirmed yet, and its time is not over."""
        return client_message_id in self._sends.waiting

    def messages(self, conversation_id: str) -> tuple[Message, ...]:
        """A conversation's messages, newest first; none of one that was never opened."""
        timeline = self._messages.timelines.get(conversation_id)
        return () if timeline is None else timeline.newest_first()

    def conversations(self) -> tuple[ConversationEntry, ...]:
        """The list, that with the newest message first."""
        return self._conversations.view()

    def typing(self, conversation_id: str) -> tuple[str, ...]:
        """Who else types in a conversation."""
        return self._typing.view(conversation_id)

    def drain_changes(self) -> tuple[Change, ...]:
        """What shows otherwise than at the last call; each only once."""
        changes: list[Change] = [MessagesChanged(each) for each in sorted(self._messages.changed)]
        changes += [TypingChanged(each) for each in sorted(self._typing.changed)]
        if self._conversations.changed:
            changes.append(ConversationsChanged())
        self._messages.changed.clear()
        self._typing.changed.clear()
        self._conversations.changed = False
        return tuple(changes)

    def backfill_since(self, conversation_id: str, gap_began_ms: int, overlap_ms: int) -> int:
        """From which createdAt on history is to be fetched after a gap (C-FBK-4), in ms.

        With an overlap, as a message may be written before the gap and stored in it; and from the
        oldest own message on that is not read yet, as its statuses may be what was missed.
        """
        since_ms = gap_began_ms - overlap_ms
        for message in self.messages(conversation_id)[:_BACKFILL_LOOKS_AT]:
            if message.is_outgoing and message.status is not _READ:
                since_ms = min(since_ms, message.created_ms)
        return max(since_ms, 0)

    # How each event is taken

    def _take(
        self, handler: Callable[[object, int], bool], payload: object, now_ms: int, pushed: bool
    ) -> None:
        """Let `handler` take it; it says whether that told anything new."""
        try:
            if not handler(payload, now_ms) and pushed:
                self._counters.duplicates += 1
        except Malformed:
            self._counters.malformed += 1

    def _message(self, payload: object, now_ms: int) -> bool:
        return self._add(message_from_payload(payload, self._workspace_id, self._user_id))

    def _message_row(self, record: object, now_ms: int) -> bool:
        message, number_id = message_from_row(record, self._workspace_id)
        return self._add(message, number_id)

    def _add(self, message: Message, number_id: str | None = None) -> bool:
        """Take a source's copy of a message in."""
        if message.workspace_id != self._workspace_id:
            self._counters.foreign += 1
            return True
        messages, before = self._messages, self._messages.revision
        if not messages.add(message):
            return False
        listed = self._conversations.see(message, number_id)
        if self._sends.waiting:
            self._sends.confirm(message.id)
            if message.client_id is not None:
                self._sends.confirm(message.client_id)
        kept = self._attention.grow(message.conversation_id)
        return listed or messages.revision != before or not kept

    def _answer(self, client_message_id: str, payload: object) -> bool:
        message = message_from_payload(payload, self._workspace_id, self._user_id)
        news = self._add(message)
        conversation_id = self._sends.conversation_of(client_message_id)
        if conversation_id is not None:
            self._messages.hand_over(conversation_id, client_message_id, message.id)
        self._sends.confirm(client_message_id)
        return news

    def _status(self, payload: object, now_ms: int) -> bool:
        notice = read_status(payload)
        status = BY_NAME.get(notice.status)
        return status is None or self._messages.raise_status(notice.message_id, status)

    def _conversation(self, payload: object, now_ms: int) -> bool:
        return self._learn(conversation_from_payload(payload))

    def _conversation_row(self, record: object, now_ms: int) -> bool:
        return self._learn(conversation_from_row(record))

    def _learn(self, news: ConversationNews) -> bool:
        if news.workspace_id not in (None, self._workspace_id):
            self._counters.foreign += 1
            return True
        return self._conversations.learn(news)

    def _typed(self, payload: object, now_ms: int) -> bool:
        notice = read_typing(payload)
        if notice.user_id != self._user_id and self._attention.is_open(notice.conversation_id):
            self._typing.hear(notice.conversation_id, notice.user_id, notice.is_typing, now_ms)
        return True

    def _sent(self, payload: object, now_ms: int) -> bool:
        notice = read_sent(payload)
        client_id = notice.client_message_id
        if client_id:
            conversation_id = self._sends.conversation_of(client_id) or notice.conversation_id
            self._sends.confirm(client_id)
            return self._messages.hand_over(conversation_id, client_id, notice.message_id)
        return self._messages.raise_status(notice.message_id, Status.SENT)

    def _error(self, payload: object, now_ms: int) -> bool:
        notice = read_error(payload)
        self._last_error = notice.message
        client_id = notice.client_message_id
        if client_id and notice.type == events.SEND_MESSAGE:
            conversation_id = self._sends.conversation_of(client_id) or notice.conversation_id
            if conversation_id is not None:
                self._fail(conversation_id, client_id, (_SERVERS_WORD, notice.message))
        return True

    def _fail(self, conversation_id: str, client_id: str, reason: tuple[int, str]) -> None:
        self._sends.confirm(client_id)
        self._messages.fail(conversation_id, client_id, reason)
