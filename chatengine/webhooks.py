"""The webhook bodies of Evolution API v2, read and built (contract, section 5).

`parse` turns a body into what it means; it decides nothing about workspaces, duplicates or order,
which are the server's. The builders are what a provider, or a load generator in its place, sends.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from chatengine.payloads import LONGEST_ID, MessageType
from chatengine.status import Status

__all__ = [
    "ConnectionChange",
    "Inbound",
    "Media",
    "StatusChange",
    "Webhook",
    "WebhookError",
    "parse",
    "read_second",
    "status_update",
    "text_message",
]

_MEDIA: Final[dict[str, MessageType]] = {
    "imageMessage": "image",
    "videoMessage": "video",
    "audioMessage": "audio",
    "documentMessage": "file",
}
_WRAPPERS: Final = (
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "documentWithCaptionMessage",
)
_DEEPEST_WRAPPING: Final = 8  # WhatsApp nests two at most: ephemeral around view-once
_LATEST_SECOND: Final = 253_402_300_799  # the last second of the year 9999


class WebhookError(ValueError):
    """A body that is no Evolution webhook: the server answers 400 with this sentence."""


class Media(Struct, frozen=True):
    """The file of a media message; `metadata` has `filename`, `size`, `mimeType` where known."""

    url: str
    metadata: dict[str, Any]


class Inbound(Struct, frozen=True, kw_only=True):
    """A message that entered, by a customer or written on the phone itself (`from_me`).

    `second` is its moment in seconds since the epoch, None where the provider gave none.
    """

    key_id: str
    remote_jid: str
    from_me: bool
    participant: str | None
    push_name: str
    second: int | None
    type: MessageType
    content: str
    media: Media | None = None
    quoted_key_id: str | None = None


class StatusChange(Struct, frozen=True):
    """WhatsApp's acknowledgement of a message."""

    key_id: str
    status: Status


class ConnectionChange(Struct, frozen=True):
    """The state of the WhatsApp number itself."""

    state: str


class Webhook(Struct, frozen=True):
    """A body that was understood: the instance it is about, and what it says, in order.

    Kinds of event or message that the contract does not know leave `changes` empty.
    """

    event: str
    instance: str
    changes: tuple[Inbound | StatusChange | ConnectionChange, ...]


def parse(body: object) -> Webhook:
    """Read a decoded webhook body; raises `WebhookError` (S-WHK-1): no event, no key id.

    Nor is an id taken that is longer than `LONGEST_ID`: nobody could subscribe to it.
    """
    if not isinstance(body, dict):
        raise WebhookError("the body is not a JSON object")
    event = body.get("event")
    if not isinstance(event, str) or not event:
        raise WebhookError("no event")
    instance = body.get("instance")
    # Evolution writes MESSAGES_UPSERT in its settings and, by some transports, in its bodies.
    event = event.lower().replace("_", ".")
    changes = tuple(_changes(event, body.get("data")))
    return Webhook(event, instance if isinstance(instance, str) else "", changes)


def _changes(event: str, data: object) -> Iterator[Inbound | StatusChange | ConnectionChange]:
    if event == "messages.upsert":
        yield from filter(None, map(_inbound, _items(data)))
    elif event == "messages.update":
        yield from filter(None, map(_status_change, _items(data)))
    elif event == "connection.update":
        for item in _items(data):
            state = item.get("state")
            if isinstance(state, str) and state:
                yield ConnectionChange(state)


def _items(data: object) -> list[dict[str, Any]]:
    """`data` is one object or, as some versions send it, a list of them."""
    items: list[Any] = data if isinstance(data, list) else [data]
    if not all(isinstance(item, dict) for item in items):
        raise WebhookError("data is neither an object nor a list of objects")
    return items


def _inbound(item: dict[str, Any]) -> Inbound | None:
    key = _object(item.get("key"))
    key_id, remote_jid = _id(key.get("id"), "key id"), _id(key.get("remoteJid"), "remoteJid")
    participant = _text(key.get("participant")) or _text(item.get("participant"))
    message = _unwrapped(_object(item.get("message")))
    content = _content(message)
    if content is None:
        return None
    kind, text, media = content
    return Inbound(
        key_id=key_id,
        remote_jid=remote_jid,
        from_me=key.get("fromMe") is True,
        participant=_id(participant, "participant") if participant else None,
        push_name=_text(item.get("pushName")),
        second=read_second(item.get("messageTimestamp")),
        type=kind,
        content=text,
        media=media,
        quoted_key_id=_quoted(message, item),
    )


def _unwrapped(message: dict[str, Any]) -> dict[str, Any]:
    for _ in range(_DEEPEST_WRAPPING):
        # Some senders name every wrapper and leave those null that are not there.
        inner = next((m for name in _WRAPPERS if isinstance(m := message.get(name), dict)), None)
        if inner is None:
            break
        message = _object(inner.get("message"))
    return message


def _content(message: dict[str, Any]) -> tuple[MessageType, str, Media | None] | None:
    """Type, text and file of a message; None for kinds without one, and for an empty text."""
    extended = _object(message.get("extendedTextMessage"))
    text = _text(message.get("conversation")) or _text(extended.get("text"))
    if text:
        return "text", text, None
    for name, kind in _MEDIA.items():
        if isinstance(message.get(name), dict):
            return kind, _text(message[name].get("caption")), _media(message, message[name])
    return None


def _media(message: dict[str, Any], part: dict[str, Any]) -> Media:
    named = {
        "filename": _text(part.get("fileName")) or _text(part.get("title")),
        "size": _count(part.get("fileLength")),
        "mimeType": _text(part.get("mimetype")),
    }
    # `mediaUrl` is there where Evolution stores media itself; WhatsApp's own url is encrypted.
    url = _text(message.get("mediaUrl")) or _text(part.get("url"))
    return Media(url, {name: value for name, value in named.items() if value not in (None, "")})


def _count(value: object) -> int | None:
    """A whole number, also in digits as protobuf's JSON writes 64-bit ones; None for the rest."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None


def _quoted(message: dict[str, Any], item: dict[str, Any]) -> str | None:
    parts = [part for part in message.values() if isinstance(part, dict)]
    contexts = [_object(part.get("contextInfo")) for part in (*parts, message, item)]
    return next((_text(c.get("stanzaId")) for c in contexts if _text(c.get("stanzaId"))), None)


def read_second(value: object) -> int | None:
    """Read a `messageTimestamp`: a number, digits, or the `{low, high}` of a protobuf Long.

    None for anything else, and for what lies outside the years 1970 to 9999.
    """
    second = _count(_long(value) if isinstance(value, dict) else value)
    return second if second is not None and 0 < second <= _LATEST_SECOND else None


def _long(value: dict[str, Any]) -> int | None:
    """Put the halves of a Long together; JavaScript writes each as a signed 32-bit number."""
    low, high = value.get("low"), value.get("high", 0)
    if type(low) is not int or type(high) is not int:
        return None
    return (high << 32) | (low & 0xFFFF_FFFF)


def _status_change(item: dict[str, Any]) -> StatusChange | None:
    key_id = _id(_text(item.get("keyId")) or _object(item.get("key")).get("id"), "key id")
    value = item.get("status")
    if value is None:  # absent, or null beside the one in `update`
        value = _object(item.get("update")).get("status")
    status = Status.from_provider(value)
    return None if status is None else StatusChange(key_id, status)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _id(value: object, name: str) -> str:
    """Check an id, which has to be one that can be asked for and subscribed to."""
    text = _text(value)
    if not text:
        raise WebhookError(f"no {name}")
    if len(text) > LONGEST_ID:
        raise WebhookError(f"the {name} is longer than {LONGEST_ID} characters")
    return text


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def text_message(
    *,
    instance: str,
    remote_jid: str,
    key_id: str,
    text: str,
    second: int,
    from_me: bool = False,
    push_name: str = "",
) -> dict[str, Any]:
    """Build the `messages.upsert` body of a plain text, `second` since the epoch."""
    return {
        "event": "messages.upsert",
        "instance": instance,
        "data": {
            "key": {"remoteJid": remote_jid, "fromMe": from_me, "id": key_id},
            "pushName": push_name,
            "message": {"conversation": text},
            "messageType": "conversation",
            "messageTimestamp": second,
            "source": "android",
        },
    }


def status_update(
    *, instance: str, remote_jid: str, key_id: str, acknowledgement: str
) -> Mapping[str, Any]:
    """Build the `messages.update` body of one acknowledgement, e.g. `DELIVERY_ACK`."""
    return {
        "event": "messages.update",
        "instance": instance,
        "data": {
            "keyId": key_id,
            "remoteJid": remote_jid,
            "fromMe": True,
            "status": acknowledgement,
        },
    }
