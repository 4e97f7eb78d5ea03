"""How a server gets wrong what agents send (S-SND)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chatengine import events
from chatengine.payloads import Message
from conformance.mutants.mutant import Seams, mutant
from fakes.chatengine import outbox
from fakes.chatengine.agents import Agent
from fakes.chatengine.commands import CommandError, Commands
from fakes.chatengine.inbox import Inbox, _draft
from fakes.chatengine.memory_store import MemoryStore
from fakes.chatengine.outbox import Order, Outbox, SendFailedError
from fakes.chatengine.provider import Outgoing, Provider, ProviderError, Receipt
from fakes.chatengine.publisher import Publisher
from fakes.chatengine.store import Draft, MessageAdded, Route


@mutant("S-SND-1")
def hands_everything_over_twice(seams: Seams) -> None:
    """Hands each message to the provider twice."""
    send = Provider.send

    @seams.function(Provider, "send")
    async def twice(self: Provider, route: Route, outgoing: Outgoing) -> Receipt:
        await send(self, route, outgoing)
        return await send(self, route, outgoing)


@mutant("S-SND-1")
def loses_the_client_id(seams: Seams) -> None:
    """Does not bring the client's own id back in `metadata`."""
    draft = outbox._sent

    @seams.function(outbox, "_sent")
    def nameless(order: Order, receipt: Receipt) -> Draft:
        return replace(draft(order, receipt), client_id=None)


@mutant("S-SND-1")
def forgets_what_is_answered(seams: Seams) -> None:
    """Does not say which message an own one replies to."""
    draft = outbox._sent

    @seams.function(outbox, "_sent")
    def detached(order: Order, receipt: Receipt) -> Draft:
        return replace(draft(order, receipt), reply_to=None)


@mutant("S-SND-1")
def loses_the_provider_id(seams: Seams) -> None:
    """Does not name the provider's id of an own message in `metadata`."""
    message = MemoryStore._tell

    @seams.function(MemoryStore, "_tell")
    def nameless(self: MemoryStore, change: Any) -> None:
        if isinstance(change, MessageAdded) and change.message.metadata:
            metadata = dict(change.message.metadata)
            if "clientMessageId" in metadata:
                metadata.pop("providerMessageId", None)
                change = replace(change, message=replace(change.message, metadata=metadata))
        message(self, change)


@mutant("S-SND-1")
def shows_an_own_message_to_its_sender_alone(seams: Seams) -> None:
    """Does not push an own message to the conversation's subscribers."""
    publish = Publisher.publish

    @seams.function(Publisher, "publish")
    def customers_alone(self: Publisher, change: Any) -> None:
        metadata = getattr(getattr(change, "message", None), "metadata", None) or {}
        if not (isinstance(change, MessageAdded) and "clientMessageId" in metadata):
            publish(self, change)


@mutant("S-SND-1")
def sends_by_the_first_number(seams: Seams) -> None:
    """Sends by the workspace's first number, whichever the customer wrote to."""
    route = Outbox._route

    @seams.function(Outbox, "_route")
    def first(self: Outbox, order: Order) -> Route:
        found = route(self, order)
        for name, instance in self._instances.items():
            if instance.workspace_id == order.workspace_id:
                return Route(name, instance.whatsapp_number_id, found.remote_jid)
        return found


@mutant("S-SND-1")
def sends_files_as_texts(seams: Seams) -> None:
    """Hands the caption of a file to the provider as a text."""
    send = Provider.send

    @seams.function(Provider, "send")
    async def text_alone(self: Provider, route: Route, outgoing: Outgoing) -> Receipt:
        return await send(self, route, replace(outgoing, attachment=None, type="text"))


@mutant("S-SND-1")
def sends_to_the_last_writer(seams: Seams) -> None:
    """Gives the sends of a burst one client id, that of the last."""
    send = Commands._send_message
    last: dict[str, object] = {}

    @seams.function(Commands, "_send_message")
    async def mixed_up(self: Commands, agent: Agent, payload: object) -> None:
        if isinstance(payload, dict) and "messageId" in payload:
            last[agent.sid] = payload["messageId"]
            await asyncio.sleep(0.02)
            payload = payload | {"messageId": last[agent.sid]}
        await send(self, agent, payload)


@mutant("S-SND-2")
def takes_a_failure_for_sent(seams: Seams) -> None:
    """Takes a message for `sent` though the provider did not take it."""
    send = Provider.send

    @seams.function(Provider, "send")
    async def sure(self: Provider, route: Route, outgoing: Outgoing) -> Receipt:
        try:
            return await send(self, route, outgoing)
        except ProviderError:
            return Receipt(uuid.uuid4().hex.upper(), None)


@mutant("S-SND-2")
def keeps_no_failed_message(seams: Seams) -> None:
    """Sends an `error` for a message that the provider did not take, and forgets it."""
    enter = Outbox._enter

    @seams.function(Outbox, "_enter")
    def sent_alone(self: Outbox, order: Order, route: Route, draft: Draft) -> Message:
        if draft.provider_id is None:
            raise SendFailedError("the provider did not take it")
        return enter(self, order, route, draft)


@mutant("S-SND-2")
def tells_no_error(seams: Seams) -> None:
    """Marks a message that the provider did not take as `failed`, and sends no `error`."""
    to_socket = Publisher.to_socket

    @seams.function(Publisher, "to_socket")
    def but_errors(self: Publisher, sid: str, event: str, payload: Struct) -> None:
        if event != events.ERROR:
            to_socket(self, sid, event, payload)


@mutant("S-SND-2")
def answers_a_failure_with_the_message(seams: Seams) -> None:
    """Answers a POST 201 though the provider did not take the message."""
    send = Outbox.send

    @seams.function(Outbox, "send")
    async def accepted(self: Outbox, order: Order) -> Message:
        try:
            return await send(self, order)
        except SendFailedError:
            known = self._store.messages(
                order.workspace_id, order.conversation_id, since_ms=None, limit=1
            )
            if not known:
                raise
            return known[-1]


@mutant("S-SND-3")
def makes_a_message_of_the_echo(seams: Seams) -> None:
    """Gives its own messages ids of its own, and so makes a second one of the provider's echo."""
    sent = outbox._sent

    @seams.function(outbox, "_sent")
    def own_id(order: Order, receipt: Receipt) -> Draft:
        return replace(sent(order, receipt), id=str(uuid.uuid4()))


@mutant("S-SND-3")
def enters_an_early_echo(seams: Seams) -> None:
    """Makes a message of an echo that comes before the provider has answered."""

    @seams.function(Inbox, "_receive_message")
    def at_once(self: Inbox, name: str, instance: Any, inbound: Any) -> None:
        route = Route(name, instance.whatsapp_number_id, inbound.remote_jid)
        conversation_id = self._store.open(instance.workspace_id, route)
        self._store.add(instance.workspace_id, conversation_id, _draft(inbound))


@mutant("S-SND-4")
def tells_everybody_that_it_was_sent(seams: Seams) -> None:
    """Sends `messageSent` to all subscribers of the conversation."""
    _to_the_conversation(seams, events.MESSAGE_SENT)


@mutant("S-SND-4")
def tells_everybody_that_it_is_read(seams: Seams) -> None:
    """Sends `markedAsRead` to all subscribers of the conversation."""
    _to_the_conversation(seams, events.MARKED_AS_READ)


def _to_the_conversation(seams: Seams, told: str) -> None:
    to_socket = Publisher.to_socket
    workspaces: dict[str, str] = {}
    answer = Commands._answer

    @seams.function(Commands, "_answer")
    async def noted(
        self: Commands, name: str, work: Any, sid: str, *arguments: object
    ) -> dict[str, Any]:
        agent = await self._agents.get(sid)
        if agent is not None:
            workspaces[sid] = agent.workspace_id
        return await answer(self, name, work, sid, *arguments)

    @seams.function(Publisher, "to_socket")
    def to_all(self: Publisher, sid: str, event: str, payload: Struct) -> None:
        if event == told:
            conversation_id = payload.conversation_id  # type: ignore[attr-defined]
            self.to_conversation(workspaces[sid], conversation_id, event, payload)
        else:
            to_socket(self, sid, event, payload)


@mutant("S-SND-4")
def confirms_nothing(seams: Seams) -> None:
    """Sends neither `messageSent` nor `markedAsRead`."""
    to_socket = Publisher.to_socket

    @seams.function(Publisher, "to_socket")
    def errors_alone(self: Publisher, sid: str, event: str, payload: Struct) -> None:
        if event not in (events.MESSAGE_SENT, events.MARKED_AS_READ):
            to_socket(self, sid, event, payload)


@mutant("S-SND-5")
def sends_again_whatever_comes_again(seams: Seams) -> None:
    """Takes a repeated client id for another message."""

    @seams.function(outbox, "_name")
    def new(place: Any, order: Order) -> uuid.UUID:
        return uuid.uuid4()


@mutant("S-SND-5")
def knows_a_repetition_while_it_is_under_way(seams: Seams) -> None:
    """Recognises a repeated client id while the first send lasts, and not afterwards."""

    @seams.function(Outbox, "_remember")
    def forget(self: Outbox, name: uuid.UUID, message_id: str) -> None:
        """Nothing is remembered."""


@mutant("S-SND-5")
def takes_client_ids_for_unique(seams: Seams) -> None:
    """Takes the same client id of another agent, or in another conversation, for the same send."""

    @seams.function(outbox, "_name")
    def by_client_id(place: Any, order: Order) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_OID, order.client_id or uuid.uuid4().hex)


@mutant("S-SND-5")
def never_tries_a_failed_send_again(seams: Seams) -> None:
    """Takes the repetition of a send that failed for done."""
    send_message, tried = Commands._send_message, set[str]()

    @seams.function(Commands, "_send_message")
    async def once(self: Commands, agent: Agent, payload: object) -> None:
        client_id = f"{agent.sid} {payload.get('messageId')}" if isinstance(payload, dict) else ""
        if client_id in tried:
            raise CommandError("failed", "that send has failed")
        try:
            await send_message(self, agent, payload)
        except CommandError:
            tried.add(client_id)
            raise


def _ordering(seams: Seams, change: Callable[[Order], Order]) -> None:
    """Send what `change` makes of an order."""
    send = Outbox.send

    @seams.function(Outbox, "send")
    async def otherwise(self: Outbox, order: Order) -> Message:
        return await send(self, change(order))


@mutant("S-SND-1")
def trims_what_is_sent(seams: Seams) -> None:
    """Takes the space around a text away."""
    _ordering(seams, lambda order: replace(order, content=order.content.strip()))


@mutant("S-SND-1")
def cuts_what_is_sent(seams: Seams) -> None:
    """Sends the first thousand characters of a text."""
    _ordering(seams, lambda order: replace(order, content=order.content[:1000]))


@mutant("S-SND-1")
def sends_by_its_own_choice_of_number(seams: Seams) -> None:
    """Sends by the workspace's first number, whichever a POST names."""
    _ordering(seams, lambda order: replace(order, number_id=None))


@mutant("S-SND-5")
def takes_nameless_sends_for_one(seams: Seams) -> None:
    """Takes all sends without a client id for the same send."""
    _ordering(seams, lambda order: replace(order, client_id=order.client_id or "none"))


@mutant("S-SND-5")
def remembers_sends_of_a_socket(seams: Seams) -> None:
    """Knows a repeated client id on the socket it came by: after a reconnect it is sent again."""
    send_message = Commands._send_message

    @seams.function(Commands, "_send_message")
    async def of_the_socket(self: Commands, agent: Agent, payload: object) -> None:
        await send_message(self, replace(agent, sender=agent.sid), payload)


@mutant("S-SND-5")
def remembers_failed_sends(seams: Seams) -> None:
    """Takes the repetition of a failed send for that send, and says once more that it failed."""
    send = Outbox.send
    failed: dict[tuple[str, str, str], SendFailedError] = {}

    @seams.function(Outbox, "send")
    async def once(self: Outbox, order: Order) -> Message:
        key = order.sender, order.conversation_id, order.client_id or ""
        if key in failed:
            raise failed[key]
        try:
            return await send(self, order)
        except SendFailedError as error:
            failed[key] = error
            raise
