"""WhatsApp as it tells a server what happens: the bodies of the webhook (section 5), posted."""

from __future__ import annotations

import itertools
import secrets
import time
from typing import Any, Final

from msgspec import Struct

from chatengine.events import WEBHOOK_PATH
from conformance.probes.http import Answer, Http
from conformance.probes.trace import Trace
from fakes.evolution.bodies import (
    Account,
    Contact,
    Content,
    connection_update,
    message_data,
    messages_update,
    messages_upsert,
)

__all__ = ["Entered", "Number", "Webhook"]

_SERVER_URL: Final = "http://evolution.invalid"
"""What a webhook says of its sender; nobody has to call it."""

_NAME: Final = "Maria Souza"


class Number(Struct, frozen=True):
    """A WhatsApp number of a workspace: the instance that names it, and the two ids."""

    instance: str
    workspace_id: str
    whatsapp_number_id: str | None = None


class Entered(Struct, frozen=True, kw_only=True):
    """A message that was posted to the webhook, and accepted."""

    key_id: str
    conversation: str
    number: Number
    text: str
    second: int
    body: dict[str, Any]

    @property
    def id(self) -> str:
        """The id of the message that it has to become."""
        return f"evo-{self.key_id}"

    @property
    def names(self) -> tuple[str, str]:
        """What a `messageStatus` may call it."""
        return self.id, self.key_id


class Webhook:
    """What customers write and WhatsApp acknowledges, to `number` unless another is named."""

    def __init__(self, http: Http, number: Number, trace: Trace) -> None:
        self.number = number
        self._http = http
        self._trace = trace
        self._texts = itertools.count(1)

    async def post(self, body: Any) -> Answer:
        """Post any body."""
        return await self._http.call("POST", WEBHOOK_PATH, json=body)

    async def accepted(self, body: Any) -> None:
        """Post a body that has to be answered 200."""
        await self._http.ask("POST", WEBHOOK_PATH, 200, json=body)

    def key_id(self) -> str:
        """A fresh id, as an Android phone gives one; a server remembers those of earlier runs."""
        return f"AC{secrets.token_hex(15).upper()}"

    async def writes(
        self,
        conversation: str,
        text: str | None = None,
        *,
        number: Number | None = None,
        **how: Any,
    ) -> Entered:
        """A customer writes a text, accepted when this returns; `how` as of `entry`."""
        content = Content(text=text or f"Olá, tudo bem? {next(self._texts)}")
        entered = self.entry(conversation, content, number=number, **how)
        await self.accepted(entered.body)
        return entered

    def entry(
        self,
        conversation: str,
        content: Content,
        *,
        number: Number | None = None,
        key_id: str | None = None,
        second: int | None = None,
        from_me: bool = False,
        message: dict[str, Any] | None = None,
        participant: str | None = None,
    ) -> Entered:
        """Build a message that can be posted.

        `second` is its moment since the epoch, by default now; `message` takes the place of what
        `content` would be in WhatsApp's words.
        """
        number = number or self.number
        key_id = key_id or self.key_id()
        second = int(time.time()) if second is None else second
        account = Account.of(number.instance, 1)
        data = message_data(
            account,
            Contact(conversation, _NAME),
            content,
            key_id=key_id,
            from_me=from_me,
            second=second,
            status="DELIVERY_ACK",
        )
        if message is not None:
            data |= {"message": message, "messageType": next(iter(message), "")}
        if participant is not None:
            data["key"]["participant"] = participant
        return Entered(
            key_id=key_id,
            conversation=conversation,
            number=number,
            text=content.text,
            second=second,
            body=messages_upsert(account, data, **_where()),
        )

    async def acknowledges(
        self, entered: Entered, status: str | int, *, number: Number | None = None, **how: Any
    ) -> None:
        """WhatsApp acknowledges a message; `how` is the `shape` of the body."""
        self._trace.note("whatsapp", "acknowledges", key_id=entered.key_id, status=status)
        await self.accepted(self.acknowledgement(entered, status, number=number, **how))

    def acknowledgement(
        self,
        entered: Entered,
        status: str | int,
        *,
        number: Number | None = None,
        shape: Any = "flat",
    ) -> dict[str, Any]:
        """Build an acknowledgement, by name or number, in one of the shapes of section 5."""
        account = Account.of((number or entered.number).instance, 1)
        named: Any = status
        return messages_update(
            account, entered.conversation, entered.key_id, named, shape, **_where()
        )

    async def changes_connection(self, number: Number, state: str) -> None:
        """The number itself opens, closes or connects."""
        await self.accepted(connection_update(Account.of(number.instance, 1), state, **_where()))


def _where() -> dict[str, Any]:
    now_ms = time.time_ns() // 1_000_000
    return {"now_ms": now_ms, "destination": "", "server_url": _SERVER_URL}
