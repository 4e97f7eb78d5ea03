"""Servers that do otherwise what the contract leaves open: no check may blame them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from chatengine import events
from chatengine.tokens import Claims, TokenError, TokenRules, verify
from chatengine.webhooks import Webhook
from conformance.mutants.mutant import Seams, variant
from fakes.chatengine import agents
from fakes.chatengine.inbox import Inbox, UnknownInstanceError
from fakes.chatengine.outbox import Order, Outbox, SendRefusedError
from fakes.chatengine.publisher import Publisher
from fakes.chatengine.store import MessageAdded, Route, StatusRaised

_MOMENT_S: Final = 0.05
"""Longer than an answer takes to arrive, and the next call to be made."""


@variant
def names_statuses_by_provider_id(seams: Seams) -> None:
    """Calls the message of a `messageStatus` by its provider id."""
    put = Publisher._put

    @seams.function(Publisher, "_put")
    def renamed(
        self: Publisher, room: str, event: str, payload: Any, skip_sid: str | None = None
    ) -> None:
        if event == events.MESSAGE_STATUS:
            payload = replace(payload, message_id=payload.message_id.removeprefix("evo-"))
        put(self, room, event, payload, skip_sid)


@variant
def tells_the_conversation_first(seams: Seams) -> None:
    """Sends `conversation` before `message`."""
    publish = Publisher.publish

    @seams.function(Publisher, "publish")
    def conversation_first(self: Publisher, change: Any) -> None:
        if isinstance(change, MessageAdded):
            self.to_workspace(change.message.workspace_id, events.CONVERSATION, change.conversation)
            self._to_subscribers(change, events.MESSAGE, change.message)
            if change.early:
                self._publish_status(change)
        else:
            publish(self, change)


@variant
def says_more_than_it_must(seams: Seams) -> None:
    """Sends fields that the contract does not have."""
    put = Publisher._put

    @seams.function(Publisher, "_put")
    def more(
        self: Publisher, room: str, event: str, payload: Any, skip_sid: str | None = None
    ) -> None:
        told = msgspec.to_builtins(payload)
        put(self, room, event, told | {"traceId": "7f3a", "v": 2}, skip_sid)


@variant
def is_silent_about_wrong_types(seams: Seams) -> None:
    """Answers a command of a wrong type with silence instead of an `error`."""
    to_socket = Publisher.to_socket

    @seams.function(Publisher, "to_socket")
    def silent(self: Publisher, sid: str, event: str, payload: Any) -> None:
        is_failure = event == events.ERROR and payload.type != events.SEND_MESSAGE
        if not is_failure:
            to_socket(self, sid, event, payload)


@variant
def allows_for_clocks_that_differ(seams: Seams) -> None:
    """Accepts a token for a minute after its end, and a minute before its time."""

    @seams.function(agents, "verify")
    def lenient(token: object, rules: TokenRules, *, now: float) -> Claims:
        for leeway_s in (0, -60, 60):
            try:
                return verify(token, rules, now=now + leeway_s)
            except TokenError as error:
                refusal = error
        raise refusal


@variant
def writes_to_whom_it_knows_alone(seams: Seams) -> None:
    """Refuses to send into a conversation in which nobody has written."""
    route = Outbox._route

    @seams.function(Outbox, "_route")
    def known_alone(self: Outbox, order: Order) -> Route:
        if self._store.route(order.workspace_id, order.conversation_id) is None:
            raise SendRefusedError("the conversation is unknown")
        return route(self, order)


@variant
def tells_statuses_twice(seams: Seams) -> None:
    """Sends each `messageStatus` twice: repetition changes nothing."""
    publish_status = Publisher._publish_status

    @seams.function(Publisher, "_publish_status")
    def twice(self: Publisher, change: MessageAdded | StatusRaised) -> None:
        publish_status(self, change)
        publish_status(self, change)


@variant
def handles_webhooks_after_the_answer(seams: Seams) -> None:
    """Answers a webhook at once, and handles it a moment later, in the order of entry."""
    _handle_later(seams, lambda webhook: True)


@variant
def keeps_a_queue_for_messages(seams: Seams) -> None:
    """Answers a webhook at once; messages wait their turn, and statuses pass them by."""
    _handle_later(seams, lambda webhook: webhook.event == "messages.upsert")


def _handle_later(seams: Seams, waits: Callable[[Webhook], bool]) -> None:
    receive = Inbox.receive

    async def handle(inbox: Inbox, webhook: Webhook) -> None:
        if waits(webhook):
            await asyncio.sleep(_MOMENT_S)
        await receive(inbox, webhook)

    @seams.function(Inbox, "receive")
    async def later(self: Inbox, webhook: Webhook) -> None:
        if webhook.instance not in self._instances:
            raise UnknownInstanceError
        task = asyncio.create_task(handle(self, webhook))
        self._deferred.add(task)
        task.add_done_callback(self._deferred.discard)


@variant
def tells_of_changes_of_state_alone(seams: Seams) -> None:
    """Takes a number to be closed at first, and tells of a state when it is another one."""
    tell = Inbox._tell_state
    known: dict[str, str] = {}

    @seams.function(Inbox, "_tell_state")
    def changes_alone(self: Inbox, name: str, workspace_id: str, state: str) -> None:
        if known.get(name, "close") != state:
            tell(self, name, workspace_id, state)
        known[name] = state
