"""`/api/webhooks/whatsapp`: where the provider brings what happened (contract, section 5)."""

import asyncio
from http import HTTPStatus

from aiohttp import web

from chatengine import events
from chatengine.webhooks import WebhookError, parse
from fakes.chatengine.answers import Refusal, read_json
from fakes.chatengine.faults import Faults
from fakes.chatengine.inbox import Inbox, UnknownInstanceError
from fakes.control import reply
from fakes.logs import Log

__all__ = ["add_webhook"]

_log = Log(__name__)


def add_webhook(app: web.Application, inbox: Inbox, faults: Faults) -> None:
    """Add the webhook's routes; the provider probes it with GET (S-WHK-2)."""

    async def probe(_: web.Request) -> web.Response:
        return reply({"status": "ok"})

    async def receive(request: web.Request) -> web.Response:
        body = await read_json(request)
        # No await from here to the inbox, which keeps the order: what entered first is stored and
        # put in line for the clients first, however many requests are under way (S-MSG-3).
        try:
            await inbox.receive(parse(body))
        except WebhookError as error:
            _log.warning("webhook refused", reason=str(error))
            raise Refusal(HTTPStatus.BAD_REQUEST, str(error)) from None
        except UnknownInstanceError:
            _log.warning("webhook refused", reason="no such instance")
            raise Refusal(HTTPStatus.FORBIDDEN, "no such instance") from None
        if faults.delays.webhooks_ms:
            await asyncio.sleep(faults.delays.webhooks_ms / 1000)
        return reply({"status": "ok"})

    app.router.add_get(events.WEBHOOK_PATH, probe)
    app.router.add_post(events.WEBHOOK_PATH, receive)
