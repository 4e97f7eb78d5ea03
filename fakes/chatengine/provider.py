"""The client of the WhatsApp provider: Evolution API v2 (contract, section 5, "Out")."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

import msgspec
from aiohttp import ClientError, ClientSession, TCPConnector
from msgspec import Struct
from yarl import URL

from chatengine.payloads import Attachment, MessageType
from chatengine.webhooks import read_second
from fakes.chatengine.settings import ProviderSettings
from fakes.chatengine.store import Route

__all__ = ["Outgoing", "Provider", "ProviderError", "Receipt", "provider"]

_MOST_CONNECTIONS: Final = 256
_MOST_BYTES: Final = 1024 * 1024
_PERSONAL: Final = "@s.whatsapp.net"


class ProviderError(Exception):
    """The provider did not take the message; its text is one sentence."""


class Outgoing(Struct, frozen=True, kw_only=True):
    """What is to be sent; `quoted_key_id` is the provider's id of the message replied to."""

    type: MessageType
    content: str
    attachment: Attachment | None = None
    quoted_key_id: str | None = None


class Receipt(Struct, frozen=True):
    """The provider took it: its id of the message, and its moment in seconds since the epoch."""

    key_id: str
    second: int | None


@asynccontextmanager
async def provider(settings: ProviderSettings) -> AsyncIterator["Provider"]:
    """Yield a provider that keeps its connections for as long as the block lasts."""
    connector = TCPConnector(limit=_MOST_CONNECTIONS)
    async with ClientSession(connector=connector) as session:
        yield Provider(settings, session)


class Provider:
    """Sends messages; a call lasts until the provider has answered, the caller sets the limit."""

    def __init__(self, settings: ProviderSettings, session: ClientSession) -> None:
        self._settings = settings
        self._session = session

    async def send(self, route: Route, outgoing: Outgoing) -> Receipt:
        """Hand a message to WhatsApp; raises `ProviderError`."""
        if self._settings.url is None:
            raise ProviderError("no provider is configured")
        call = "sendText" if outgoing.attachment is None else "sendMedia"
        address = f"{self._settings.url}/message/{call}/{quote(route.instance, safe='')}"
        try:
            async with self._session.post(
                URL(address, encoded=True),
                data=msgspec.json.encode(_body(route, outgoing)),
                headers={"apikey": self._settings.api_key, "Content-Type": "application/json"},
                allow_redirects=False,
            ) as response:
                answer = await response.content.read(_MOST_BYTES)
        except (ClientError, OSError, ValueError):
            raise ProviderError("the provider cannot be reached") from None
        if not 200 <= response.status < 300:
            raise ProviderError(f"the provider answered {response.status}")
        return _receipt(answer)


def _body(route: Route, outgoing: Outgoing) -> dict[str, Any]:
    # A customer is called by the bare number; groups and @lid addresses only by the whole JID.
    number = route.remote_jid.removesuffix(_PERSONAL)
    body: dict[str, Any] = {"number": number}
    if outgoing.attachment is None:
        body["text"] = outgoing.content
    else:
        body |= _media(outgoing.type, outgoing.content, outgoing.attachment)
    if outgoing.quoted_key_id is not None:
        body["quoted"] = {"key": {"id": outgoing.quoted_key_id}}
    return body


def _media(kind: MessageType, caption: str, attachment: Attachment) -> dict[str, Any]:
    known = attachment.metadata or {}
    media = {
        "mediatype": "document" if kind == "file" else kind,
        "media": attachment.url,
        "caption": caption,
        "mimetype": known.get("mimeType"),
        "fileName": known.get("filename"),
    }
    return {name: value for name, value in media.items() if value}


class _Key(Struct):
    id: str


class _Answer(Struct, rename="camel"):
    key: _Key
    message_timestamp: object = None


def _receipt(answer: bytes) -> Receipt:
    try:
        read = msgspec.json.decode(answer, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ProviderError("the provider's answer has no key id") from None
    if not read.key.id:
        raise ProviderError("the provider's answer has no key id")
    return Receipt(read.key.id, read_second(read.message_timestamp))
