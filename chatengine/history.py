"""A history: what a run did and what each side observed, on one monotonic clock.

Load runs and conformance runs write it alike, and the same checkers judge both
(`conformance.history`). One record a line, a JSON object with `at_us` (microseconds of the run's
monotonic clock: when it was over, or seen), `who` did or saw it, and `what` it was: the name in
quotes below. Lines end at `\n`, unknown fields are ignored, a field at its default may be missing.
A new kind of record or another meaning is another `VERSION`. Names and texts are a stranger's:
data, never markup.

What takes time has `began_us` too; between the two moments it took effect, or, where its outcome
is `unknown`, at any moment from `began_us` on or never.
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

__all__ = [
    "EVERYBODY",
    "MOST_RECORDS",
    "VERSION",
    "Actor",
    "Began",
    "Closed",
    "Dropped",
    "Entered",
    "Fault",
    "Held",
    "History",
    "LeftOut",
    "Listed",
    "ListedConversation",
    "Opened",
    "Operation",
    "Outcome",
    "Received",
    "Record",
    "Sent",
    "Settled",
    "Shown",
    "ShownMessage",
    "StatusEntered",
    "StatusReceived",
    "Stopped",
    "Subscribed",
    "Unsubscribed",
    "name_of",
]

VERSION: Final = 1

EVERYBODY: Final = "*"
"""The `who` of a fence that holds for each observer."""

MOST_RECORDS: Final = 2_000_000
"""About a gigabyte of records in memory; a load run writes a twentieth of it."""

Outcome: TypeAlias = Literal["ok", "refused", "unknown"]
"""`ok`: it took effect. `refused`: it never will. `unknown`: the answer was lost (or was a 5xx)."""


def name_of(message_id: str) -> str:
    """The name that all copies of a message share: `evo-<x>` is `<x>` (contract, section 5)."""
    return message_id.removeprefix("evo-") or message_id


class _Record(Struct, frozen=True, kw_only=True, tag_field="what", omit_defaults=True):
    """What every record has."""

    at_us: int
    who: str


class _Action(_Record, frozen=True, kw_only=True):
    """Something the harness did, which took time and may have come to nothing."""

    began_us: int | None = None
    outcome: Outcome = "ok"

    @property
    def since_us(self) -> int:
        """The first moment at which it may have had an effect."""
        return self.at_us if self.began_us is None else self.began_us


class _Giving(_Action, frozen=True, kw_only=True):
    """Something was given to the system about a message, by one of its ids."""

    message: str

    @property
    def name(self) -> str:
        """The name that it shares with the message's other copies."""
        return name_of(self.message)


class _Hearing(_Record, frozen=True, kw_only=True):
    """A socket heard of a message, by one of its ids."""

    message: str

    @property
    def name(self) -> str:
        """The name that it shares with the message's other copies."""
        return name_of(self.message)


# What the harness did


class Began(_Record, frozen=True, kw_only=True, tag="began"):
    """The first record. `scope` is the server's `message_scope`, `seed` what governed the run."""

    version: int
    about: str = ""
    scope: Literal["conversation", "workspace"] = "conversation"
    seed: int | None = None


class Actor(_Record, frozen=True, kw_only=True, tag="actor"):
    """From now on `who` observes, as an agent of this workspace and, where chosen, this number.

    A `client` shows what a user sees; a `socket` receives events, and all that it subscribes to is
    in the history.
    """

    workspace: str
    kind: Literal["client", "socket"] = "client"
    number: str | None = None


class Entered(_Giving, frozen=True, kw_only=True, tag="entered"):
    """A message was given to the system: posted to the webhook, taken by the provider, stored.

    `message` is its provider id, or its id where it has none; the same one again is a repetition.
    `created_ms` and `body` are given where they are known exactly, `number` is the WhatsApp number,
    `client_id` that of the send which the provider took.
    """

    conversation: str
    workspace: str
    created_ms: int | None = None
    body: str | None = None
    number: str | None = None
    client_id: str | None = None


class StatusEntered(_Giving, frozen=True, kw_only=True, tag="status"):
    """A status was given to the system, by its wire name; `message` as in `Entered`."""

    status: str


class Sent(_Action, frozen=True, kw_only=True, tag="sent"):
    """The user of client `who` sent a text; `client_id` is the client's own id of it."""

    conversation: str
    client_id: str


class Opened(_Record, frozen=True, kw_only=True, tag="opened"):
    """The user of client `who` opened a conversation; opened twice it is left by the last close."""

    conversation: str


class Closed(_Record, frozen=True, kw_only=True, tag="closed"):
    """The user of client `who` left a conversation."""

    conversation: str


class Subscribed(_Action, frozen=True, kw_only=True, tag="subscribed"):
    """Socket `who` subscribed, and had its acknowledgement where the outcome is `ok`."""

    conversation: str


class Unsubscribed(_Action, frozen=True, kw_only=True, tag="unsubscribed"):
    """Socket `who` unsubscribed, and had its acknowledgement where the outcome is `ok`."""

    conversation: str


class Dropped(_Record, frozen=True, kw_only=True, tag="dropped"):
    """The connection of socket `who` is gone, and all its subscriptions with it."""


class Stopped(_Record, frozen=True, kw_only=True, tag="stopped"):
    """Client or socket `who` was stopped: nothing of it is open or remembered any more."""


class Fault(_Record, frozen=True, kw_only=True, tag="fault"):
    """Something went wrong on purpose, or was made good. For the reader; no checker asks."""

    fault: str


class Settled(_Record, frozen=True, kw_only=True, tag="settled"):
    """The fence: what had taken effect by `upto_us` has had its time to reach `who`.

    Written when a message that was sent behind it has arrived, or when the time that is promised is
    over. What has not reached `who` by `at_us` is lost.
    """

    upto_us: int


class LeftOut(_Record, frozen=True, kw_only=True, tag="left out"):
    """From here on, records of `who` are missing; `why` is the end of a sentence.

    What the history does not hold may have happened all the same.
    """

    why: str


# What was observed


class ShownMessage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message as a client shows it."""

    id: str
    status: str
    created_ms: int
    external_id: str | None = None
    client_id: str | None = None

    @property
    def provider(self) -> str | None:
        """The provider's id, told or to be read off the message's own; None before there is one."""
        if self.external_id:
            return name_of(self.external_id)
        return None if name_of(self.id) == self.id else name_of(self.id)

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which the harness may know it, the provider's first.

        The id of a row is a UUID of its own, and the provider's what all know (section 6).
        """
        own = name_of(self.id)
        return (own,) if self.provider in (None, own) else (self.provider or own, own)


class Shown(_Record, frozen=True, kw_only=True, tag="shown"):
    """All that client `who` shows of a conversation, in the order shown: the newest first."""

    conversation: str
    messages: tuple[ShownMessage, ...]


class ListedConversation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the list of conversations."""

    id: str
    workspace: str | None = None
    last_message_ms: int | None = None
    preview: str | None = None


class Listed(_Record, frozen=True, kw_only=True, tag="listed"):
    """The list of conversations as client `who` shows it."""

    conversations: tuple[ListedConversation, ...]


class Held(_Record, frozen=True, kw_only=True, tag="held"):
    """What a server holds open for client `who`: a conversation as often as it is subscribed.

    The first one behind a fence is judged.
    """

    conversations: tuple[str, ...]
    by: Literal["websocket", "supabase"] = "websocket"


class Received(_Hearing, frozen=True, kw_only=True, tag="received"):
    """A `message` event reached socket `who`; `message` is its id."""

    conversation: str
    status: str | None = None
    client_id: str | None = None


class StatusReceived(_Hearing, frozen=True, kw_only=True, tag="told"):
    """A `messageStatus` event reached socket `who`."""

    status: str


Operation: TypeAlias = (
    Began
    | Actor
    | Entered
    | StatusEntered
    | Sent
    | Opened
    | Closed
    | Subscribed
    | Unsubscribed
    | Dropped
    | Stopped
    | Fault
    | Settled
    | LeftOut
)
Observation: TypeAlias = Shown | Listed | Held | Received | StatusReceived
Record: TypeAlias = Operation | Observation
History: TypeAlias = Sequence[Record]
