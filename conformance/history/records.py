"""A history: what the harness did and what each side observed, on one monotonic clock.

One record a line, a JSON object with `at_us` (microseconds of the harness's monotonic clock: when
it was over, or seen), `who` did or saw it, and `what` it was: the name in quotes below. Lines end
at `\n`, unknown fields are ignored, a field at its default may be missing. A new kind of record or
another meaning is another `VERSION`. Names and texts are a stranger's: data, never markup.

What takes time has `began_us` too; between the two moments it took effect, or, where its outcome
is `unknown`, at any moment from `began_us` on or never.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

__all__ = [
    "EVERYBODY",
    "VERSION",
    "Actor",
    "Began",
    "Closed",
    "Dropped",
    "Entered",
    "Fault",
    "Held",
    "History",
    "HistoryError",
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
    "parse",
    "read",
    "to_lines",
    "write",
]

VERSION: Final = 1

EVERYBODY: Final = "*"
"""The `who` of a fence that holds for each observer."""

_MOST_RECORDS: Final = 2_000_000
"""About a gigabyte of records in memory; a load run writes a twentieth of it."""

_QUOTED: Final = 120

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
)
Observation: TypeAlias = Shown | Listed | Held | Received | StatusReceived
Record: TypeAlias = Operation | Observation
History: TypeAlias = Sequence[Record]


class HistoryError(ValueError):
    """A history that cannot be read or written; its text is one sentence."""


def to_lines(records: Iterable[Record]) -> Iterator[bytes]:
    r"""Yield each record as a line, its `\n` included."""
    for record in records:
        yield _encoder.encode(record) + b"\n"


def write(path: Path, records: Iterable[Record]) -> None:
    """Write a history, and the folder it lies in; raises `HistoryError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.writelines(to_lines(records))
    except OSError as error:
        raise HistoryError(f"{path} cannot be written: {error.strerror}") from None


def read(path: Path) -> History:
    """Read a history, in the order of its moments; raises `HistoryError` for the first bad line."""
    try:
        with path.open("rb") as file:
            return parse(file, str(path))
    except OSError as error:
        raise HistoryError(f"{path} cannot be read: {error.strerror}") from None


def parse(lines: Iterable[bytes], name: str = "the history") -> History:
    """Read lines; raises `HistoryError`, which calls the history by `name`.

    Records of one moment stay in their order: several processes may have written one file, each in
    its own order.
    """
    records = [_record(line, number, name) for number, line in enumerate(lines, 1) if line.strip()]
    if not records:
        raise HistoryError(f"{name} is empty")
    for record in records:
        if isinstance(record, Began) and record.version != VERSION:
            raise HistoryError(f"{name} has version {record.version}, and only {VERSION} is known")
    return sorted(records, key=lambda record: record.at_us)


def _record(line: bytes, number: int, name: str) -> Record:
    if number > _MOST_RECORDS:
        raise HistoryError(f"{name} has more than {_MOST_RECORDS} lines")
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError as error:
        wrong = str(error)[:_QUOTED]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        wrong = "it is no JSON"
    raise HistoryError(f"line {number} of {name} is no record: {wrong}")


_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[Record]] = msgspec.json.Decoder(Record)
