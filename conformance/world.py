"""The world of a client under test: all the fakes over one set of data, and a network that fails.

Between the client and ChatEngine, and between it and Supabase, stands a fault proxy each; what the
client holds open is counted at the fakes and at the proxies. The fakes start in milliseconds, so
each check has a world of its own. Everything done goes into the history.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

from aiohttp import ClientSession
from msgspec import Struct

from chatengine.history import Entered, StatusEntered
from chatengine.payloads import to_wire
from chatengine.tokens import TokenRules, mint
from conformance.deadlines import Deadline
from conformance.journal import HARNESS, Journal
from conformance.probes.agent import Agent
from conformance.probes.trace import Trace
from conformance.sightings import Frames, Refusals
from conformance.targets.protocol import (
    ClientConfig,
    Endpoint,
    SupabaseEndpoint,
    Timing,
    Token,
)
from fakes.control import ControlClient
from fakes.environment import Instance, Secret
from fakes.evolution.provider import Provider
from fakes.network.proxy import RunningProxy
from fakes.network.schedule import Direction
from fakes.supabase.app import RunningSupabase
from fakes.together import FakesSettings, RunningFakes, running_fakes

__all__ = [
    "ANNA",
    "BRUNO",
    "CLARA",
    "LOSSES",
    "Loss",
    "World",
    "WorldSettings",
    "Written",
    "running_world",
]

ANNA: Final = "5511990000001@s.whatsapp.net"
BRUNO: Final = "5511990000002@s.whatsapp.net"
CLARA: Final = "5511990000003@s.whatsapp.net"
"""Customers, and so conversations."""

_SECRET: Final = Secret("what-chatengine-and-its-clients-share-in-a-check")
_SUPABASE_SECRET: Final = Secret("what-signs-the-keys-of-supabase-in-a-check")
_WRONG_SECRET: Final = "what-nobody-shares-with-anybody-in-this-check"

_INSTANCES: Final = {
    "sales-1": Instance("w-1", "n-1"),
    "sales-2": Instance("w-1", "n-2"),
    "support-1": Instance("w-2", "n-9"),
}

Loss = Literal["fin", "rst", "server disconnect", "server close"]
"""How the socket is lost while the server can be reached: TCP ends, or is reset; the server says
DISCONNECT (Socket.IO), or closes the session (Engine.IO)."""

LOSSES: Final[tuple[Loss, ...]] = ("fin", "rst", "server disconnect", "server close")


_MOST_MESSAGES: Final = 10_000
_MOST_REFUSALS: Final = 1_000_000
_LIFE_S: Final = 60.0


class WorldSettings(Struct, frozen=True, kw_only=True):
    """What differs from world to world: ChatEngine's heartbeat, as deployed unless a check needs
    to wait for it.
    """

    ping_interval_ms: int = 25_000
    ping_timeout_ms: int = 20_000


class Written(Struct, frozen=True, kw_only=True):
    """A message that is stored: its id at ChatEngine, the provider's, and where."""

    id: str
    key_id: str
    conversation_id: str
    text: str


class World:
    """Everything around a client; `running_world` makes one."""

    def __init__(
        self,
        settings: WorldSettings,
        fakes: RunningFakes,
        session: ClientSession,
        journal: Journal,
    ) -> None:
        assert fakes.supabase is not None
        self.settings = settings
        self.fakes = fakes
        self.journal = journal
        self.engine = ControlClient(session, fakes.chatengine.control)
        self.supabase: RunningSupabase = fakes.supabase
        self.provider: Provider = fakes.evolution.provider
        self.network: RunningProxy = fakes.proxies["chatengine"]
        self.supabase_network: RunningProxy = fakes.proxies["supabase"]
        self._numbers = itertools.count(1)

    # what a client is told

    def config(
        self,
        *,
        chatengine: bool = True,
        supabase: bool = True,
        workspace_id: str = "w-1",
        user_id: str = "agent-1",
        number_id: str | None = None,
        is_trusted: bool = True,
        token_life_s: int = 3600,
        timing: Timing | None = None,
    ) -> ClientConfig:
        """An agent's configuration; `is_trusted` False: with a secret that ChatEngine refuses."""
        key = self.supabase.anon_keys[workspace_id]
        there = SupabaseEndpoint(url=self.supabase_network.url, anon_key=key)
        return ClientConfig(
            chatengine=Endpoint(url=self.network.url) if chatengine else None,
            supabase=there if supabase else None,
            token=Token(
                secret=str(_SECRET) if is_trusted else _WRONG_SECRET,
                ttl_seconds=token_life_s,
                claims={"workspace_id": workspace_id, "sub": user_id},
            ),
            workspace_id=workspace_id,
            user_id=user_id,
            whatsapp_number_id=number_id,
            timing=timing or Timing(),
        )

    # who writes

    async def write(
        self,
        text: str,
        conversation_id: str = ANNA,
        *,
        ago_s: int = 0,
        instance: str = "sales-1",
        by_us: bool = False,
    ) -> Written:
        """Let a message enter as by the webhook, written `ago_s` seconds ago; `by_us`: not by the
        customer but on the phone itself, so that its status begins at `sent`.
        """
        key_id = f"3EB0{next(self._numbers):018X}"
        began_us = self.journal.now_us()
        body = {
            "instance": instance,
            "remoteJid": conversation_id,
            "keyId": key_id,
            "text": text,
            "fromMe": by_us,
            "pushName": "Anna",
            "second": int(time.time()) - ago_s,
        }
        await self.engine.call("POST", "/messages", body)
        self.journal.add(
            Entered,
            HARNESS,
            began_us=began_us,
            message=key_id,
            conversation=conversation_id,
            workspace=_INSTANCES[instance].workspace_id,
            number=_INSTANCES[instance].whatsapp_number_id,
            body=text,
        )
        return Written(
            id=f"evo-{key_id}", key_id=key_id, conversation_id=conversation_id, text=text
        )

    async def acknowledge(
        self, written: Written, status: str, *, instance: str = "sales-1"
    ) -> None:
        """Let a status enter as by the webhook."""
        began_us = self.journal.now_us()
        body = {"instance": instance, "keyId": written.key_id, "status": status}
        await self.engine.call("POST", "/statuses", body)
        self.journal.add(
            StatusEntered, HARNESS, began_us=began_us, message=written.key_id, status=status
        )

    async def push(self, event: str, data: object, conversation_id: str | None = ANNA) -> None:
        """Send any event at all to a conversation's subscribers, or to all of workspace w-1."""
        body = {"event": event, "data": data, "workspaceId": "w-1"}
        if conversation_id is not None:
            body["conversationId"] = conversation_id
        await self.engine.call("POST", "/events", body)
        self.journal.note(HARNESS, f"pushes {event}: {data!r}"[:1000])

    def copy_of(self, written: Written, *, workspace_id: str = "w-1") -> dict[str, Any]:
        """A stored message as ChatEngine pushes it."""
        store = self.fakes.chatengine.store
        kept = store.messages(
            workspace_id, written.conversation_id, since_ms=None, limit=_MOST_MESSAGES
        )
        (message,) = (each for each in kept if each.id == written.id)
        return to_wire(message)

    def touch_row(self, written: Written, **values: Any) -> None:
        """Update a message's row, with nothing new in it unless `values` has it: Realtime tells."""
        rows = self.supabase.database.update(
            "messages",
            lambda row: row["external_id"] == written.key_id,
            values or {"body": written.text},
        )
        assert len(rows) == 1, rows
        self.journal.note(HARNESS, f"updates the row of {written.key_id}: {values}")

    @asynccontextmanager
    async def colleague(self, *conversations: str) -> AsyncIterator[Agent]:
        """Another agent of the workspace, `agent-2`, who looks at these conversations.

        They are connected past the network that fails.
        """
        deadline = Deadline(_LIFE_S)
        agent = Agent("the colleague", "agent-2", "w-1", Trace(), deadline)
        token = mint(TokenRules(_SECRET), workspace_id="w-1", subject="agent-2", now=time.time())
        auth = {"token": token, "workspaceId": "w-1"}
        await agent.connect(self.fakes.chatengine.url, auth, "websocket")
        try:
            for each in conversations:
                await agent.subscribe(each)
            yield agent
        finally:
            await agent.leave()

    # the network

    async def lose(self, how: Loss) -> None:
        """End the socket that is up; another one can be had at once."""
        self.journal.note(HARNESS, f"ends the connection: {how}")
        match how:
            case "fin":
                self.network.cut_all()
            case "rst":
                self.network.reset_all()
            case "server disconnect":
                await self.engine.call("POST", "/connections/drop", {"how": "socket"})
            case "server close":
                await self.engine.call("POST", "/connections/drop", {"how": "engine"})

    def take_down(self, *proxies: RunningProxy) -> None:
        """Reset what is connected and refuse what comes: ChatEngine, unless others are named."""
        for proxy in proxies or (self.network,):
            self.journal.note(HARNESS, f"takes {self._name(proxy)} down")
            proxy.refuse()
            proxy.reset_all()

    def bring_back(self, *proxies: RunningProxy) -> None:
        """Let everything through again."""
        for proxy in proxies or (self.network,):
            proxy.heal()
            self.journal.note(HARNESS, f"brings {self._name(proxy)} back")

    def fall_silent(self) -> None:
        """Leave the socket half open, and refuse another one."""
        self.journal.note(HARNESS, "leaves the connection half open")
        self.network.refuse()
        self.network.half_open()

    async def refuse_sockets(self, **refusal: Any) -> Refusals:
        """Refuse Socket.IO's handshakes (`status`) or CONNECTs (`code`); HTTP is answered."""
        counted = refusal | {"count": _MOST_REFUSALS}
        await self.engine.call("PUT", "/faults/refusal", counted)
        self.journal.note(HARNESS, f"refuses sockets: {refusal}")
        return Refusals(self.fakes.chatengine.faults, _MOST_REFUSALS)

    async def admit_sockets(self) -> None:
        """Refuse no more."""
        await self.engine.call("DELETE", "/faults")
        self.journal.note(HARNESS, "admits sockets")

    def _name(self, proxy: RunningProxy) -> str:
        return "ChatEngine" if proxy is self.network else "Supabase"

    # what the servers see

    async def agents(self) -> list[dict[str, Any]]:
        """The sockets that ChatEngine has let in, each with what it is subscribed to."""
        listed: list[dict[str, Any]] = await self.engine.call("GET", "/connections")
        return [each for each in listed if "userId" in each]

    async def subscriptions(self) -> list[str]:
        """What is subscribed at ChatEngine, by any socket, sorted."""
        return sorted(each for agent in await self.agents() for each in agent["conversations"])

    @property
    def channels(self) -> list[str]:
        """The channels that are joined at Supabase."""
        return [each.name for each in self.supabase.hub.channels()]

    def hears_of(self, *conversations: str) -> bool:
        """Whether Supabase tells of these conversations' messages, and of all else that is asked.

        A client may show itself served as soon as its join is answered; what is written before the
        subscription is there never comes (supabase.md).
        """
        channels = list(self.supabase.hub.channels())
        named = all(map(self.watches, conversations))
        return bool(channels) and named and all(each.is_subscribed for each in channels)

    def watches(self, conversation: str) -> bool:
        """Whether a channel at Supabase is for a conversation's messages."""
        return any(
            conversation in str(binding.get("filter"))
            for each in self.supabase.hub.channels()
            for binding in each.config.postgres_changes
            if binding.get("table") == "messages"
        )

    def frames(self, regex: str, direction: Direction = "to_target") -> Frames:
        """Count the WebSocket frames of ChatEngine's socket that match, until `bring_back`.

        Those of connections that begin from now on: of an open one the proxy's log does not say
        what a frame matched.
        """
        return Frames(self.network, regex, direction)


@asynccontextmanager
async def running_world(settings: WorldSettings, journal: Journal) -> AsyncIterator[World]:
    """Run everything within the block."""
    fakes_settings = FakesSettings(
        secret=_SECRET,
        supabase_secret=_SUPABASE_SECRET,
        api_key=Secret("the-provider-key"),
        instances=_INSTANCES,
        proxied=frozenset(("chatengine", "supabase")),
        ping_interval_ms=settings.ping_interval_ms,
        ping_timeout_ms=settings.ping_timeout_ms,
    )
    async with running_fakes(fakes_settings) as fakes, ClientSession() as session:
        yield World(settings, fakes, session, journal)
