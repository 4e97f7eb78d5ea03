"""How a server gets wrong what enters through the webhook (S-MSG)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chatengine import events, webhooks
from chatengine.payloads import Attachment, Message
from chatengine.status import Status
from chatengine.webhooks import Inbound, Webhook
from conformance.mutants.mutant import Seams, mutant
from fakes.chatengine import inbox, memory_store
from fakes.chatengine.answers import Refusal
from fakes.chatengine.inbox import Inbox
from fakes.chatengine.memory_store import MemoryStore, _Conversation
from fakes.chatengine.publisher import Publisher, conversation_room
from fakes.chatengine.store import Change, Draft, MessageAdded


def _entering(seams: Seams, change: Any) -> None:
    """Let `change` have its way with each draft of a message that enters."""
    draft = inbox._draft

    @seams.function(inbox, "_draft")
    def changed(inbound: Inbound) -> Draft:
        found: Draft = change(inbound, draft(inbound))
        return found


@mutant("S-MSG-1")
def starts_every_message_as_sent(seams: Seams) -> None:
    """Starts a customer's message as `sent`, like our own."""
    _entering(seams, lambda _, draft: replace(draft, status=Status.SENT))


@mutant("S-MSG-1")
def starts_every_message_as_delivered(seams: Seams) -> None:
    """Starts what was written on the phone itself as `delivered`, like a customer's."""
    _entering(seams, lambda _, draft: replace(draft, status=Status.DELIVERED))


@mutant("S-MSG-1")
def takes_the_moment_of_arrival(seams: Seams) -> None:
    """Takes the moment at which the webhook came for that of the message."""
    _entering(seams, lambda _, draft: replace(draft, second=int(time.time())))


@mutant("S-MSG-1")
def takes_the_group_for_the_sender(seams: Seams) -> None:
    """Takes the group for the sender of what somebody wrote in it."""
    _entering(seams, lambda inbound, draft: replace(draft, sender_id=inbound.remote_jid))


@mutant("S-MSG-1")
def takes_names_for_ids(seams: Seams) -> None:
    """Puts the name that WhatsApp shows where the sender's id belongs."""
    _entering(seams, lambda inbound, draft: replace(draft, sender_id=inbound.push_name or "me"))


@mutant("S-MSG-1")
def writes_moments_without_milliseconds(seams: Seams) -> None:
    """Writes `createdAt` in whole seconds, without the milliseconds that every moment has."""
    message = memory_store._message

    @seams.function(memory_store, "_message")
    def in_seconds(
        workspace_id: str, conversation_id: str, draft: Draft, status: Status, created_ms: int
    ) -> Message:
        found = message(workspace_id, conversation_id, draft, status, created_ms)
        return replace(found, created_at=found.created_at[:19] + "Z")


@mutant("S-MSG-1")
def reads_plain_texts_alone(seams: Seams) -> None:
    """Reads `conversation`, and not `extendedTextMessage`."""
    content = webhooks._content

    @seams.function(webhooks, "_content")
    def plain(message: dict[str, Any]) -> Any:
        return None if "extendedTextMessage" in message else content(message)


@mutant("S-MSG-1", "S-MSG-5")
def unwraps_nothing(seams: Seams) -> None:
    """Does not look into what WhatsApp wraps."""

    @seams.function(webhooks, "_unwrapped")
    def as_it_is(message: dict[str, Any]) -> dict[str, Any]:
        return message


@mutant("S-MSG-1")
def makes_a_message_of_everything(seams: Seams) -> None:
    """Makes an empty text of each kind that it does not know."""
    content = webhooks._content

    @seams.function(webhooks, "_content")
    def anything(message: dict[str, Any]) -> Any:
        return content(message) or ("text", "", None)


@mutant("S-MSG-1")
def knows_the_first_instance_alone(seams: Seams) -> None:
    """Enters every message into the workspace of the first instance."""
    receive = Inbox.receive

    @seams.function(Inbox, "receive")
    async def first(self: Inbox, webhook: Webhook) -> None:
        if webhook.instance in self._instances:
            webhook = replace(webhook, instance=next(iter(self._instances)))
        await receive(self, webhook)


@mutant("S-MSG-2")
def tells_no_conversations(seams: Seams) -> None:
    """Sends `message`, and no `conversation`."""
    _conversations(seams, to_subscribers=False)


@mutant("S-MSG-2")
def tells_conversations_to_subscribers_alone(seams: Seams) -> None:
    """Sends `conversation` to those who are subscribed to it, not to the workspace."""
    _conversations(seams, to_subscribers=True)


def _conversations(seams: Seams, *, to_subscribers: bool) -> None:
    to_workspace = Publisher.to_workspace

    @seams.function(Publisher, "to_workspace")
    def otherwise(self: Publisher, workspace_id: str, event: str, payload: Struct) -> None:
        if event != events.CONVERSATION:
            to_workspace(self, workspace_id, event, payload)
        elif to_subscribers:
            conversation_id = payload.id  # type: ignore[attr-defined]
            self._put(conversation_room(workspace_id, conversation_id), event, payload)


@mutant("S-MSG-2")
def tells_a_conversation_once(seams: Seams) -> None:
    """Sends `conversation` when it is new, and not for its further messages."""
    to_workspace, told = Publisher.to_workspace, set[tuple[str, str]]()

    @seams.function(Publisher, "to_workspace")
    def new_alone(self: Publisher, workspace_id: str, event: str, payload: Struct) -> None:
        key = workspace_id, str(getattr(payload, "id", ""))
        if event != events.CONVERSATION or key not in told:
            to_workspace(self, workspace_id, event, payload)
        if event == events.CONVERSATION:
            told.add(key)


@mutant("S-MSG-2", "S-MSG-5")
def shows_no_kind_in_the_preview(seams: Seams) -> None:
    """Leaves `lastMessage.content` empty where a message has no text."""

    @seams.function(memory_store, "preview")
    def text_alone(message_type: str, content: str) -> str:
        return content


@mutant("S-MSG-3")
def lets_messages_overtake_each_other(seams: Seams) -> None:
    """Sends each event in a task of its own, and every third one takes a little longer."""
    send, count = Publisher._send, 0
    tasks: set[asyncio.Task[None]] = set()

    @seams.function(Publisher, "_send")
    async def apart(self: Publisher, parcel: Any) -> None:
        nonlocal count
        count += 1
        if count % 3:
            await send(self, parcel)
            return
        task = asyncio.create_task(_late(self, parcel))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _late(publisher: Publisher, parcel: Any) -> None:
        await asyncio.sleep(0.05)
        await send(publisher, parcel)


@mutant("S-MSG-3")
def gives_one_second_one_moment(seams: Seams) -> None:
    """Gives all messages of one second the same `createdAt`."""

    @seams.function(_Conversation, "slot")
    def whole_seconds(self: _Conversation, second: int) -> tuple[int, int]:
        before = [each for each in self.entries if each.created_ms <= second * 1000]
        return len(before), second * 1000


@mutant("S-MSG-4")
def tells_a_repeated_webhook_again(seams: Seams) -> None:
    """Pushes the message of a repeated webhook once more."""
    add = MemoryStore.add

    @seams.function(MemoryStore, "add")
    def again(self: MemoryStore, workspace_id: str, conversation_id: str, draft: Draft) -> Message:
        known = self.message(workspace_id, draft.id)
        conversation = self.conversation(workspace_id, conversation_id)
        message = add(self, workspace_id, conversation_id, draft)
        if known is not None and conversation is not None:
            self._tell(MessageAdded(known, conversation, False))
        return message


@mutant("S-MSG-4")
def refuses_a_repeated_webhook(seams: Seams) -> None:
    """Answers a repeated webhook 409, which makes the provider try again."""
    receive, known = Inbox.receive, set[tuple[str, str]]()

    @seams.function(Inbox, "receive")
    async def once(self: Inbox, webhook: Webhook) -> None:
        for change in webhook.changes:
            if isinstance(change, Inbound):
                if (webhook.instance, change.key_id) in known:
                    raise Refusal(409, "known already")
                known.add((webhook.instance, change.key_id))
        await receive(self, webhook)


@mutant("S-MSG-4")
def looks_before_it_leaps(seams: Seams) -> None:
    """Looks for a message, waits for its database, and enters it: the same twice at once is two."""
    receive, add = Inbox.receive, MemoryStore.add
    entering = 0

    @seams.function(Inbox, "receive")
    async def slowly(self: Inbox, webhook: Webhook) -> None:
        nonlocal entering
        entering += 1
        await asyncio.sleep(0.05)
        try:
            await receive(self, webhook)
        finally:
            entering -= 1

    @seams.function(MemoryStore, "add")
    def unseen(self: MemoryStore, workspace_id: str, conversation_id: str, draft: Draft) -> Message:
        known = self.message(workspace_id, draft.id)
        conversation = self.conversation(workspace_id, conversation_id)
        if entering > 1 and known is not None and conversation is not None:
            self._tell(MessageAdded(known, conversation, False))
        return add(self, workspace_id, conversation_id, draft)


@mutant("S-MSG-4")
def starts_a_repeated_message_anew(seams: Seams) -> None:
    """Writes a repeated webhook's message over what it has, status and all (`upsert`)."""
    add = MemoryStore.add

    @seams.function(MemoryStore, "add")
    def upsert(self: MemoryStore, workspace_id: str, conversation_id: str, draft: Draft) -> Message:
        entry = self._workspace(workspace_id).entries.get(draft.id)
        if entry is not None:
            entry.status = draft.status
            entry.message = replace(entry.message, status=draft.status.wire)
        return add(self, workspace_id, conversation_id, draft)


@mutant("S-MSG-5")
def takes_documents_for_images(seams: Seams) -> None:
    """Maps a document to `image`."""
    seams.entry(webhooks._MEDIA, "documentMessage", "image")


@mutant("S-MSG-5")
def loses_files(seams: Seams) -> None:
    """Enters a media message without its attachment."""

    @seams.function(inbox, "_attachments")
    def none(inbound: Inbound) -> tuple[Attachment, ...]:
        return ()


@mutant("S-MSG-5")
def loses_captions(seams: Seams) -> None:
    """Enters a media message without its caption."""
    _entering(seams, lambda inbound, draft: replace(draft, content="") if inbound.media else draft)


@mutant("S-MSG-1")
def unwraps_once(seams: Seams) -> None:
    """Takes off one wrapper, and passes over what is wrapped twice."""
    seams.constant(webhooks, "_DEEPEST_WRAPPING", 1)


@mutant("S-MSG-5")
def unwraps_texts_alone(seams: Seams) -> None:
    """Passes over a photograph that is shown once."""
    unwrapped = webhooks._unwrapped

    @seams.function(webhooks, "_unwrapped")
    def texts_alone(message: dict[str, Any]) -> dict[str, Any]:
        found = unwrapped(message)
        return {} if found is not message and "imageMessage" in found else found


@mutant("S-MSG-2")
def tells_the_workspace_of_customers_alone(seams: Seams) -> None:
    """Sends no `conversation` for what was written in a group, or on the phone itself."""
    publish = Publisher.publish

    @seams.function(Publisher, "publish")
    def customers_alone(self: Publisher, change: Change) -> None:
        match change:
            case MessageAdded(message) if message.sender_id != message.conversation_id:
                self._to_subscribers(change, events.MESSAGE, message)
            case _:
                publish(self, change)


@mutant("S-MSG-4")
def remembers_twenty_messages(seams: Seams) -> None:
    """Knows a repeated webhook by the last twenty ids alone; others it pushes again."""
    add, entered = MemoryStore.add, list[str]()

    @seams.function(MemoryStore, "add")
    def forgetful(
        self: MemoryStore, workspace_id: str, conversation_id: str, draft: Draft
    ) -> Message:
        known = self.message(workspace_id, draft.id)
        conversation = self.conversation(workspace_id, conversation_id)
        message = add(self, workspace_id, conversation_id, draft)
        if known is None:
            entered.append(draft.id)
        elif conversation is not None and draft.id not in entered[-20:]:
            self._tell(MessageAdded(known, conversation, False))
        return message
