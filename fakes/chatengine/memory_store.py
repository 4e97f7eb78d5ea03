"""The store in memory, bounded (see `Bounds`): one workspace knows nothing of another."""

import time
import uuid
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, cast

import msgspec

from chatengine import moments
from chatengine.payloads import Conversation, LastMessage, Message, Participant, StatusName, preview
from chatengine.status import Status, join
from fakes.chatengine.store import (
    Bounds,
    Change,
    ConversationRead,
    Draft,
    Listener,
    MessageAdded,
    Route,
    StatusRaised,
    Store,
)

__all__ = ["MemoryStore"]

_MOST_PARTICIPANTS: Final = 1024
"""A WhatsApp group has at most 1,024 members."""

_LONGEST_NAME: Final = 256
"""Characters; WhatsApp allows 25."""

_MS: Final = 1000
_created_ms = attrgetter("created_ms")


class _Entry:
    """A message in its conversation, with its place in time."""

    __slots__ = ("conversation", "created_ms", "message", "shown", "size", "status")

    def __init__(
        self, message: Message, status: Status, created_ms: int, conversation: "_Conversation"
    ) -> None:
        self.message = message
        self.status = status
        self.created_ms = created_ms
        self.conversation = conversation
        self.size = len(msgspec.json.encode(message))
        self.shown = True


class _Conversation:
    """A conversation's messages by `createdAt`, ties in the order of entry."""

    def __init__(self, workspace_id: str, conversation_id: str, route: Route) -> None:
        self.workspace_id = workspace_id
        self.id = conversation_id
        self.route = route
        self.names: dict[str, str] = {}
        self.entries: list[_Entry] = []
        self.last: Message | None = None
        self.unread = 0

    def slot(self, second: int) -> tuple[int, int]:
        """Index and `createdAt` (ms) of a message that enters now for that second (section 5).

        A second has a thousand milliseconds; what enters beyond them shares the last one.
        """
        start = second * _MS
        index = bisect_left(self.entries, start + _MS, key=_created_ms)
        if index and self.entries[index - 1].created_ms >= start:
            return index, min(self.entries[index - 1].created_ms + 1, start + _MS - 1)
        return index, start

    def insert(self, index: int, entry: _Entry) -> None:
        self.entries.insert(index, entry)
        if self.last is None or entry.message.created_at >= self.last.created_at:
            self.last = entry.message

    def remove(self, entry: _Entry) -> None:
        """Remove an entry, if it is still shown."""
        if not entry.shown:
            return
        index = bisect_left(self.entries, entry.created_ms, key=_created_ms)
        while index < len(self.entries) and self.entries[index].created_ms == entry.created_ms:
            if self.entries[index] is entry:
                del self.entries[index]
                return
            index += 1

    def meet(self, sender_id: str, name: str) -> None:
        """Remember who takes part, and the last name that WhatsApp gave."""
        if sender_id in self.names or len(self.names) < _MOST_PARTICIPANTS:
            known = self.names.get(sender_id) or sender_id.split("@")[0]
            self.names[sender_id] = name[:_LONGEST_NAME] or known

    def wire(self, last: Message) -> Conversation:
        jid = self.route.remote_jid
        return Conversation(
            id=self.id,
            workspace_id=self.workspace_id,
            channel="whatsapp",
            participants=tuple(Participant(id=i, name=name) for i, name in self.names.items()),
            updated_at=last.created_at,
            contact_id=None if jid.endswith("@g.us") else jid,
            whatsapp_number_id=self.route.number_id,
            last_message=LastMessage(
                id=last.id,
                content=preview(last.type, last.content),
                sender_id=last.sender_id,
                created_at=last.created_at,
                type=last.type,
            ),
        )


class _Workspace:
    """Everything of one workspace; each ordered dict is in the order in which its oldest go.

    A plain dict would not do: each look for its first walks over all that were deleted before.
    """

    def __init__(self, workspace_id: str, bounds: Bounds) -> None:
        self.id = workspace_id
        self.bounds = bounds
        self.entries: OrderedDict[str, _Entry] = OrderedDict()
        self.bytes = 0
        self.ids_by_provider: dict[str, str] = {}
        self.conversations: OrderedDict[str, _Conversation] = OrderedDict()
        self.ids_by_route: dict[tuple[str, str], str] = {}
        self.early: OrderedDict[str, Status] = OrderedDict()

    def open(self, route: Route) -> str:
        address = (route.number, route.remote_jid)
        known = self.ids_by_route.get(address)
        if known is not None:
            self.conversations[known].route = route  # a number may move to another instance
            return known
        taken = route.remote_jid in self.conversations
        # Made from the names, so that it is the same after a restart.
        name = "\0".join((self.id, *address))
        new = str(uuid.uuid5(uuid.NAMESPACE_OID, name)) if taken else route.remote_jid
        self.ids_by_route[address] = new
        self.conversations[new] = _Conversation(self.id, new, route)
        if len(self.conversations) > self.bounds.conversations:
            self._forget_conversation(next(iter(self.conversations)))
        return new

    def keep(self, entry: _Entry, index: int) -> None:
        """Put a new message in its places, and let go what the bounds no longer hold."""
        conversation, message = entry.conversation, entry.message
        self.entries[message.id] = entry
        self.bytes += entry.size
        if (provider_id := _provider_id(message)) is not None:
            self.ids_by_provider[provider_id] = message.id
        conversation.insert(index, entry)
        self.conversations.move_to_end(conversation.id)
        if len(conversation.entries) > self.bounds.messages_per_conversation:
            conversation.entries.pop(0).shown = False
        while len(self.entries) > self.bounds.messages or self.bytes > self.bounds.bytes:
            oldest = next(iter(self.entries.values()))
            oldest.conversation.remove(oldest)
            self._forget_message(oldest.message)

    def wait_for_message(self, provider_id: str, status: Status) -> None:
        self.early[provider_id] = join(status, self.early.pop(provider_id, status))
        if len(self.early) > self.bounds.early_statuses:
            self.early.popitem(last=False)

    def _forget_conversation(self, conversation_id: str) -> None:
        conversation = self.conversations.pop(conversation_id)
        del self.ids_by_route[conversation.route.number, conversation.route.remote_jid]
        for entry in conversation.entries:
            self._forget_message(entry.message)

    def _forget_message(self, message: Message) -> None:
        entry = self.entries.pop(message.id, None)
        if entry is not None:
            self.bytes -= entry.size
        if (provider_id := _provider_id(message)) is not None:
            self.ids_by_provider.pop(provider_id, None)


def _provider_id(message: Message) -> str | None:
    return (message.metadata or {}).get("providerMessageId")


class MemoryStore(Store):
    """Implements `Store`; `clock` gives seconds since the epoch."""

    def __init__(
        self, bounds: Bounds | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._bounds = bounds or Bounds()
        self._clock = clock
        self._workspaces: dict[str, _Workspace] = {}
        self._listeners: list[Listener] = []

    # changes

    def listen(self, listener: Listener) -> None:
        """Tell `listener` of every change from now on."""
        self._listeners.append(listener)

    def _tell(self, change: Change) -> None:
        for listener in self._listeners:
            listener(change)

    def open(self, workspace_id: str, route: Route) -> str:
        """Return the id of the conversation on `route`, made if need be."""
        return self._workspace(workspace_id).open(route)

    def add(self, workspace_id: str, conversation_id: str, draft: Draft) -> Message:
        """Enter a message into an opened conversation; what has its id already stays instead."""
        workspace = self._workspace(workspace_id)
        if (known := workspace.entries.get(draft.id)) is not None:
            return known.message
        conversation = workspace.conversations[conversation_id]
        second = int(self._clock()) if draft.second is None else draft.second
        index, created_ms = conversation.slot(second)
        early = workspace.early.pop(draft.provider_id, None) if draft.provider_id else None
        status = draft.status if early is None else join(draft.status, early)
        message = _message(workspace_id, conversation_id, draft, status, created_ms)
        if draft.from_customer:
            conversation.meet(draft.sender_id, draft.name)
            conversation.unread += 1
        elif not conversation.names:
            conversation.meet(conversation.route.remote_jid, "")
        workspace.keep(_Entry(message, status, created_ms, conversation), index)
        last = conversation.last or message
        self._tell(MessageAdded(message, conversation.wire(last), early is not None))
        return message

    def raise_status(self, workspace_id: str, provider_id: str, status: Status) -> None:
        """Raise a message's status, or keep it for the message to come."""
        workspace = self._workspace(workspace_id)
        message_id = workspace.ids_by_provider.get(provider_id)
        if message_id is None:
            workspace.wait_for_message(provider_id, status)
            return
        entry = workspace.entries[message_id]
        if status <= entry.status:
            return
        entry.status = status
        now = moments.from_ms(int(self._clock() * _MS))
        entry.message = msgspec.structs.replace(entry.message, status=status.wire, updated_at=now)
        self._tell(StatusRaised(entry.message))

    def mark_read(self, workspace_id: str, conversation_id: str) -> None:
        """Count the conversation's messages as seen by an agent."""
        conversation = self._find(workspace_id, conversation_id)
        if conversation is not None and conversation.unread:
            conversation.unread = 0
            self._tell(ConversationRead(workspace_id, conversation_id))

    # questions: they make no workspace

    def route(self, workspace_id: str, conversation_id: str) -> Route | None:
        """Return how a conversation reaches its customer."""
        conversation = self._find(workspace_id, conversation_id)
        return None if conversation is None else conversation.route

    def message(self, workspace_id: str, message_id: str) -> Message | None:
        """Return a message by its id."""
        workspace = self._workspaces.get(workspace_id)
        entry = None if workspace is None else workspace.entries.get(message_id)
        return None if entry is None else entry.message

    def messages(
        self, workspace_id: str, conversation_id: str, *, since_ms: int | None, limit: int
    ) -> list[Message]:
        """Oldest first: the first `limit` from `since_ms` on; without it the last `limit`."""
        conversation = self._find(workspace_id, conversation_id)
        if conversation is None:
            return []
        entries = conversation.entries
        start = max(0, len(entries) - limit)
        if since_ms is not None:
            start = bisect_left(entries, since_ms, key=_created_ms)
        return [entry.message for entry in entries[start : start + limit]]

    def conversation(self, workspace_id: str, conversation_id: str) -> Conversation | None:
        """Return a conversation that has a message."""
        conversation = self._find(workspace_id, conversation_id)
        if conversation is None or conversation.last is None:
            return None
        return conversation.wire(conversation.last)

    def conversations(self, workspace_id: str) -> list[Conversation]:
        """Return the conversations that have a message, the latest message first."""
        workspace = self._workspaces.get(workspace_id)
        found = [] if workspace is None else workspace.conversations.values()
        shown = [each.wire(each.last) for each in found if each.last is not None]
        return sorted(shown, key=lambda each: each.updated_at, reverse=True)

    def unread(self, workspace_id: str, conversation_id: str) -> int:
        """Count the customer's messages that entered since `mark_read`."""
        conversation = self._find(workspace_id, conversation_id)
        return 0 if conversation is None else conversation.unread

    def _workspace(self, workspace_id: str) -> _Workspace:
        workspace = self._workspaces.get(workspace_id)
        if workspace is None:
            workspace = self._workspaces[workspace_id] = _Workspace(workspace_id, self._bounds)
        return workspace

    def _find(self, workspace_id: str, conversation_id: str) -> _Conversation | None:
        workspace = self._workspaces.get(workspace_id)
        return None if workspace is None else workspace.conversations.get(conversation_id)


def _message(
    workspace_id: str, conversation_id: str, draft: Draft, status: Status, created_ms: int
) -> Message:
    metadata: dict[str, Any] = {}
    if draft.provider_id is not None:
        metadata["providerMessageId"] = draft.provider_id
    if draft.client_id is not None:
        metadata["clientMessageId"] = draft.client_id
    return Message(
        id=draft.id,
        workspace_id=workspace_id,
        conversation_id=conversation_id,
        sender_id=draft.sender_id,
        type=draft.type,
        content=draft.content,
        status=cast("StatusName", status.wire),
        created_at=moments.from_ms(created_ms),
        reply_to_message_id=draft.reply_to,
        attachments=draft.attachments or None,
        metadata=metadata or None,
    )
