"""What agents send: once each, in order per conversation, to the provider (section 5, "Out")."""

import asyncio
import uuid
from collections import Counter, OrderedDict
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chatengine.payloads import LONGEST_ID, Attachment, Message, MessageType
from chatengine.status import Status
from fakes.chatengine.provider import Outgoing, Provider, ProviderError, Receipt
from fakes.chatengine.store import Draft, Route, Store
from fakes.environment import Instance
from fakes.logs import Log

__all__ = ["Order", "Outbox", "SendFailedError", "SendRefusedError", "message_id"]

_MOST_WAITING: Final = 1000
"""Sends of one conversation that may wait for the provider; more would only time out."""

_MOST_BYTES_WAITING: Final = 64 * 1024 * 1024
"""Sends of one workspace that may be under way: some 15,000 of a line each, 60 of a megabyte."""

_BYTES_OF_A_SEND: Final = 4096
"""What a send under way takes beside its content: a task, a lock's waiter, a request."""

_MOST_REMEMBERED: Final = 100_000
"""Client ids by which a repeated send is recognised (S-SND-5); the oldest go first."""

_log = Log(__name__)


class SendRefusedError(Exception):
    """A send that cannot be tried at all; its text says why."""


class SendFailedError(Exception):
    """The provider did not take the message: it is stored as `failed`; the text says why."""


class Order(Struct, frozen=True, kw_only=True):
    """What an agent wants sent. `client_id` is the client's own id of the message.

    `user_id` is who is shown; `sender` whose client ids they are, told apart also where no token
    names anybody. `number_id` chooses one of the workspace's numbers; without it the
    conversation's own serves.
    """

    workspace_id: str
    user_id: str
    sender: str
    conversation_id: str
    type: MessageType
    content: str
    client_id: str | None = None
    reply_to: str | None = None
    attachment: Attachment | None = None
    number_id: str | None = None


def message_id(key_id: str) -> str:
    """Return the id of the message that the provider calls `key_id` (section 5)."""
    return f"evo-{key_id}"


class _Queue:
    """The sends of one conversation: the lock keeps their order, as asyncio's locks are fair."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.tasks: set[asyncio.Task[Message]] = set()


_Place = tuple[str, str]


class Outbox:
    """Sends messages; `timeout_s` is the time of a send, its waiting in line included."""

    def __init__(
        self, instances: dict[str, Instance], store: Store, provider: Provider, timeout_s: float
    ) -> None:
        self._instances = instances
        self._store = store
        self._provider = provider
        self._timeout_s = timeout_s
        self._queues: dict[_Place, _Queue] = {}
        self._bytes_waiting: Counter[str] = Counter()  # by workspace
        self._under_way: dict[uuid.UUID, asyncio.Task[Message]] = {}  # by name
        self._sent: OrderedDict[uuid.UUID, str] = OrderedDict()  # message ids by name

    async def send(self, order: Order) -> Message:
        """Send once, however often it is asked for, and return the message as it is now.

        Raises `SendRefusedError`, or `SendFailedError`. Whoever asks may give up waiting: the
        send goes on. A repetition is recognised for as long as the message is known.
        """
        if not order.content and order.attachment is None:
            raise SendRefusedError("there is nothing to send: content is empty")
        if len(order.client_id or "") > LONGEST_ID:
            raise SendRefusedError(f"the client's id is longer than {LONGEST_ID} characters")
        route = self._route(order)
        place = order.workspace_id, self._store.open(order.workspace_id, route)
        name = _name(place, order)
        known = self._store.message(order.workspace_id, self._sent.get(name, ""))
        if known is not None:
            return known
        task = self._under_way.get(name) or self._start(place, name, route, order)
        message = await asyncio.shield(task)
        return self._store.message(order.workspace_id, message.id) or message

    def under_way(self, workspace_id: str, conversation_id: str) -> set[asyncio.Task[Message]]:
        """Return the sends of a conversation that are not settled yet."""
        queue = self._queues.get((workspace_id, conversation_id))
        return set() if queue is None else set(queue.tasks)

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = [task for queue in self._queues.values() for task in queue.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _route(self, order: Order) -> Route:
        """Find the way to the customer; a JID may be written to before it ever wrote."""
        known = self._store.route(order.workspace_id, order.conversation_id)
        if known is not None and order.number_id in (None, known.number_id):
            return known
        remote_jid = order.conversation_id if known is None else known.remote_jid
        if "@" not in remote_jid or len(remote_jid) > LONGEST_ID:
            raise SendRefusedError("the conversation is unknown")
        for name, instance in self._instances.items():
            if instance.workspace_id != order.workspace_id:
                continue
            if order.number_id in (None, instance.whatsapp_number_id):
                return Route(name, instance.whatsapp_number_id, remote_jid)
        raise SendRefusedError("the workspace has no such WhatsApp number")

    def _start(
        self, place: _Place, name: uuid.UUID, route: Route, order: Order
    ) -> asyncio.Task[Message]:
        workspace_id, size = place[0], len(msgspec.json.encode(order)) + _BYTES_OF_A_SEND
        if self._bytes_waiting[workspace_id] + size > _MOST_BYTES_WAITING:
            raise SendRefusedError("too many messages of this workspace are waiting")
        queue = self._queues.setdefault(place, _Queue())
        if len(queue.tasks) >= _MOST_WAITING:
            raise SendRefusedError("too many messages of this conversation are waiting")
        task = asyncio.create_task(self._send(queue.lock, name, route, order))
        queue.tasks.add(task)
        self._under_way[name] = task
        self._bytes_waiting[workspace_id] += size

        def settled(task: asyncio.Task[Message]) -> None:
            del self._under_way[name]
            self._bytes_waiting[workspace_id] -= size
            self._settled(place, task)
            # "the same send, unless that one failed": a failed one may be tried again
            if order.client_id and not task.cancelled() and task.exception() is None:
                self._remember(name, task.result().id)

        task.add_done_callback(settled)
        return task

    def _settled(self, place: _Place, task: asyncio.Task[Message]) -> None:
        queue = self._queues[place]
        queue.tasks.discard(task)
        if not queue.tasks:
            del self._queues[place]
        if not task.cancelled():
            task.exception()  # seen: the one who asked may have gone

    def _remember(self, name: uuid.UUID, message_id: str) -> None:
        self._sent[name] = message_id
        if len(self._sent) > _MOST_REMEMBERED:
            self._sent.popitem(last=False)

    async def _send(
        self, lock: asyncio.Lock, name: uuid.UUID, route: Route, order: Order
    ) -> Message:
        try:
            async with asyncio.timeout(self._timeout_s), lock:
                receipt = await self._provider.send(route, self._outgoing(order))
                return self._enter(order, route, _sent(order, receipt))
        except (ProviderError, TimeoutError) as error:
            reason = str(error) or f"the provider did not answer within {self._timeout_s:g} s"
            _log.warning("send failed", instance=route.instance, reason=reason)
            self._enter(order, route, _draft(order, f"failed-{name}", Status.FAILED))
            raise SendFailedError(reason) from None

    def _outgoing(self, order: Order) -> Outgoing:
        quoted = self._store.message(order.workspace_id, order.reply_to or "")
        quoted_key_id = None if quoted is None else (quoted.metadata or {}).get("providerMessageId")
        return Outgoing(
            type=order.type,
            content=order.content,
            attachment=order.attachment,
            quoted_key_id=quoted_key_id,
        )

    def _enter(self, order: Order, route: Route, draft: Draft) -> Message:
        """Enter the message; its conversation is opened anew, should the bounds have let it go."""
        conversation_id = self._store.open(order.workspace_id, route)
        return self._store.add(order.workspace_id, conversation_id, draft)


def _sent(order: Order, receipt: Receipt) -> Draft:
    return _draft(
        order,
        message_id(receipt.key_id),
        Status.SENT,
        provider_id=receipt.key_id,
        second=receipt.second,
    )


def _name(place: _Place, order: Order) -> uuid.UUID:
    """Name a send: the same again with the same client id of the same sender, else a new one.

    So is a send that is tried again, and fails again, still the one message that failed.
    """
    if not order.client_id:
        return uuid.uuid4()
    return uuid.uuid5(uuid.NAMESPACE_OID, repr((*place, order.sender, order.client_id)))


def _draft(
    order: Order,
    id: str,
    status: Status,
    *,
    provider_id: str | None = None,
    second: int | None = None,
) -> Draft:
    attachments = () if order.attachment is None else (replace(order.attachment, message_id=id),)
    return Draft(
        id=id,
        sender_id=order.user_id,
        type=order.type,
        content=order.content,
        status=status,
        second=second,
        provider_id=provider_id,
        client_id=order.client_id,
        reply_to=order.reply_to,
        attachments=attachments,
    )
