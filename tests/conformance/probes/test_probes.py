"""The raw probes against servers that misbehave: what they say of a server, and never hang."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import pytest
from aiohttp import ClientSession, web

from chatengine.packets.websocket import Opcode, frame_of
from chatengine.tokens import TokenError, TokenRules, verify
from conformance.deadlines import Deadline
from conformance.outcomes import Nonconforming
from conformance.probes.http import Http
from conformance.probes.polling import RawPolling
from conformance.probes.tokens import claims_of, signed, unsigned
from conformance.probes.trace import Trace
from conformance.probes.websocket import RawWebSocket
from conformance.probes.wire import HandshakeRefused
from conformance.server.shapes import CONVERSATION, MESSAGE, mismatches
from conformance.targets.servers import INSTANCES
from fakes.chatengine.settings import ChatEngineSettings
from fakes.environment import Secret
from fakes.serving import serving

OPEN: Final = b'0{"sid":"s","upgrades":[],"pingInterval":1,"pingTimeout":1,"maxPayload":1}'
GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def text(data: bytes) -> bytes:
    """A server's text frame."""
    return frame_of(Opcode.TEXT, data)


@asynccontextmanager
async def scripted(script: Script | None, head: bytes = b"") -> AsyncIterator[str]:
    """A server that answers the upgrade, or `head`, and then does as the script says."""
    talks: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        key = asked.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        writer.write(
            head
            or b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: "
            + accept
            + b"\r\n\r\n"
        )
        if script is not None:
            await script(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await asyncio.gather(*(each for each in talks if each is not None), return_exceptions=True)


async def opened(url: str, within_s: float = 5.0) -> RawWebSocket:
    """A session on it."""
    return await RawWebSocket.open(url, Trace(), Deadline(within_s))


@asynccontextmanager
async def closing(socket: RawWebSocket) -> AsyncIterator[RawWebSocket]:
    """The session, closed behind the block."""
    try:
        yield socket
    finally:
        await socket.close()


async def test_packets_pings_and_the_end() -> None:
    """Packets are returned, pings are answered unseen, and the end of the stream is None."""
    heard: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text(OPEN) + text(b"2") + text(b'42["a",1]') + frame_of(Opcode.PING, b"p"))
        heard.append(await reader.readexactly(2 + 4 + 1))  # "3", masked

    async with scripted(script) as url:
        socket = await opened(url)
        assert socket.handshake["sid"] == "s"
        packet = await socket.packet()
        assert packet is not None
        assert packet.data == ["a", 1]
        assert await socket.packet() is None
        assert socket.is_closed
        assert len(heard) == 1
        await socket.close()


async def test_a_refused_upgrade() -> None:
    """Any answer but 101 is a refusal, with its status and its words."""
    head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    async with scripted(None, head) as url:
        with pytest.raises(HandshakeRefused, match=r"^status 403: no$"):
            await opened(url)


async def test_a_server_that_hangs_up() -> None:
    """No answer at all is a refusal, too."""
    async with scripted(None, b" ") as url:
        with pytest.raises(HandshakeRefused, match=r"status 0"):
            await opened(url)


async def test_silence_to_the_end_of_the_check() -> None:
    """A server that says nothing any more breaks the clause; a wait of the check's own does not."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text(OPEN))
        await reader.read()

    async with scripted(script) as url:
        socket = await opened(url, 0.3)
        with pytest.raises(TimeoutError):
            await socket.receive(Deadline(0.05))
        assert not await socket.is_over(Deadline(0.05))
        with pytest.raises(Nonconforming, match=r"nothing within 0\.3 s"):
            await socket.packet()
        await socket.close()


@pytest.mark.parametrize(
    "first", [text(b"hello"), text(b"0{"), text(b"0[]"), frame_of(Opcode.BINARY, b"0{}")]
)
async def test_a_handshake_that_is_none(first: bytes) -> None:
    """What comes first has to be an open packet."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await writer.drain()

    async with scripted(script) as url:
        with pytest.raises(Nonconforming, match="an open packet with its handshake first"):
            await opened(url)


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (text(b"4abc"), "a packet that the protocols know"),
        (text(b"x"), "a packet that the protocols know"),
        (b"\x81\x85" + b"\x00" * 4 + b"42[1]", "frames of RFC 6455"),
    ],
)
async def test_a_server_that_sends_nonsense(sent: bytes, says: str) -> None:
    """What no client could read is the server's fault, and quoted."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text(OPEN) + sent)
        await reader.read()

    async with scripted(script) as url:
        with pytest.raises(Nonconforming, match=says):
            async with closing(await opened(url)) as socket:
                await socket.packet()


async def test_what_a_call_comes_to() -> None:
    """A server that hangs up, or takes too long, has not answered; HTML is an answer."""
    release = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        match request.path:
            case "/hang":
                await release.wait()
            case "/up":
                assert request.transport is not None
                request.transport.abort()
        return web.Response(text="<html>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with serving(app, "127.0.0.1", 0) as port, ClientSession() as session:
        url = f"http://127.0.0.1:{port}"
        http = Http(url, session, Trace(), Deadline(5.0))
        assert (await http.call("GET", "/")).body == "<html>"
        with pytest.raises(Nonconforming, match="expected status 404"):
            await http.ask("GET", "/", 404)
        with pytest.raises(Nonconforming, match="an answer to GET /up"):
            await http.call("GET", "/up")
        impatient = Http(url, session, Trace(), Deadline(0.1))
        with pytest.raises(Nonconforming, match=r"none within 0\.1 s"):
            await impatient.call("GET", "/hang")
        release.set()


async def test_polling_that_is_refused_or_nonsense() -> None:
    """A refused handshake says so; a body that is no open packet is the server's fault."""
    bodies = {"400": (400, "no"), "word": (200, "hello"), "json": (200, "1{}")}

    async def answer(request: web.Request) -> web.Response:
        status, body = bodies[request.query["case"]]
        return web.Response(status=status, text=body)

    app = web.Application()
    app.router.add_get("/api/ws/", answer)
    async with serving(app, "127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}"
        for case, error in (
            ("400", HandshakeRefused),
            ("word", Nonconforming),
            ("json", Nonconforming),
        ):
            with pytest.raises(error):
                await RawPolling.open(url, Trace(), Deadline(5), query={"case": case})


SETTINGS: Final = ChatEngineSettings(
    secret=Secret("shared"), instances=INSTANCES, issuer="crm", audience="chatengine"
)


def test_good_tokens_are_good() -> None:
    """What is signed as the contract says is let in by the contract's own verifier."""
    claims = claims_of(SETTINGS, "w-1", "agent-1")
    found = verify(signed(claims, "shared"), SETTINGS.token_rules, now=claims["iat"])
    assert (found.workspace_id, found.subject) == ("w-1", "agent-1")


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_bad_tokens_are_bad_for_the_reason_given(algorithm: str) -> None:
    """Each bad token is refused for what it is meant to show, and for nothing else."""
    claims, rules = claims_of(SETTINGS, "w-1", "agent-1"), SETTINGS.token_rules
    reasons = {
        signed(claims, "shared", algorithm=algorithm): "another algorithm",
        signed(claims, "shared", says=algorithm): "another algorithm",
        signed(claims, "another"): "a wrong signature",
        unsigned(claims): "another algorithm",
        unsigned(claims, "HS256"): "a wrong signature",
    }
    for token, reason in reasons.items():
        with pytest.raises(TokenError, match=reason):
            verify(token, TokenRules("shared", rules.issuer, rules.audience), now=claims["iat"])


def test_all_mismatches_are_told_at_once() -> None:
    """Each field that is wrong is named, with what it is; what may be missing may."""
    moment = "2026-01-01T00:00:00.000Z"
    good = {
        "id": "evo-1",
        "workspaceId": "w-1",
        "conversationId": "c-1",
        "senderId": "5511",
        "type": "text",
        "content": "",
        "status": "sent",
        "createdAt": moment,
        "unknown": {"a": 1},
        "metadata": None,
    }
    assert mismatches(good, MESSAGE) == []
    bad = good | {"id": "", "type": "poem", "createdAt": "2026-01-01T00:00:00Z", "content": 5}
    assert len(mismatches(bad, MESSAGE)) == 4
    assert mismatches([], MESSAGE) == ["it is [], no object"]
    told = {"id": "c", "workspaceId": "w", "channel": "whatsapp", "updatedAt": moment}
    assert mismatches(told | {"participants": [{"id": 5, "name": "x"}]}, CONVERSATION) == [
        "participants[0].id is 5"
    ]
    assert mismatches(told | {"participants": []}, CONVERSATION) == []
