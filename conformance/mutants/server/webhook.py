"""How a server gets the webhook's own answers wrong (S-WHK)."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web
from msgspec.structs import replace

from chatengine import events, moments, webhooks
from chatengine.webhooks import Webhook, parse
from conformance.mutants.mutant import Seams, mutant
from fakes.chatengine import webhook
from fakes.chatengine.answers import Refusal, read_json
from fakes.chatengine.inbox import Inbox, UnknownInstanceError


@mutant("S-WHK-1")
def answers_any_body_with_200(seams: Seams) -> None:
    """Answers 200 whatever a webhook's body is, so that the provider does not try again."""

    @seams.function(webhook, "read_json")
    async def lenient(request: web.Request) -> Any:
        try:
            return await read_json(request)
        except Refusal:
            return {"event": "unreadable"}

    @seams.function(webhook, "parse")
    def understood(body: object) -> Webhook:
        try:
            return parse(body)
        except webhooks.WebhookError:
            return Webhook("unreadable", "sales-1", ())


@mutant("S-WHK-1")
def makes_up_a_key_id(seams: Seams) -> None:
    """Gives a message without a key id one of its own."""
    identifier = webhooks._id

    @seams.function(webhooks, "_id")
    def made_up(value: object, name: str) -> str:
        return identifier(value or f"made-{moments.from_ms(int(time.time() * 1000))}", name)


@mutant("S-WHK-1")
def takes_unknown_instances_in(seams: Seams) -> None:
    """Answers 200 to a webhook of an instance that it does not know."""
    receive = Inbox.receive

    @seams.function(Inbox, "receive")
    async def anybody(self: Inbox, webhook: Webhook) -> None:
        try:
            await receive(self, webhook)
        except UnknownInstanceError:
            return


@mutant("S-WHK-1")
def takes_unknown_instances_for_the_first(seams: Seams) -> None:
    """Enters what an unknown instance tells into the first workspace."""
    receive = Inbox.receive

    @seams.function(Inbox, "receive")
    async def first(self: Inbox, webhook: Webhook) -> None:
        if webhook.instance not in self._instances:
            webhook = replace(webhook, instance=next(iter(self._instances)))
        await receive(self, webhook)


@mutant("S-WHK-2")
def knows_no_probe(seams: Seams) -> None:
    """Answers `GET` on the webhook 405."""
    add_get = web.UrlDispatcher.add_get

    @seams.function(web.UrlDispatcher, "add_get")
    def but_that(
        self: web.UrlDispatcher,
        path: str,
        handler: Any,
        *,
        name: str | None = None,
        allow_head: bool = True,
        **kwargs: Any,
    ) -> Any:
        if path == events.WEBHOOK_PATH:
            return None
        return add_get(self, path, handler, name=name, allow_head=allow_head, **kwargs)
