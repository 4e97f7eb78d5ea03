"""Engine.IO over HTTP long-polling, each request as the check wants it."""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from typing import Final

import msgspec
from aiohttp import ClientError, ClientSession, TCPConnector

from chatengine.events import SOCKET_PATH
from chatengine.packets.engineio import BASE64_PREFIX, SEPARATOR
from conformance.deadlines import Deadline
from conformance.probes.trace import Trace
from conformance.probes.wire import HandshakeRefused, Wire

__all__ = ["RawPolling"]

_HEADERS: Final = {"Content-Type": "text/plain;charset=UTF-8"}  # as socket.io-client
_PING: Final = "2"
_PONG: Final = "3"


class RawPolling(Wire):
    """A session of GETs that wait and POSTs that bring. `open` makes one."""

    transport = "polling"

    def __init__(self, url: str, trace: Trace, deadline: Deadline) -> None:
        super().__init__(trace, deadline)
        self._url = f"{url}{SOCKET_PATH}/"
        # Its own connections: one that the server ends over what was sent here is nobody else's.
        self._http = ClientSession(connector=TCPConnector(limit=0))
        self._arrived: deque[str] = deque()
        self._poll: asyncio.Task[tuple[int, str]] | None = None
        self.sid = ""

    @classmethod
    async def open(
        cls,
        url: str,
        trace: Trace,
        deadline: Deadline,
        *,
        query: Mapping[str, str] | None = None,
    ) -> RawPolling:
        """Open a session; raises `HandshakeRefused` for any answer but 200."""
        polling = cls(url, trace, deadline)
        try:
            await polling._shake_hands(query)
        except BaseException:
            await polling._http.close()
            raise
        return polling

    async def _shake_hands(self, query: Mapping[str, str] | None) -> None:
        status, body = await self.request("GET", query=query)
        if status != 200:
            raise HandshakeRefused(status, body)
        opening, *more = body.split(SEPARATOR)
        try:
            self.handshake = msgspec.json.decode(opening[1:], type=dict)
            self.sid = str(self.handshake["sid"])
        except (msgspec.DecodeError, KeyError):
            raise self.trace.broken(
                expected="an open packet with its handshake first", seen=body
            ) from None
        self.trace.require(opening[:1] == "0", expected="an open packet first", seen=opening)
        self._arrived.extend(more)

    async def request(
        self,
        method: str,
        data: str | bytes | None = None,
        *,
        query: Mapping[str, str] | None = None,
        deadline: Deadline | None = None,
    ) -> tuple[int, str]:
        """Make one request of the session; returns status and body (status 0: none came).

        `query` overrides the parameters; an empty one is left out. Without an answer to the end of
        the check raises `Nonconforming`; where a deadline is given, `TimeoutError`.
        """
        parameters = {"EIO": "4", "transport": "polling", "sid": self.sid} | dict(query or {})
        body = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        try:
            async with (
                asyncio.timeout((deadline or self.deadline).left_s),
                self._http.request(
                    method,
                    self._url,
                    params={name: value for name, value in parameters.items() if value},
                    # aiohttp warns of large bodies as bytes.
                    data=None if body is None else BytesIO(body),
                    headers=_HEADERS,
                ) as response,
            ):
                return response.status, await response.text(errors="replace")
        except ClientError:
            return 0, ""
        except TimeoutError:
            if deadline is not None:
                raise
        seen = f"nothing within {self.deadline.within_s:g} s"
        raise self.trace.broken(expected=f"an answer to a {method} of the session", seen=seen)

    async def send(self, *packets: str | bytes) -> None:
        """POST packets as one payload, binary ones in base64."""
        await self.post(SEPARATOR.join(_text(packet) for packet in packets))

    async def post(self, body: str | bytes) -> int:
        """POST any body; returns the status."""
        status, _ = await self.request("POST", body)
        return status

    async def _receive(self, deadline: Deadline) -> str | bytes | None:
        """Return the next packet; None once a poll is refused."""
        while True:
            while not self._arrived:
                status, body = await self._polled(deadline)
                if status != 200:
                    return None
                self._arrived.extend(body.split(SEPARATOR))
            packet = self._arrived.popleft()
            if packet != _PING or not self.answers_pings:
                return _from_text(packet)
            await self.send(_PONG)

    async def _polled(self, deadline: Deadline) -> tuple[int, str]:
        """Wait for the answer to the poll under way; raises `TimeoutError`, and the poll goes on.

        One that was given up, or a second one beside it, would end the session (S-PRO-4), and be
        taken for whatever a check waits for.
        """
        if self._poll is None:
            self._poll = asyncio.create_task(self.request("GET", deadline=self.deadline))
        done, _ = await asyncio.wait({self._poll}, timeout=deadline.left_s)
        if not done:
            raise TimeoutError
        poll, self._poll = self._poll, None
        return poll.result()

    async def close(self) -> None:
        """Say goodbye, which no one has to answer."""
        if self._poll is not None:
            self._poll.cancel()
        with suppress(TimeoutError):
            await self.request("POST", "1", deadline=Deadline(1.0))
        await self._http.close()


def _text(packet: str | bytes) -> str:
    if isinstance(packet, str):
        return packet
    return f"{BASE64_PREFIX}{base64.b64encode(packet).decode()}"


def _from_text(packet: str) -> str | bytes:
    return base64.b64decode(packet[1:]) if packet.startswith(BASE64_PREFIX) else packet
