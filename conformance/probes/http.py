"""ChatEngine over HTTP: calls, and their answers."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from aiohttp import ClientError, ClientSession
from msgspec import Struct
from multidict import CIMultiDictProxy

from conformance.deadlines import Deadline
from conformance.probes.trace import Trace

__all__ = ["Answer", "Http"]

_QUOTED: Final = 300


class Answer(Struct, frozen=True):
    """What came back; `body` is decoded JSON, or the text where it is none."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str
    body: Any

    def __repr__(self) -> str:
        return f"{self.status} {self.text[:_QUOTED]}"


class Http:
    """Calls to one server, within one deadline."""

    def __init__(self, url: str, session: ClientSession, trace: Trace, deadline: Deadline) -> None:
        self._url = url
        self._session = session
        self._trace = trace
        self._deadline = deadline

    async def call(self, method: str, path: str, *, token: str | None = None, **how: Any) -> Answer:
        """Make a call, with a bearer token where one is given; `how` is as of aiohttp.

        Raises `Nonconforming` where no answer comes.
        """
        headers = dict(how.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            async with (
                asyncio.timeout(self._deadline.left_s),
                self._session.request(
                    method, self._url + path, headers=headers, allow_redirects=False, **how
                ) as response,
            ):
                data = await response.read()
                text = data.decode(errors="replace")
                answer = Answer(response.status, response.headers, text, _decoded(text))
        except (ClientError, TimeoutError) as error:
            seen = str(error) or f"none within {self._deadline.within_s:g} s"
            raise self._trace.broken(expected=f"an answer to {method} {path}", seen=seen) from None
        self._trace.note("harness", f"{method} {path}", asked=_asked(how), answer=repr(answer))
        return answer

    async def ask(self, method: str, path: str, status: int, **how: Any) -> Any:
        """Make a call that has to be answered with that status; returns the body."""
        answer = await self.call(method, path, **how)
        self._trace.require(
            answer.status == status,
            expected=f"status {status} in answer to {method} {path}",
            seen=answer,
        )
        return answer.body


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return text


def _asked(how: dict[str, Any]) -> str:
    return repr(how.get("json", how.get("params", "")))[:_QUOTED]
