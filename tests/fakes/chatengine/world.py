"""A running fake ChatEngine, a provider in the test's hand, and the sockets of a few agents."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import socketio
from aiohttp import ClientSession, web
from msgspec.structs import replace

from chatengine import events
from chatengine.tokens import mint
from chatengine.webhooks import status_update, text_message
from fakes.chatengine.app import RunningChatEngine, running_chatengine
from fakes.chatengine.settings import ChatEngineSettings, ProviderSettings
from fakes.control import ControlClient
from fakes.environment import Instance, Secret
from fakes.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiohttp import ClientWebSocketResponse

__all__ = [
    "JID",
    "OTHER_JID",
    "SECRET",
    "SETTINGS",
    "Crm",
    "ProviderInHand",
    "World",
    "running",
    "token",
]

SECRET = "a-secret-that-both-sides-share-and-that-is-long-enough-for-HS512-too"
JID = "5511990000001@s.whatsapp.net"
OTHER_JID = "5511990000002@s.whatsapp.net"
SECOND = 1_767_225_601
DEADLINE_S = 5.0
"""Far beyond what anything here takes; reached only by a test that fails."""

SETTINGS = ChatEngineSettings(
    secret=Secret(SECRET),
    instances={
        "sales-1": Instance("w-1", "n-1"),
        "sales-2": Instance("w-1", "n-3"),
        "support-1": Instance("w-2", "n-2"),
    },
    cors_allowed_origins=("https://crm.example",),
)


class ProviderInHand:
    """Evolution's send calls, answered as the test says: by default taken, at once."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""
        self.answer: Callable[[str, dict[str, Any]], Awaitable[web.Response]] = self.take
        self._numbers = itertools.count(1)

    async def take(self, path: str, body: dict[str, Any]) -> web.Response:
        """Answer as Evolution does when WhatsApp takes the message."""
        return self.receipt(f"OUT{next(self._numbers)}", body)

    def receipt(self, key_id: str, body: dict[str, Any]) -> web.Response:
        jid = body["number"] if "@" in body["number"] else f"{body['number']}@s.whatsapp.net"
        key = {"remoteJid": jid, "fromMe": True, "id": key_id}
        stamp = int(time.time())
        return web.json_response(
            {"key": key, "status": "PENDING", "messageTimestamp": stamp}, status=201
        )

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.calls.append((request.path, body))
        self.headers.append(dict(request.headers))
        return await self.answer(request.path, body)


def token(
    settings: ChatEngineSettings,
    workspace_id: str = "w-1",
    user: str = "agent-1",
    **extra: object,
) -> str:
    """A good token of an agent."""
    rules = settings.token_rules
    return mint(rules, workspace_id=workspace_id, subject=user, now=time.time(), extra=extra)


class Crm:
    """One agent's socket, and everything it receives."""

    def __init__(self, session: ClientSession, control: ControlClient) -> None:
        self.client = socketio.AsyncClient(
            handle_sigint=False, reconnection=False, http_session=session
        )
        self.received: list[tuple[str, Any]] = []
        self.refusal: Any = None
        self._control = control
        self._news = asyncio.Event()
        self._marks = itertools.count(1)
        self.client.on("*", self._keep)
        self.client.on("connect_error", self._refused)

    def _keep(self, event: str, *payload: Any) -> None:
        self.received.append((event, payload[0] if payload else None))
        self._news.set()

    def _refused(self, refusal: Any) -> None:
        self.refusal = refusal

    @property
    def sid(self) -> str:
        sid: str = self.client.get_sid()
        return sid

    async def connect(
        self, url: str, auth: object, transports: tuple[str, ...] = ("websocket",)
    ) -> None:
        """Connect; raises socketio's ConnectionError, and then `refusal` says why."""
        await self.client.connect(
            url, auth=auth, socketio_path=events.SOCKET_PATH, transports=list(transports)
        )

    async def subscribe(self, conversation_id: str = JID) -> None:
        assert await self.client.call(events.SUBSCRIBE, conversation_id) == {"ok": True}

    def all(self, event: str) -> list[Any]:
        """The payloads received so far under that name."""
        return [payload for name, payload in self.received if name == event]

    async def get(self, event: str, count: int = 1) -> list[Any]:
        """Wait until there are `count` of that name; returns all of them."""
        async with asyncio.timeout(DEADLINE_S):
            while len(self.all(event)) < count:
                self._news.clear()
                await self._news.wait()
        return self.all(event)

    async def one(self, event: str) -> Any:
        """The only event of that name, however long one waits for more."""
        await self.get(event)
        await self.settled()
        (payload,) = self.all(event)
        return payload

    async def settled(self) -> None:
        """Return when all that was on its way to this socket has come.

        Events go out in one line, so what is put behind them arrives behind them.
        """
        mark = f"mark-{next(self._marks)}"
        await self._control.call("POST", "/events", {"event": mark, "sid": self.sid})
        await self.get(mark)
        self.received = [each for each in self.received if each[0] != mark]


class World:
    """What a test needs at hand."""

    def __init__(
        self,
        settings: ChatEngineSettings,
        engine: RunningChatEngine,
        provider: ProviderInHand,
        session: ClientSession,
        stack: AsyncExitStack,
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.url = engine.url
        self.provider = provider
        self.session = session
        self.control = ControlClient(session, engine.control)
        self._stack = stack

    # agents

    def token(self, workspace_id: str = "w-1", user: str = "agent-1", **extra: object) -> str:
        return token(self.settings, workspace_id, user, **extra)

    def crm(self) -> Crm:
        """A socket that is not connected yet; it is closed with the world."""
        crm = Crm(self.session, self.control)
        self._stack.push_async_callback(crm.client.disconnect)
        return crm

    async def agent(
        self,
        workspace_id: str = "w-1",
        user: str = "agent-1",
        subscribed_to: str | None = None,
        transports: tuple[str, ...] = ("websocket",),
    ) -> Crm:
        """A connected agent."""
        crm = self.crm()
        auth = {"token": self.token(workspace_id, user), "workspaceId": workspace_id}
        await crm.connect(self.url, auth, transports)
        if subscribed_to is not None:
            await crm.subscribe(subscribed_to)
        return crm

    @asynccontextmanager
    async def raw_socket(self) -> AsyncIterator[ClientWebSocketResponse]:
        """A connected agent that writes and reads its own frames."""
        url = f"{self.url}{events.SOCKET_PATH}/?EIO=4&transport=websocket"
        async with self.session.ws_connect(url, max_msg_size=0) as ws:
            auth = {"token": self.token(user="raw"), "workspaceId": "w-1"}
            await ws.send_str(f"40{json.dumps(auth)}")
            while not (await ws.receive_str()).startswith("40"):
                pass
            yield ws

    # HTTP

    async def webhook(self, body: object) -> int:
        """Post a webhook; returns the status."""
        async with self.session.post(self.url + events.WEBHOOK_PATH, json=body) as response:
            await response.read()
            return response.status

    async def arrive(self, key_id: str, text: str = "Olá!", **what: Any) -> None:
        """A text enters."""
        usual: dict[str, Any] = {"instance": "sales-1", "remote_jid": JID, "second": SECOND}
        assert await self.webhook(text_message(key_id=key_id, text=text, **(usual | what))) == 200

    async def acknowledge(self, key_id: str, acknowledgement: str, **what: Any) -> None:
        """A status enters."""
        usual = {"instance": "sales-1", "remote_jid": JID}
        body = status_update(key_id=key_id, acknowledgement=acknowledgement, **(usual | what))
        assert await self.webhook(body) == 200

    async def call(
        self, method: str, path: str, *, token: str | None = None, **how: Any
    ) -> tuple[int, Any]:
        """Make an HTTP call; returns status and decoded body."""
        headers = how.pop("headers", {})
        if token is not None:
            headers = headers | {"Authorization": f"Bearer {token}"}
        async with self.session.request(
            method, self.url + path, headers=headers, **how
        ) as response:
            return response.status, await response.json()

    async def messages(self, conversation_id: str = JID, workspace_id: str = "w-1") -> list[Any]:
        """The history of a conversation."""
        status, messages = await self.call(
            "GET",
            "/api/chat/messages",
            token=self.token(workspace_id),
            params={"conversationId": conversation_id, "limit": "500"},
        )
        assert status == 200
        found: list[Any] = messages
        return found


@asynccontextmanager
async def running(settings: ChatEngineSettings = SETTINGS) -> AsyncIterator[World]:
    """Run a provider in hand and a fake ChatEngine that sends by it."""
    provider = ProviderInHand()
    app = web.Application()
    app.router.add_post("/message/{call}/{instance}", provider.handle)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(ClientSession())
        port = await stack.enter_async_context(serving(app, "127.0.0.1", 0))
        provider.url = f"http://127.0.0.1:{port}"
        usual = settings.provider
        sends = ProviderSettings(
            url=provider.url, api_key=Secret("provider-key"), timeout_s=usual.timeout_s
        )
        settings = replace(settings, provider=sends)
        engine = await stack.enter_async_context(running_chatengine(settings))
        agents = await stack.enter_async_context(AsyncExitStack())
        yield World(settings, engine, provider, session, agents)
