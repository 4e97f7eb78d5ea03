"""ChatEngine over HTTP (contract, section 4): history, the list, and sending without a socket."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import ClientError, ClientSession, hdrs

from chatengine.client.answers import TooLong, quoted, read_bounded, unreachable
from chatengine.client.config import ChatEngineConfig, Timing
from chatengine.client.problems import AnswerTooLong, HttpProblem
from chatengine.client.tokens import NoToken, TokenSource
from chatengine.moments import from_ms
from chatengine.packets.errors import PacketError
from chatengine.packets.jsontext import decode_json
from chatengine.payloads import PostMessage

__all__ = ["LARGEST_PAGE", "ChatEngineHttp"]

LARGEST_PAGE: Final = 500
"""Messages that one call answers at most."""

_MOST_BYTES: Final = 32 * 1024 * 1024
"""`LARGEST_PAGE` of WhatsApp's longest texts, 65,536 characters, in ASCII; more is not read."""

_CONVERSATIONS: Final = "/api/chat/conversations"
_MESSAGES: Final = "/api/chat/messages"

_ADVICE: Final = {
    401: "check the token's secret and this machine's clock, or sign in again",
    403: "check that the token is of this workspace",
    404: "check the URL",
    502: "WhatsApp's provider did not take the message",
}


class ChatEngineHttp:
    """The calls a CRM makes. Each raises `HttpProblem`, at the latest after its deadline.

    Payloads come as they are: reading them is the core's. Nothing is asked twice by itself.
    """

    def __init__(
        self,
        config: ChatEngineConfig,
        tokens: TokenSource,
        timing: Timing,
        whatsapp_number_id: str | None = None,
    ) -> None:
        self._base = config.base
        self._tokens = tokens
        self._read_s = timing.http_timeout_ms / 1000
        self._send_s = timing.send_timeout_ms / 1000
        self._number = whatsapp_number_id
        self._http: ClientSession | None = None

    async def messages(
        self, conversation_id: str, since_ms: int | None = None, limit: int = 100
    ) -> list[object]:
        """Messages, oldest first: the first `limit` written at `since_ms` or later, else the last.

        One call answers `LARGEST_PAGE` at most; go on from the last one's moment. Raises
        `AnswerTooLong` where that is more than is read.
        """
        query = {"conversationId": conversation_id, "limit": str(min(limit, LARGEST_PAGE))}
        if since_ms is not None:
            query["since"] = from_ms(max(0, since_ms))
        return _listed(await self._call(hdrs.METH_GET, _MESSAGES, self._read_s, query=query))

    async def conversations(self) -> list[object]:
        """The workspace's conversations."""
        return _listed(await self._call(hdrs.METH_GET, _CONVERSATIONS, self._read_s))

    async def send(
        self,
        conversation_id: str,
        content: str,
        client_message_id: str,
        reply_to: str | None = None,
    ) -> object:
        """Send a text; returns the server's Message. The same client id is one send (S-SND-5)."""
        message = PostMessage(
            conversation_id=conversation_id,
            type="text",
            content=content,
            client_message_id=client_message_id,
            reply_to_message_id=reply_to,
            whatsapp_number_id=self._number,
        )
        sent = await self._call(hdrs.METH_POST, _MESSAGES, self._send_s, message=message)
        if not isinstance(sent, dict):
            raise HttpProblem(None, "ChatEngine answered no message: check its URL")
        return sent

    async def close(self) -> None:
        """Close the connections; a later call opens them again."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def _call(
        self,
        method: str,
        path: str,
        deadline_s: float,
        *,
        query: dict[str, str] | None = None,
        message: PostMessage | None = None,
    ) -> Any:
        """Make one call within `deadline_s`, the token's coming included; returns its JSON."""
        try:
            async with asyncio.timeout(deadline_s):
                status, body = await self._answer(method, path, query, message)
        except TimeoutError:
            raise HttpProblem(None, f"ChatEngine did not answer within {deadline_s:g} s") from None
        except NoToken as error:
            raise HttpProblem(None, error.sentence) from None
        except TooLong as error:
            raise AnswerTooLong(None, f"ChatEngine cannot be read: {error}") from None
        except UnicodeEncodeError:
            raise HttpProblem(None, "what was to be sent is not Unicode text") from None
        except (ClientError, OSError) as error:
            raise HttpProblem(None, unreachable(error)) from None
        if status == HTTPStatus.UNAUTHORIZED:
            self._tokens.refused()
        if not 200 <= status < 300:
            raise HttpProblem(status, _sentence(path, status, body))
        return _decoded(path, status, body)

    async def _answer(
        self, method: str, path: str, query: dict[str, str] | None, message: PostMessage | None
    ) -> tuple[int, bytes]:
        headers = {hdrs.AUTHORIZATION: f"Bearer {await self._tokens.token()}"}
        if message is not None:
            headers[hdrs.CONTENT_TYPE] = "application/json"
        if self._http is None:
            self._http = ClientSession()
        async with self._http.request(
            method,
            self._base + path,
            params=query,
            data=None if message is None else msgspec.json.encode(message),
            headers=headers,
            allow_redirects=False,  # another place must not get the token
        ) as response:
            return response.status, await read_bounded(response, _MOST_BYTES)


def _listed(answer: Any) -> list[object]:
    if not isinstance(answer, list):
        raise HttpProblem(None, "ChatEngine answered no list: check its URL")
    return answer


def _decoded(path: str, status: int, body: bytes) -> Any:
    try:
        return decode_json(body.decode())
    except (PacketError, UnicodeDecodeError):
        raise HttpProblem(status, f"ChatEngine answered no JSON to {path}: check its URL") from None


def _sentence(path: str, status: int, body: bytes) -> str:
    """Put the status, the server's own word (`{"error": text}`), and what to do in a sentence."""
    try:
        answer = decode_json(body.decode())
    except (PacketError, UnicodeDecodeError):
        answer = None
    said = quoted(answer.get("error")) if isinstance(answer, dict) else ""
    sentence = f"ChatEngine answered {status} to {path}" + (f": {said}" if said else "")
    advice = _ADVICE.get(status)
    return sentence if advice is None else f"{sentence} ({advice})"
