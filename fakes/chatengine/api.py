"""ChatEngine over HTTP (contract, section 4)."""

import re
import time
import uuid
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from chatengine import moments
from chatengine.payloads import Attachment, PayloadError, PostMessage, read
from chatengine.tokens import Claims, TokenError, verify
from fakes.chatengine.agents import user_of
from fakes.chatengine.answers import Refusal, read_json
from fakes.chatengine.attachments import FILES_PATH, Attachments, read_upload
from fakes.chatengine.outbox import Order, Outbox, SendFailedError, SendRefusedError
from fakes.chatengine.settings import ChatEngineSettings
from fakes.chatengine.store import Store
from fakes.control import reply

__all__ = ["Api"]

_USUAL_LIMIT: Final = 100
_MOST: Final = 500
_BARE_PLUS: Final = re.compile(r" (\d\d:?\d\d)\Z")
"""The offset of `since=...+02:00`, written without %2B: in a query a `+` is a space."""

_STATUS_OF_CODE: Final = {
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "forbidden": HTTPStatus.FORBIDDEN,
}


class Api:
    """The HTTP calls; `add_to` an application to serve them."""

    def __init__(
        self,
        settings: ChatEngineSettings,
        store: Store,
        outbox: Outbox,
        attachments: Attachments,
    ) -> None:
        self._settings = settings
        self._rules = settings.token_rules
        self._store = store
        self._outbox = outbox
        self._attachments = attachments

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        router = app.router
        router.add_get("/api/health", self._health)
        router.add_get("/api/chat/conversations", self._conversations)
        router.add_get("/api/chat/messages", self._messages)
        router.add_post("/api/chat/messages", self._post_message)
        router.add_post("/api/chat/attachments", self._post_attachment)
        router.add_get("/api/chat/messages/{id}/context", self._context)
        router.add_get(FILES_PATH + "/{id}/{name}", self._attachments.serve)

    async def _health(self, _: web.Request) -> web.Response:
        return reply({"status": "ok", "service": "fake-chatengine"})

    async def _conversations(self, request: web.Request) -> web.Response:
        claims = self._authorize(request)
        return reply(self._store.conversations(claims.workspace_id))

    async def _messages(self, request: web.Request) -> web.Response:
        claims = self._authorize(request)
        conversation_id = request.query.get("conversationId")
        if not conversation_id:
            raise Refusal(HTTPStatus.BAD_REQUEST, "conversationId is missing")
        messages = self._store.messages(
            claims.workspace_id,
            conversation_id,
            since_ms=_since(request.query.get("since")),
            limit=_limit(request.query.get("limit")),
        )
        return reply(messages)

    async def _post_message(self, request: web.Request) -> web.Response:
        claims = self._authorize(request)
        try:
            post = read(PostMessage, await read_json(request))
            message = await self._outbox.send(_order(claims, _sender(claims, request), post))
        except (PayloadError, SendRefusedError) as error:
            raise Refusal(HTTPStatus.BAD_REQUEST, str(error)) from None
        except SendFailedError as error:
            raise Refusal(HTTPStatus.BAD_GATEWAY, str(error)) from None
        return reply(message, HTTPStatus.CREATED)

    async def _post_attachment(self, request: web.Request) -> web.Response:
        self._authorize(request)
        file = await read_upload(request, self._settings.max_attachment)
        base_url = self._settings.public_url or f"{request.scheme}://{request.host}"
        return reply(self._attachments.keep(file, base_url), HTTPStatus.CREATED)

    async def _context(self, request: web.Request) -> web.Response:
        claims = self._authorize(request)
        message = self._store.message(claims.workspace_id, request.match_info["id"])
        if message is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "no such message")
        conversation = self._store.conversation(claims.workspace_id, message.conversation_id)
        return reply(
            {
                "message": message,
                "conversation": conversation,
                "workspace_id": claims.workspace_id,
            }
        )

    def _authorize(self, request: web.Request) -> Claims:
        """Verify the bearer token; raises `Refusal`: 401 without one, 403 without a workspace."""
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        try:
            given = token.strip() if scheme.lower() == "bearer" else None
            return verify(given, self._rules, now=time.time())
        except TokenError as error:
            raise Refusal(_STATUS_OF_CODE[error.code], error.reason) from None


def _since(text: str | None) -> int | None:
    """Read `since`; rounded down to the millisecond, so that a gap is closed rather than left."""
    if text is None:
        return None
    try:
        return moments.to_ms(_BARE_PLUS.sub(r"+\1", text))
    except moments.MomentError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"since: {error}") from None


def _limit(text: str | None) -> int:
    if text is None:
        return _USUAL_LIMIT
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) == 0:
        raise Refusal(HTTPStatus.BAD_REQUEST, "limit is not a whole number from 1 on")
    return min(int(text), _MOST)


def _sender(claims: Claims, request: web.Request) -> str:
    """Tell this sender from others: by the user, or by the token where it names none."""
    return claims.subject or f"token {request.headers[hdrs.AUTHORIZATION]}"


def _order(claims: Claims, sender: str, post: PostMessage) -> Order:
    return Order(
        workspace_id=claims.workspace_id,
        user_id=user_of(claims),
        sender=sender,
        conversation_id=post.conversation_id,
        type=post.type,
        content=post.content,
        client_id=post.client_message_id,
        reply_to=post.reply_to_message_id,
        attachment=_attachment(post),
        number_id=post.whatsapp_number_id,
    )


def _attachment(post: PostMessage) -> Attachment | None:
    """Read the file of a media message; a message of WhatsApp carries one, and a text none."""
    given = post.attachments or ()
    if len(given) != (post.type != "text"):
        wanted = "no attachment" if post.type == "text" else "one attachment"
        raise PayloadError(f"a message of type {post.type} has {wanted}")
    if not given:
        return None
    known = {"id": f"file-{uuid.uuid4()}", "messageId": "", "type": post.type}
    attachment = read(Attachment, known | given[0])
    if not attachment.url.startswith(("http://", "https://")):
        raise PayloadError("the attachment's url is not an http(s) URL")
    return attachment
