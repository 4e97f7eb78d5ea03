"""The JSON of Evolution API v2: webhook bodies and messages. Nothing here does I/O.

Shapes as in evolution-api 2.3 (`prepareMessage`, `webhook.controller.ts`) and contract, section 5.
"""

import secrets
from typing import Any, Final, Literal
from uuid import uuid4

from msgspec import Struct

from chatengine.moments import from_ms
from fakes.environment import Secret

__all__ = [
    "Account",
    "Contact",
    "Content",
    "Kind",
    "connection_update",
    "customer_id",
    "envelope",
    "message_data",
    "messages_update",
    "messages_upsert",
    "own_id",
]

Kind = Literal["text", "image", "video", "audio", "document"]
Shape = Literal["flat", "key", "list"]

_MIME_TYPES: Final[dict[Kind, str]] = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "audio": "audio/ogg; codecs=opus",
    "document": "application/pdf",
}


class Account(Struct, frozen=True):
    """A WhatsApp number behind an instance: its own JID, and Evolution's id and token for it."""

    instance: str
    own_jid: str
    instance_id: str
    token: Secret

    @classmethod
    def of(cls, instance: str, index: int) -> "Account":
        """Make up the account of the `index`-th instance, with a fresh id and token."""
        own_jid = f"551140{index:06d}@s.whatsapp.net"
        return cls(instance, own_jid, str(uuid4()), Secret(uuid4().hex.upper()))


class Contact(Struct, frozen=True):
    """Someone on WhatsApp: a JID and the name they gave themselves."""

    jid: str
    name: str


class Content(Struct, frozen=True, kw_only=True):
    """What a message holds; `text` is the caption of media, `url` where WhatsApp keeps the file."""

    kind: Kind = "text"
    text: str = ""
    url: str = ""
    mimetype: str = ""
    filename: str = ""
    size: int = 0
    quoted_id: str = ""


def own_id() -> str:
    """Make an id as Baileys gives a message it sends: `3EB0` and 18 hexadecimal digits."""
    return "3EB0" + secrets.token_hex(9).upper()


def customer_id() -> str:
    """Make an id as an Android phone gives a message: 32 hexadecimal digits."""
    return "AC" + secrets.token_hex(15).upper()


def message_data(
    account: Account,
    contact: Contact,
    content: Content,
    *,
    key_id: str,
    from_me: bool,
    second: int,
    status: str,
) -> dict[str, Any]:
    """Build the `data` of a message: of `messages.upsert`, and the answer to a send alike."""
    message_type, message = _message(content)
    data: dict[str, Any] = {
        "key": {"remoteJid": contact.jid, "fromMe": from_me, "id": key_id},
        "pushName": "Você" if from_me else contact.name,
        "status": status,
        "message": message,
        "messageType": message_type,
        "messageTimestamp": second,
        "instanceId": account.instance_id,
        "source": "web" if from_me else "android",
    }
    if content.quoted_id:
        data["contextInfo"] = {"stanzaId": content.quoted_id, "participant": contact.jid}
    return data


def _message(content: Content) -> tuple[str, dict[str, Any]]:
    if content.kind == "text":
        return "conversation", {"conversation": content.text}
    part: dict[str, Any] = {
        "url": content.url,
        "mimetype": content.mimetype or _MIME_TYPES[content.kind],
        "fileLength": str(content.size),  # protobuf's JSON writes 64-bit numbers as text
    }
    if content.text and content.kind != "audio":  # WhatsApp knows no caption of a voice message
        part["caption"] = content.text
    if content.kind == "document":
        part["fileName"] = part["title"] = content.filename or "document.pdf"
    name = f"{content.kind}Message"
    return name, {name: part}


def messages_upsert(account: Account, data: dict[str, Any], **where: Any) -> dict[str, Any]:
    """Build the webhook of a message; `where` as of `envelope`."""
    return envelope("messages.upsert", account, data, **where)


def messages_update(
    account: Account, jid: str, key_id: str, status: str, shape: Shape, **where: Any
) -> dict[str, Any]:
    """Build the webhook of an acknowledgement, in one of the shapes of contract section 5."""
    data: dict[str, Any] | list[dict[str, Any]]
    if shape == "flat":
        data = {
            "keyId": key_id,
            "remoteJid": jid,
            "fromMe": True,
            "status": status,
            "instanceId": account.instance_id,
        }
    else:
        key = {"remoteJid": jid, "fromMe": True, "id": key_id}
        data = {"key": key, "update": {"status": status}}
    return envelope("messages.update", account, [data] if shape == "list" else data, **where)


def connection_update(account: Account, state: str, **where: Any) -> dict[str, Any]:
    """Build the webhook of the number's own state: `open`, `close` or `connecting`."""
    reason = 428 if state == "close" else 200  # 428: Baileys' `connectionClosed`
    data = {"instance": account.instance, "state": state, "statusReason": reason}
    return envelope("connection.update", account, data, **where)


def envelope(
    event: str, account: Account, data: object, *, now_ms: int, destination: str, server_url: str
) -> dict[str, Any]:
    """Wrap `data` as every webhook of Evolution is wrapped."""
    return {
        "event": event,
        "instance": account.instance,
        "data": data,
        "destination": destination,
        "date_time": from_ms(now_ms),
        "sender": account.own_jid,
        "server_url": server_url,
        "apikey": str(account.token),
    }
