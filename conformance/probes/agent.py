"""An agent of the CRM: an ordinary Socket.IO client, and everything that it receives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, NamedTuple

import socketio
from aiohttp import ClientSession
from engineio.payload import Payload

from chatengine import events
from conformance.deadlines import Deadline
from conformance.outcomes import Nonconforming
from conformance.probes.trace import Trace
from conformance.probes.wire import TransportName

__all__ = ["Agent", "Event", "Where"]

Where = Callable[[dict[str, Any]], bool]

Payload.max_decode_packets = 10_000
"""In one answer to a poll. python-engineio takes 16 and drops the connection over more, a guard of
servers; the protocol knows no such limit, and what came while no poll was waiting comes at once."""

_LEAVE_S: Final = 1.0
"""For a goodbye at the end of a check, which nothing is judged by."""


class Event(NamedTuple):
    """What a socket received: the event's name, and its first argument."""

    name: str
    payload: Any


class Agent:
    """One socket of the CRM. `name` is for the reader of a failure, `user_id` the token's."""

    def __init__(
        self,
        name: str,
        user_id: str,
        workspace_id: str,
        trace: Trace,
        deadline: Deadline,
    ) -> None:
        self.name = name
        self.user_id = user_id
        self.workspace_id = workspace_id
        self.received: list[Event] = []
        self.is_lost = False
        self._trace = trace
        self._deadline = deadline
        self._news = asyncio.Event()
        self._refusal: Any = None
        # Its own: python-engineio's client closes the session it was lent when it is collected.
        self._http = ClientSession()
        self._client = socketio.AsyncClient(
            handle_sigint=False, reconnection=False, http_session=self._http
        )
        self._client.on("*", self._take)
        self._client.on("connect_error", self._refused)
        self._client.on("disconnect", self._lost)

    # in the order of time

    async def connect(self, url: str, auth: object, *transports: TransportName) -> None:
        """Connect by these transports, the first one first; raises `Nonconforming`."""
        self._trace.note(self.name, "connects", transports=transports)
        try:
            async with asyncio.timeout(self._deadline.left_s):
                await self._client.connect(
                    url,
                    auth=auth,
                    socketio_path=events.SOCKET_PATH,
                    transports=list(transports),
                    wait_timeout=self._deadline.left_s,
                )
        except (socketio.exceptions.ConnectionError, TimeoutError) as error:
            seen = self._refusal or str(error) or "no answer"
            raise self._trace.broken(
                expected=f"{self.name} is let in, with a good token", seen=seen
            ) from None

    async def subscribe(self, conversation: str) -> None:
        """Subscribe and wait for the acknowledgement."""
        await self._ask(events.SUBSCRIBE, conversation)

    async def unsubscribe(self, conversation: str) -> None:
        """Unsubscribe and wait for the acknowledgement."""
        await self._ask(events.UNSUBSCRIBE, conversation)

    async def _ask(self, event: str, conversation: str) -> None:
        answer = await self.call(event, conversation)
        self._trace.require(
            isinstance(answer, dict) and answer.get("ok") is True,
            expected=f'{{"ok": true}} in answer to {event}',
            seen=answer,
        )

    async def call(self, event: str, payload: object) -> Any:
        """Send an event and return its acknowledgement; raises `Nonconforming` for none."""
        self._trace.note(self.name, "asks", event=event, payload=payload)
        with self._spoken(f"an acknowledgement of {event}"):
            answer = await self._client.call(event, payload, timeout=self._deadline.left_s)
        self._trace.note(self.name, "is answered", answer=answer)
        return answer

    async def emit(self, event: str, payload: object) -> None:
        """Send an event without asking for an acknowledgement."""
        self._trace.note(self.name, "emits", event=event, payload=payload)
        with self._spoken(f"an open socket, for {event}"):
            await self._client.emit(event, payload)

    @contextmanager
    def _spoken(self, expected: str) -> Iterator[None]:
        """Turn the library's errors into what they say of the server."""
        try:
            yield
        except (socketio.exceptions.TimeoutError, TimeoutError):
            within = f"nothing within {self._deadline.within_s:g} s"
            raise self._trace.broken(expected=f"{expected}, at {self.name}", seen=within) from None
        except socketio.exceptions.SocketIOError as error:
            seen = f"the socket is closed: {error}"
            raise self._trace.broken(expected=f"{expected}, at {self.name}", seen=seen) from None

    async def leave(self) -> None:
        """Disconnect, whatever the server makes of it."""
        self._trace.note(self.name, "leaves")
        with suppress(TimeoutError, socketio.exceptions.SocketIOError):
            async with asyncio.timeout(_LEAVE_S):
                await self._client.disconnect()
        await self._http.close()

    # what it received

    def got(self, event: str, where: Where | None = None, **fields: object) -> list[Any]:
        """The payloads so far under that name that have these fields, and for which `where`."""
        return [
            payload
            for name, payload in self.received
            if name == event and _fits(payload, where, fields)
        ]

    async def gets(
        self, event: str, where: Where | None = None, *, count: int = 1, **fields: object
    ) -> Any:
        """Wait for the `count`-th such payload and return it; raises `Nonconforming`."""
        try:
            async with asyncio.timeout(self._deadline.left_s):
                while len(found := self.got(event, where, **fields)) < count:
                    if self.is_lost:
                        raise self._missing(event, fields, "the connection was lost")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            within = f"nothing like it within {self._deadline.within_s:g} s"
            raise self._missing(event, fields, within) from None
        return found[count - 1]

    async def is_dropped(self) -> None:
        """Wait until the connection is lost; raises `Nonconforming`."""
        try:
            async with asyncio.timeout(self._deadline.left_s):
                while not self.is_lost:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise self._trace.broken(
                expected=f"{self.name} loses its connection", seen="it is connected"
            ) from None

    def _missing(self, event: str, fields: dict[str, object], why: str) -> Nonconforming:
        wanted = f" with {fields}" if fields else ""
        same = self.got(event)
        seen = f"{why}; of that name: {same[-3:]}" if same else why
        return self._trace.broken(expected=f"`{event}`{wanted} at {self.name}", seen=seen)

    def _take(self, event: str, *payload: Any) -> None:
        self.received.append(Event(event, payload[0] if payload else None))
        self._trace.note(self.name, "gets", event=event, payload=payload[0] if payload else None)
        self._news.set()

    def _refused(self, refusal: Any) -> None:
        self._refusal = refusal

    def _lost(self, reason: str) -> None:
        self.is_lost = True
        self._trace.note(self.name, "is disconnected", reason=str(reason))
        self._news.set()


def _fits(payload: Any, where: Where | None, fields: dict[str, object]) -> bool:
    if not isinstance(payload, dict):
        return not fields and where is None
    return all(payload.get(name) == value for name, value in fields.items()) and (
        where is None or where(payload)
    )
