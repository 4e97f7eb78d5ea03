"""How a server gets its HTTP interface wrong (S-REC-2, S-HTTP)."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware
from msgspec.structs import replace

from chatengine.payloads import Attachment, Conversation, Message
from chatengine.status import Status
from chatengine.tokens import Claims
from conformance.mutants.mutant import Seams, mutant
from fakes.chatengine import answers, api, app
from fakes.chatengine.answers import Refusal, cors, read_json
from fakes.chatengine.api import Api
from fakes.chatengine.attachments import Attachments, read_upload
from fakes.chatengine.memory_store import MemoryStore
from fakes.control import reply


def _answering(seams: Seams, otherwise: Any) -> None:
    """Answer history as `otherwise` does: called with all of it, `since_ms` and `limit`."""
    messages = MemoryStore.messages

    @seams.function(MemoryStore, "messages")
    def answered(
        self: MemoryStore,
        workspace_id: str,
        conversation_id: str,
        *,
        since_ms: int | None,
        limit: int,
    ) -> list[Message]:
        def ask(since_ms: int | None, limit: int) -> list[Message]:
            return messages(self, workspace_id, conversation_id, since_ms=since_ms, limit=limit)

        found: list[Message] = otherwise(ask, since_ms, limit)
        return found


@mutant("S-REC-2")
def serves_what_came_after_the_moment(seams: Seams) -> None:
    """Serves what was written after `since`, and not what was written at that moment."""
    _answering(seams, lambda ask, since, limit: ask(None if since is None else since + 1, limit))


@mutant("S-REC-2", "S-HTTP-1")
def ignores_since(seams: Seams) -> None:
    """Serves the last messages, whatever `since` says."""
    _answering(seams, lambda ask, since, limit: ask(None, limit))


@mutant("S-REC-2", "S-HTTP-1")
def serves_the_newest_first(seams: Seams) -> None:
    """Serves history newest first."""
    _answering(seams, lambda ask, since, limit: ask(since, limit)[::-1])


@mutant("S-REC-2")
def serves_in_the_order_of_entry(seams: Seams) -> None:
    """Puts a message that was delivered late behind all that were written after it."""
    add, entered = MemoryStore.add, list[str]()

    @seams.function(MemoryStore, "add")
    def noted(self: MemoryStore, workspace_id: str, conversation_id: str, draft: Any) -> Message:
        entered.append(draft.id)
        return add(self, workspace_id, conversation_id, draft)

    _answering(
        seams,
        lambda ask, since, limit: sorted(ask(since, limit), key=lambda it: entered.index(it.id)),
    )


@mutant("S-REC-2")
def serves_the_statuses_of_the_beginning(seams: Seams) -> None:
    """Serves each message of the history with the status that it entered with."""
    add, began = MemoryStore.add, dict[str, Status]()

    @seams.function(MemoryStore, "add")
    def noted(self: MemoryStore, workspace_id: str, conversation_id: str, draft: Any) -> Message:
        began.setdefault(draft.id, draft.status)
        return add(self, workspace_id, conversation_id, draft)

    _answering(
        seams,
        lambda ask, since, limit: [
            replace(each, status=began[each.id].wire) for each in ask(since, limit)
        ],
    )


@mutant("S-HTTP-1")
def serves_the_last_of_a_gap(seams: Seams) -> None:
    """With `since` serves the last `limit` messages, not the first: a gap has a hole."""
    _answering(seams, lambda ask, since, limit: ask(since, 100_000)[-limit:])


@mutant("S-HTTP-1")
def ignores_the_limit(seams: Seams) -> None:
    """Serves all messages that there are, whatever `limit` says."""
    _answering(seams, lambda ask, since, limit: ask(since, 100_000))


@mutant("S-HTTP-1")
def has_another_usual_limit(seams: Seams) -> None:
    """Serves fifty messages where no limit is given."""
    seams.constant(api, "_USUAL_LIMIT", 50)


@mutant("S-HTTP-1")
def serves_any_number(seams: Seams) -> None:
    """Serves more than 500 messages to whoever asks for them."""
    seams.constant(api, "_MOST", 100_000)


@mutant("S-HTTP-1")
def knows_no_empty_conversation(seams: Seams) -> None:
    """Answers 404 for a conversation in which nobody has written."""
    messages = Api._messages

    @seams.function(Api, "_messages")
    async def known_alone(self: Api, request: web.Request) -> web.Response:
        claims = self._authorize(request)
        conversation_id = request.query.get("conversationId", "")
        if self._store.conversation(claims.workspace_id, conversation_id) is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "no such conversation")
        return await messages(self, request)


@mutant("S-HTTP-1")
def wants_a_token_for_its_health(seams: Seams) -> None:
    """Answers 401 to `GET /api/health` without a token."""
    health = Api._health

    @seams.function(Api, "_health")
    async def guarded(self: Api, _: web.Request) -> web.Response:
        self._authorize(_)
        return await health(self, _)


@mutant("S-HTTP-1")
def lists_ids_alone(seams: Seams) -> None:
    """Lists conversations without their `participants`."""

    @seams.function(Api, "_conversations")
    async def short(self: Api, request: web.Request) -> web.Response:
        claims = self._authorize(request)
        listed = self._store.conversations(claims.workspace_id)
        return reply([{"id": each.id, "workspaceId": each.workspace_id} for each in listed])


@mutant("S-HTTP-1")
def wraps_its_answers(seams: Seams) -> None:
    """Answers `{"data": [...]}` where a list is due."""

    @seams.function(api, "reply")
    def wrapped(body: object, status: int = 200) -> web.Response:
        return reply({"data": body} if isinstance(body, list) else body, status)


@mutant("S-HTTP-1")
def has_no_conversation_in_the_context(seams: Seams) -> None:
    """Answers the context of a message without its conversation."""

    @seams.function(MemoryStore, "conversation")
    def unknown(self: MemoryStore, workspace_id: str, conversation_id: str) -> Conversation | None:
        return None


@mutant("S-HTTP-1")
def gives_all_files_one_id(seams: Seams) -> None:
    """Gives every uploaded file the same id."""
    keep = Attachments.keep

    @seams.function(Attachments, "keep")
    def one_id(self: Attachments, file: Any, base_url: str) -> Attachment:
        return replace(keep(self, file, base_url), id="file-1")


@mutant("S-HTTP-1")
def lets_no_browser_in(seams: Seams) -> None:
    """Answers a browser without a word on which origins may read."""
    _with_cors(seams)


@mutant("S-HTTP-1")
def lets_every_browser_in(seams: Seams) -> None:
    """Lets a browser on any origin read."""
    _with_cors(seams, "*")


def _with_cors(seams: Seams, *origins: str) -> None:
    @seams.function(app, "cors")
    def otherwise(allowed: Collection[str]) -> Middleware:
        return cors(origins)


@mutant("S-HTTP-2")
def answers_errors_as_text(seams: Seams) -> None:
    """Answers errors in plain text, not as `{"error": text}`."""

    @seams.function(answers, "reply")
    def text(body: dict[str, str], status: int = 200) -> web.Response:
        return web.Response(text=body["error"], status=status)


@mutant("S-HTTP-2")
def answers_401_to_all(seams: Seams) -> None:
    """Answers 401 where a good token has no workspace."""
    seams.entry(api._STATUS_OF_CODE, "forbidden", HTTPStatus.UNAUTHORIZED)


@mutant("S-HTTP-2")
def takes_tokens_of_any_scheme(seams: Seams) -> None:
    """Takes a good token in whatever scheme of `Authorization` it comes."""
    _authorizing(seams, lambda header: "Bearer " + header.partition(" ")[2])


def _authorizing(seams: Seams, header: Any) -> None:
    authorize = Api._authorize

    @seams.function(Api, "_authorize")
    def otherwise(self: Api, request: web.Request) -> Claims:
        given = request.headers.get(hdrs.AUTHORIZATION, "")
        headers = request.headers.copy()
        headers[hdrs.AUTHORIZATION] = header(given)
        return authorize(self, request.clone(headers=headers))


@mutant("S-HTTP-2")
def guards_reading_alone(seams: Seams) -> None:
    """Takes an upload without a token."""

    @seams.function(Api, "_post_attachment")
    async def unguarded(self: Api, request: web.Request) -> web.Response:
        file = await read_upload(request, self._settings.max_attachment)
        return reply(self._attachments.keep(file, "http://localhost"), HTTPStatus.CREATED)


@mutant("S-HTTP-2")
def breaks_down_over_an_unknown_message(seams: Seams) -> None:
    """Answers 500 where the context of a message that it does not know is asked for."""

    @seams.function(Api, "_context")
    async def careless(self: Api, request: web.Request) -> web.Response:
        claims = self._authorize(request)
        message = self._store.message(claims.workspace_id, request.match_info["id"])
        conversation_id = message.conversation_id  # type: ignore[union-attr]
        conversation = self._store.conversation(claims.workspace_id, conversation_id)
        told = {"message": message, "conversation": conversation}
        return reply(told | {"workspace_id": claims.workspace_id})


@mutant("S-HTTP-2")
def breaks_down_over_a_bad_post(seams: Seams) -> None:
    """Answers 500 to a POST that is none."""

    @seams.function(api, "read_json")
    async def careless(request: web.Request) -> Any:
        try:
            return dict(await read_json(request))["conversationId"] and await read_json(request)
        except Exception as error:
            raise RuntimeError("cannot read properties of undefined") from error


@mutant("S-HTTP-1")
def lists_no_files(seams: Seams) -> None:
    """Serves messages without their attachments."""
    _answering(
        seams,
        lambda ask, since, limit: [replace(each, attachments=None) for each in ask(since, limit)],
    )


@mutant("S-REC-2")
def rounds_the_moment_up(seams: Seams) -> None:
    """Serves from the second on that begins after `since`."""
    _answering(
        seams,
        lambda ask, since, limit: ask(None if since is None else -(-since // 1000) * 1000, limit),
    )


@mutant("S-HTTP-2")
def stumbles_over_odd_queries(seams: Seams) -> None:
    """Answers a limit that is no number with 500."""

    @seams.function(api, "_limit")
    def trusting(text: str | None) -> int:
        return min(int(text or 100), 500)


@mutant("S-HTTP-2")
def stumbles_over_wrong_types(seams: Seams) -> None:
    """Answers a POST whose texts are none with 500."""
    post_message = Api._post_message

    @seams.function(Api, "_post_message")
    async def trusting(self: Api, request: web.Request) -> web.Response:
        body = await read_json(request)
        if isinstance(body, dict):
            "".join(body.get(name, "") for name in ("conversationId", "content", "clientMessageId"))
        return await post_message(self, request)


@mutant("S-HTTP-2")
def stumbles_over_what_is_no_form(seams: Seams) -> None:
    """Answers an upload that is no form with 500."""

    @seams.function(api, "read_upload")
    async def trusting(request: web.Request, limit: int) -> Any:
        if not request.content_type.startswith("multipart/"):
            raise RuntimeError("no form")
        return await read_upload(request, limit)
