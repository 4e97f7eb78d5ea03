"""What the fake ChatEngine remembers: an interface, so that another store can stand in.

The rules are the contract's: an id enters a workspace once (S-MSG-4); a status only rises, and one
that comes before its message waits for it (S-STA-2, S-STA-3); within a workspace a conversation is
one customer on one of its numbers (section 2). Workspaces share nothing (S-ISO-1, S-ISO-2).

Whoever wants to know of changes listens: each is told once, in the order in which they entered,
within the call that made them.
"""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from chatengine.payloads import Attachment, Conversation, Message, MessageType
from chatengine.status import Status

__all__ = [
    "Bounds",
    "Change",
    "ConversationRead",
    "Draft",
    "Listener",
    "MessageAdded",
    "Route",
    "StatusRaised",
    "Store",
]


class Bounds(Struct, frozen=True, kw_only=True):
    """What a store keeps of each workspace; beyond it the oldest go first.

    `messages` counts the messages known by id, in the order of entry: for as long as one is known,
    its webhook is recognised as a repetition. Of those, a conversation shows its newest
    `messages_per_conversation`. Of `conversations` the one longest without a message goes, with
    its messages; of `early_statuses` the one that has waited longest. `bytes` bounds the messages
    too, each counted as its JSON.
    """

    messages: int = 100_000
    bytes: int = 256 * 1024 * 1024
    messages_per_conversation: int = 10_000
    conversations: int = 20_000
    early_statuses: int = 20_000


class Route(Struct, frozen=True):
    """How a conversation reaches its customer: the instance, its number, the customer's JID."""

    instance: str
    number_id: str | None
    remote_jid: str

    @property
    def number(self) -> str:
        """What tells this number from the workspace's others: its id, or its only instance."""
        return self.number_id or f"instance {self.instance}"


class Draft(Struct, frozen=True, kw_only=True):
    """A message that enters: `second` is its moment since the epoch, None for now.

    `provider_id` is None for a message that the provider never took. `name` is what the sender
    is called, where that is known.
    """

    id: str
    sender_id: str
    type: MessageType
    content: str
    status: Status
    second: int | None = None
    provider_id: str | None = None
    client_id: str | None = None
    reply_to: str | None = None
    attachments: tuple[Attachment, ...] = ()
    name: str = ""
    from_customer: bool = False


class MessageAdded(Struct, frozen=True):
    """A message entered. `early`: a status had been waiting for it, and is in it already."""

    message: Message
    conversation: Conversation
    early: bool


class StatusRaised(Struct, frozen=True):
    """A message's status rose to what it is now."""

    message: Message


class ConversationRead(Struct, frozen=True):
    """An agent has seen a conversation's messages: none is unread any more."""

    workspace_id: str
    conversation_id: str


Change = MessageAdded | StatusRaised | ConversationRead
Listener = Callable[[Change], None]


class Store(Protocol):
    """Conversations and messages by workspace; every call is done when it returns."""

    def listen(self, listener: Listener) -> None:
        """Tell `listener` of every change from now on."""

    def open(self, workspace_id: str, route: Route) -> str:
        """Return the id of the conversation on `route`, made if need be.

        The first number on which a customer writes gets the JID as the id, any other a UUID.
        """

    def route(self, workspace_id: str, conversation_id: str) -> Route | None:
        """Return how a conversation reaches its customer; None for an unknown one."""

    def add(self, workspace_id: str, conversation_id: str, draft: Draft) -> Message:
        """Enter a message into an opened conversation; what has its id already stays instead."""

    def raise_status(self, workspace_id: str, provider_id: str, status: Status) -> None:
        """Raise a message's status, or keep it for the message to come; a lower one is ignored."""

    def mark_read(self, workspace_id: str, conversation_id: str) -> None:
        """Count the conversation's messages as seen by an agent."""

    def message(self, workspace_id: str, message_id: str) -> Message | None:
        """Return a message by its id."""

    def messages(
        self, workspace_id: str, conversation_id: str, *, since_ms: int | None, limit: int
    ) -> list[Message]:
        """Oldest first: the first `limit` from `since_ms` on; without it the last `limit`."""

    def conversation(self, workspace_id: str, conversation_id: str) -> Conversation | None:
        """Return a conversation that has a message."""

    def conversations(self, workspace_id: str) -> list[Conversation]:
        """Return the conversations that have a message, the latest message first."""

    def unread(self, workspace_id: str, conversation_id: str) -> int:
        """Count the customer's messages that entered since `mark_read`."""
