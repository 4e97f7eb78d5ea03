"""What enters through the webhook: messages, statuses, the state of a number (section 5)."""

import asyncio
import time
from typing import assert_never

from chatengine import events, moments
from chatengine.payloads import Attachment, ConnectionUpdate, Message
from chatengine.status import Status
from chatengine.webhooks import ConnectionChange, Inbound, StatusChange, Webhook
from fakes.chatengine.outbox import Outbox, message_id
from fakes.chatengine.publisher import Publisher
from fakes.chatengine.store import Draft, Route, Store
from fakes.environment import Instance
from fakes.turns import Turn

__all__ = ["Inbox", "UnknownInstanceError"]


class UnknownInstanceError(Exception):
    """A webhook of an instance that belongs to no workspace."""


class Inbox:
    """Takes webhooks in; each is stored and on its way to the clients when the call returns.

    One after the other, in the order of the calls: also a long one, which lets others be served in
    between, is not overtaken (S-MSG-3).
    """

    def __init__(
        self, instances: dict[str, Instance], store: Store, outbox: Outbox, publisher: Publisher
    ) -> None:
        self._instances = instances
        self._store = store
        self._outbox = outbox
        self._publisher = publisher
        self._deferred: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Lock()  # fair: who asks first is first

    async def receive(self, webhook: Webhook) -> None:
        """Do what the webhook says; raises `UnknownInstanceError`, having done nothing."""
        instance = self._instances.get(webhook.instance)
        if instance is None:
            raise UnknownInstanceError
        async with self._turns:
            turn = Turn()
            for change in webhook.changes:
                await turn.pause()
                self._receive_change(webhook.instance, instance, change)

    def _receive_change(
        self, name: str, instance: Instance, change: Inbound | StatusChange | ConnectionChange
    ) -> None:
        match change:
            case Inbound():
                self._receive_message(name, instance, change)
            case StatusChange():
                self._store.raise_status(instance.workspace_id, change.key_id, change.status)
            case ConnectionChange():
                self._tell_state(name, instance.workspace_id, change.state)
            case _:
                assert_never(change)

    def _receive_message(self, name: str, instance: Instance, inbound: Inbound) -> None:
        """Enter a message; what may be the echo of a send waits until that send is settled.

        The provider may call back before it has answered us (S-SND-3): entered at once, the
        message would lack its `clientMessageId`.
        """
        workspace_id = instance.workspace_id
        route = Route(name, instance.whatsapp_number_id, inbound.remote_jid)
        conversation_id = self._store.open(workspace_id, route)
        sends = self._outbox.under_way(workspace_id, conversation_id) if inbound.from_me else set()
        if sends:
            task = asyncio.create_task(self._enter_after(sends, workspace_id, route, inbound))
            self._deferred.add(task)
            task.add_done_callback(self._deferred.discard)
        else:
            self._store.add(workspace_id, conversation_id, _draft(inbound))

    async def _enter_after(
        self, sends: set[asyncio.Task[Message]], workspace_id: str, route: Route, inbound: Inbound
    ) -> None:
        await asyncio.wait(sends)
        self._store.add(workspace_id, self._store.open(workspace_id, route), _draft(inbound))

    def _tell_state(self, name: str, workspace_id: str, state: str) -> None:
        update = ConnectionUpdate(
            instance=name,
            workspace_id=workspace_id,
            state=state,
            timestamp=moments.from_ms(int(time.time() * 1000)),
        )
        self._publisher.to_workspace(workspace_id, events.CONNECTION_UPDATE, update)


def _draft(inbound: Inbound) -> Draft:
    customer = inbound.participant or inbound.remote_jid
    return Draft(
        id=message_id(inbound.key_id),
        provider_id=inbound.key_id,
        sender_id="me" if inbound.from_me else customer,
        type=inbound.type,
        content=inbound.content,
        status=Status.SENT if inbound.from_me else Status.DELIVERED,
        second=inbound.second,
        reply_to=message_id(inbound.quoted_key_id) if inbound.quoted_key_id else None,
        attachments=_attachments(inbound),
        name="" if inbound.from_me else inbound.push_name,
        from_customer=not inbound.from_me,
    )


def _attachments(inbound: Inbound) -> tuple[Attachment, ...]:
    if inbound.media is None:
        return ()
    attachment = Attachment(
        id=f"file-{inbound.key_id}",
        message_id=message_id(inbound.key_id),
        type=inbound.type,
        url=inbound.media.url,
        metadata=inbound.media.metadata or None,
    )
    return (attachment,)
