"""What a check of a server has at hand: customers, agents, calls, and one deadline for it all."""

from __future__ import annotations

import asyncio
import itertools
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final

from aiohttp import ClientSession, FormData
from yarl import URL

from chatengine import events
from chatengine.moments import from_ms
from conformance.deadlines import Deadline, until
from conformance.outcomes import CouldNotRun, NotApplicable, beginning
from conformance.probes.agent import Agent, Where
from conformance.probes.http import Answer, Http
from conformance.probes.polling import RawPolling
from conformance.probes.provider import Provider
from conformance.probes.tokens import claims_of, signed
from conformance.probes.trace import Trace
from conformance.probes.webhook import Entered, Number, Webhook
from conformance.probes.websocket import RawWebSocket
from conformance.probes.wire import TransportName, Wire
from conformance.server.patience import CHECK_S
from conformance.server.shapes import UPLOADED, require_shape
from conformance.targets.server import ServerUnderTest
from conformance.targets.servers import Servers, numbers_of
from fakes.control import ControlClient
from fakes.network import Address, ProxySettings, RunningProxy, running_proxy

__all__ = ["Chat", "holds", "moment", "open_chat"]

_LAST_LOOK_S: Final = 2.0
"""As `AT_ONCE_S` of the sessions: a busy machine's second, twice."""

Fits = Callable[[list[dict[str, Any]]], bool]
"""Whether messages are those that are waited for."""

_NAMES: Final = ("Ana", "Bia", "Caio", "Davi", "Elis", "Fábio", "Gil", "Heitor", "Iara", "João")


class Chat:
    """A server under test, and the world around it for the length of one check.

    Conversations, ids and users are its own, so that others may be busy on the same server.
    """

    def __init__(
        self,
        deadline: Deadline,
        begin_s: float,
        servers: Servers,
        server: ServerUnderTest,
        session: ClientSession,
        control: ControlClient | None,
        rng: random.Random,
        stack: AsyncExitStack,
    ) -> None:
        self.server = server
        self.settings = server.settings
        self.rng = rng
        self.trace = Trace()
        self.deadline = deadline
        self._begin_s = begin_s
        self.here = numbers_of(server.settings)[0]
        self.http = Http(server.url, session, self.trace, self.deadline)
        self.webhook = Webhook(self.http, self.here, self.trace)
        self._servers = servers
        self._control = control
        self._stack = stack
        self._names = itertools.cycle(_NAMES)

    @property
    def patience(self) -> Deadline:
        """What is left for waiting, if time is to be left for a last look, and to tell of it."""
        return Deadline(max(0.0, self.deadline.left_s - _LAST_LOOK_S))

    # names

    @property
    def numbers(self) -> list[Number]:
        """All WhatsApp numbers that the server was told of."""
        return numbers_of(self.settings)

    @property
    def numbers_here(self) -> list[Number]:
        """Those of the check's own workspace."""
        return [each for each in self.numbers if each.workspace_id == self.here.workspace_id]

    @property
    def elsewhere(self) -> Number:
        """A number of another workspace; raises `CouldNotRun` where there is none."""
        for number in numbers_of(self.settings):
            if number.workspace_id != self.here.workspace_id:
                return number
        raise CouldNotRun("INSTANCES names one workspace alone, and this takes two.")

    @property
    def sees_sends(self) -> bool:
        """Whether the server sends through the harness's own provider."""
        return self._control is not None

    @property
    def provider(self) -> Provider:
        """The provider that the server sends by; raises `CouldNotRun` where it cannot be seen."""
        if self._control is None:
            raise CouldNotRun("EVOLUTION_API_URL is not set: what the server sends cannot be seen.")
        return Provider(self._control, self.trace, self.deadline)

    def conversation(self) -> str:
        """A customer nobody has heard of: a JID, and so a conversation (section 2)."""
        return f"5511{900_000_000 + secrets.randbelow(100_000_000)}@s.whatsapp.net"

    def group(self) -> str:
        """A group nobody has heard of."""
        return f"120363{secrets.randbelow(10**12):012}@g.us"

    def name(self, prefix: str) -> str:
        """A name that was never given before."""
        return f"{prefix}-{secrets.token_hex(6)}"

    def token(
        self,
        *,
        number: Number | None = None,
        user: str = "agent-1",
        claims: Mapping[str, object] | None = None,
    ) -> str:
        """A good token, but for the claims that are named; None takes one away."""
        good = claims_of(self.settings, (number or self.here).workspace_id, user)
        told = good | dict(claims or {})
        kept = {name: value for name, value in told.items() if value is not None}
        return signed(kept, self.settings.secret)

    def auth(self, **how: Any) -> dict[str, str]:
        """What a good CONNECT carries; `how` as of `token`."""
        number: Number = how.get("number") or self.here
        return {"token": self.token(**how), "workspaceId": number.workspace_id}

    async def needs(self, capability: str) -> None:
        """Raise `NotApplicable` unless the server claims a capability."""
        await self._servers.needs(capability)

    async def claims(self, capability: str) -> bool:
        """Whether the server claims a capability."""
        return await self._servers.claims(capability)

    # sockets

    async def agent(
        self, *transports: TransportName, subscribed_to: str | Iterable[str] = (), **who: Any
    ) -> Agent:
        """Begin with an agent who is connected and subscribed; `who` as of `arrives`.

        Raises `CouldNotRun` where that is not to be had: it is not what the check is about.
        """
        async with self._begins("an agent who is let in (S-AUTH-8, S-PRO-1, S-PRO-3)"):
            agent = await self.arrives(*transports, **who)
        for each in [subscribed_to] if isinstance(subscribed_to, str) else subscribed_to:
            async with self._begins("a subscription that is acknowledged (S-SUB-1, S-PRO-5)"):
                await agent.subscribe(each)
        return agent

    @asynccontextmanager
    async def _begins(self, what: str) -> AsyncIterator[None]:
        with beginning(what):
            async with asyncio.timeout(self._begin_s):
                yield

    async def arrives(
        self,
        *transports: TransportName,
        number: Number | None = None,
        url: str | None = None,
        user: str | None = None,
    ) -> Agent:
        """Connect an agent, by WebSocket unless told otherwise; it leaves with the check.

        Raises `Nonconforming` where it is not let in.
        """
        name = next(self._names)
        user = user or self.name(name.lower())
        number = number or self.here
        agent = Agent(name, user, number.workspace_id, self.trace, self.deadline)
        self._stack.push_async_callback(agent.leave)
        auth = self.auth(number=number, user=user)
        await agent.connect(url or self.server.url, auth, *(transports or ("websocket",)))
        return agent

    async def proxy(self) -> RunningProxy:
        """Put a network that fails as it is told in front of the server."""
        url = URL(self.server.url)
        if url.scheme == "https":
            raise NotApplicable("Behind TLS nothing can be put in front of the server from here.")
        target = Address(url.host or "", url.port or 0)
        return await self._stack.enter_async_context(running_proxy(ProxySettings(target=target)))

    async def wire(self, transport: TransportName = "websocket", **how: Any) -> Wire:
        """Open an Engine.IO session of which every packet is in the check's hand."""
        if transport == "polling":
            return await self.polling(**how)
        return await self.websocket(**how)

    async def websocket(self, **how: Any) -> RawWebSocket:
        """Open a WebSocket; `how` as of `RawWebSocket.open`."""
        opened = await RawWebSocket.open(self.server.url, self.trace, self.deadline, **how)
        self._stack.push_async_callback(opened.close)
        return opened

    async def polling(self, **how: Any) -> RawPolling:
        """Open a session over polling; `how` as of `RawPolling.open`."""
        opened = await RawPolling.open(self.server.url, self.trace, self.deadline, **how)
        self._stack.push_async_callback(opened.close)
        return opened

    async def joined(self, transport: TransportName = "websocket", **how: Any) -> Wire:
        """Begin with a session that is connected with good credentials; `how` as of `token`.

        Raises `CouldNotRun` where that is not to be had.
        """
        async with self._begins("a session that is let in (S-AUTH-8, S-PRO-1, S-PRO-3)"):
            wire = await self.wire(transport)
            await wire.join(self.auth(**how))
        return wire

    # what is asked for often

    async def history(self, conversation: str, **query: Any) -> list[dict[str, Any]]:
        """The messages of a conversation over HTTP; `number` and `query` as they are named."""
        number = query.pop("number", None)
        found = await self.http.ask(
            "GET",
            "/api/chat/messages",
            200,
            token=self.token(number=number),
            params={"conversationId": conversation, "limit": "500"} | query,
        )
        self.trace.require(
            isinstance(found, list) and all(isinstance(each, dict) for each in found),
            expected="a list of messages",
            seen=found,
        )
        messages: list[dict[str, Any]] = found
        return messages

    async def history_when(
        self, conversation: str, fits: Fits, **query: Any
    ) -> list[dict[str, Any]]:
        """The messages of a conversation as soon as they fit, or as they are in the end.

        A server may answer a webhook before it has handled it: a first look may be too early.
        """

        async def look() -> bool:
            return fits(await self.history(conversation, **query))

        with suppress(TimeoutError):
            await until(look, self.patience, pause_s=0.05)
        return await self.history(conversation, **query)

    async def sends(
        self,
        agent: Agent,
        conversation: str,
        text: str,
        *,
        client_id: str | None = None,
        **fields: Any,
    ) -> str:
        """Let an agent send a text; returns its client id of it.

        `fields` are further ones, or stand for others; what is None is left out.

        Raises `CouldNotRun` where the provider is another's: nobody wants these messages.
        """
        self.provider  # noqa: B018  # asked for what it raises
        client_id = client_id or self.name("c")
        command = {
            "type": events.SEND_MESSAGE,
            "conversationId": conversation,
            "content": text,
            "messageId": client_id,
            "timestamp": moment(),
            **fields,
        }
        given = {name: value for name, value in command.items() if value is not None}
        await agent.emit(events.SEND_MESSAGE, given)
        return client_id

    async def posts(self, conversation: str, text: str, **fields: Any) -> Answer:
        """Send a text over HTTP; `fields` are further ones of the body, `user` who sends.

        Raises `CouldNotRun` where the provider is another's.
        """
        self.provider  # noqa: B018  # asked for what it raises
        token = self.token(user=fields.pop("user", "agent-1"))
        body = {"conversationId": conversation, "type": "text", "content": text} | fields
        return await self.http.call("POST", "/api/chat/messages", token=token, json=body)

    async def uploads(self, name: str, content: bytes, mime_type: str) -> dict[str, Any]:
        """Upload a file; returns the attachment, whose shape is looked at."""
        form = FormData()
        form.add_field("file", content, filename=name, content_type=mime_type)
        attachment: dict[str, Any] = await self.http.ask(
            "POST", "/api/chat/attachments", 201, token=self.token(), data=form
        )
        require_shape(self.trace, attachment, UPLOADED, "an attachment")
        return attachment

    async def fence(self, agent: Agent, conversation: str) -> None:
        """Wait until what was on its way has come: a message sent behind it has arrived.

        The agent is subscribed to that conversation.
        """
        number = next(
            each for each in numbers_of(self.settings) if each.workspace_id == agent.workspace_id
        )
        fence = await self.webhook.writes(conversation, "fence", number=number)
        await agent.gets(events.MESSAGE, id=fence.id)

    def none(self, agent: Agent, event: str, where: Where | None = None, **fields: object) -> None:
        """Check that an agent got no such event; raises `Nonconforming`."""
        found = agent.got(event, where, **fields)
        self.trace.require(
            not found, expected=f"no `{event}` with {fields} at {agent.name}", seen=found
        )

    async def one(self, agent: Agent, entered: Entered) -> dict[str, Any]:
        """Wait for a message at an agent; returns it, once it is known to have come once."""
        message: dict[str, Any] = await agent.gets(events.MESSAGE, id=entered.id)
        await self.fence(agent, entered.conversation)
        copies = len(agent.got(events.MESSAGE, id=entered.id))
        self.trace.require(
            copies == 1, expected=f"one `message` {entered.id} at {agent.name}", seen=copies
        )
        return message


def holds(ids: Iterable[str]) -> Fits:
    """Look for messages of these ids, whatever else is there, and in whichever order."""
    wanted = set(ids)
    return lambda found: wanted <= {each.get("id") for each in found}


def moment() -> str:
    """Now, as the wire has moments."""
    return from_ms(time.time_ns() // 1_000_000)


@asynccontextmanager
async def open_chat(
    servers: Servers,
    server: ServerUnderTest,
    session: ClientSession,
    control: ControlClient | None,
    rng: random.Random,
    deadline: Deadline,
    *,
    begin_s: float = CHECK_S,
) -> AsyncIterator[Chat]:
    """Yield what a check has at hand, until then; what it begins with has to come in `begin_s`.

    Behind it the server has to go on, whatever it was told.
    """
    async with AsyncExitStack() as stack:
        chat = Chat(deadline, begin_s, servers, server, session, control, rng, stack)
        yield chat
    problem = await server.problem(session)
    chat.trace.require(
        problem is None, expected="a server that goes on after the check", seen=problem
    )
