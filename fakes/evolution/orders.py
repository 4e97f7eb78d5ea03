"""The bodies of sends, read as Evolution reads them: same fields, same complaints, no I/O.

Complaints are those of `message.schema.ts` and `sendMessage.controller.ts` in evolution-api 2.3:
a list of one list where the schema is not met, a list of one sentence where a rule is broken.
"""

import base64
import binascii
import re
from typing import Any, Final

from msgspec import Struct

from fakes.environment import is_http_url
from fakes.evolution.bodies import Content, Kind

__all__ = ["BadOrder", "Order", "read_media", "read_text"]

_KINDS: Final[tuple[Kind, ...]] = ("image", "document", "video", "audio")
_ADDRESSED: Final = ("@s.whatsapp.net", "@g.us", "@lid", "@broadcast")
_SHORTEST_GROUP: Final = 18  # digits: a group's id is longer than any phone number


class BadOrder(ValueError):
    """A body that Evolution answers with 400; `message` is what stands under `response`."""

    def __init__(self, *message: object) -> None:
        super().__init__(*message)
        self.message = list(message)


class Order(Struct, frozen=True):
    """A send that was understood: the number as given, the JID it stands for, and what to send."""

    number: str
    remote_jid: str
    content: Content


def read_text(body: dict[str, Any]) -> Order:
    """Read the body of `sendText`; raises `BadOrder`."""
    _check(body, required=("number", "text"))
    if not body["text"].strip():
        raise BadOrder("Text is required")
    content = Content(text=body["text"], quoted_id=_quoted_id(body))
    return Order(body["number"], jid_of(body["number"]), content)


def read_media(body: dict[str, Any]) -> Order:
    """Read the body of `sendMedia`: `media` is a URL or base64; raises `BadOrder`."""
    _check(body, required=("number", "mediatype"))
    if body["mediatype"] not in _KINDS:
        raise BadOrder([f"mediatype is not one of enum values: {','.join(_KINDS)}"])
    media = body.get("media", "")
    in_body = _base64_size(media)
    if in_body and body["mediatype"] == "document" and not body.get("fileName"):
        raise BadOrder("For base64 the file name must be informed.")
    if not in_body and not is_http_url(media):
        raise BadOrder("Owned media must be a url or base64")
    content = Content(
        kind=body["mediatype"],
        text=body.get("caption", ""),
        url="" if in_body else media,
        mimetype=body.get("mimetype", ""),
        filename=body.get("fileName", ""),
        size=in_body,
        quoted_id=_quoted_id(body),
    )
    return Order(body["number"], jid_of(body["number"]), content)


def _check(body: dict[str, Any], required: tuple[str, ...]) -> None:
    """Complain of everything at once, as a JSON schema does."""
    texts = ("number", "text", "mediatype", "media", "mimetype", "fileName", "caption")
    wrong = ["Invalid format" if name == "number" else f"{name} is not of a type(s) string"
             for name in texts if name in body and not isinstance(body[name], str)]  # fmt: skip
    missing = [f'instance requires property "{name}"' for name in required if name not in body]
    if wrong or missing:
        raise BadOrder([*wrong, *missing])


def _quoted_id(body: dict[str, Any]) -> str:
    quoted = body.get("quoted")
    key = quoted.get("key") if isinstance(quoted, dict) else None
    key_id = key.get("id") if isinstance(key, dict) else None
    return key_id if isinstance(key_id, str) else ""


def jid_of(number: str) -> str:
    """A JID stays what it is; of a bare number the digits count (`createJid`).

    Evolution then asks WhatsApp which form of a Brazilian number exists, with the ninth digit or
    without; here the form given is the one that exists.
    """
    if any(server in number for server in _ADDRESSED):
        return re.sub(r":\d+", "", number)  # `:12` names one of the customer's devices
    digits = re.sub(r"\D", "", re.split("[:@]", number)[0])
    jid = f"{digits}@{'g.us' if len(digits) >= _SHORTEST_GROUP else 's.whatsapp.net'}"
    if not digits:
        raise BadOrder({"jid": jid, "exists": False, "number": number})
    return jid


def _base64_size(media: str) -> int:
    """How many bytes `media` is in base64; 0 where it is something else."""
    try:
        return len(base64.b64decode(media, validate=True))
    except (binascii.Error, ValueError):
        return 0
