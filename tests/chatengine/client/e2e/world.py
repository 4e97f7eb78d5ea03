"""A CRM client against the fakes, over real sockets, with a network in front that can fail."""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession
from msgspec.structs import replace

from chatengine.client import (
    ChatEngineConfig,
    ClientConfig,
    CrmClient,
    Message,
    Source,
    SupabaseConfig,
    Timing,
    TokenConfig,
)
from fakes.control import ControlClient
from fakes.environment import Secret
from fakes.network.schedule import Hold, OnFrame, Refuse, Rule, Schedule
from fakes.together import FakesSettings, RunningFakes, running_fakes
from tests.fakes.chatengine.world import JID, OTHER_JID, SECRET, SETTINGS
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fakes.network.proxy import RunningProxy

__all__ = ["JID", "OTHER_JID", "QUICK", "World", "bodies", "message", "running_world", "tasks_of"]

QUICK = Timing(
    reconnect_delay_ms=20,
    reconnect_delay_max_ms=200,
    connect_timeout_ms=1000,
    fallback_after_ms=100,
    release_after_ms=1000,
    poll_interval_ms=200,
    http_timeout_ms=1000,
    ack_timeout_ms=500,
)
"""Waits that a test can wait for; what the contract fixes (typing, sends) is as usual."""

FAKES = FakesSettings(
    secret=SETTINGS.secret,
    instances=SETTINGS.instances,
    api_key=Secret("the-provider-key"),
    supabase_secret=SETTINGS.secret,
    proxied=frozenset(("chatengine", "supabase")),
)


class World:
    """The fakes that run, whoever writes by WhatsApp, and how a client is told of all that."""

    def __init__(self, fakes: RunningFakes, session: ClientSession) -> None:
        assert fakes.supabase is not None
        self.fakes = fakes
        self.session = session
        self.engine = ControlClient(session, fakes.chatengine.control)
        self.supabase = fakes.supabase
        self.evolution = fakes.evolution.provider
        self._numbers = itertools.count(1)

    # the network

    @property
    def network(self) -> RunningProxy:
        """Between the client and ChatEngine."""
        return self.fakes.proxies["chatengine"]

    @property
    def supabase_network(self) -> RunningProxy:
        """Between the client and Supabase."""
        return self.fakes.proxies["supabase"]

    def take_chatengine_down(self) -> None:
        """Reset what is connected, and refuse what comes."""
        self.network.refuse()
        self.network.reset_all()

    def bring_chatengine_back_without_history(self) -> None:
        """Let the next connection through, which is the socket's, and none of those behind it."""
        next_one = self.network.stats.accepted + 1
        self.network.heal()
        self.network.apply(Schedule((Rule(Refuse(), first=next_one + 1),)))

    def count(self, event: str) -> None:
        """Count the frames with which clients send an event, from now on: see `counted`."""
        rule = Rule(Hold(0), OnFrame(times=None, direction="to_target", contains=f'["{event}"'))
        self.network.apply(Schedule((rule,)))

    @property
    def counted(self) -> int:
        """How many frames matched."""
        return self.network.stats.fired.get("hold", 0)

    # the clients

    def config(
        self,
        *,
        chatengine: bool = True,
        supabase: bool = True,
        workspace_id: str = "w-1",
        user_id: str = "agent-1",
        number_id: str | None = None,
        secret: str = SECRET,
        timing: Timing = QUICK,
    ) -> ClientConfig:
        """An agent's configuration, through the network."""
        key = self.supabase.anon_keys[workspace_id]
        return ClientConfig(
            chatengine=ChatEngineConfig(url=self.network.url) if chatengine else None,
            supabase=SupabaseConfig(url=self.supabase_network.url, anon_key=key)
            if supabase
            else None,
            token=TokenConfig(secret=secret),
            workspace_id=workspace_id,
            user_id=user_id,
            whatsapp_number_id=number_id,
            timing=timing,
        )

    @asynccontextmanager
    async def client(
        self, *, connected: bool = True, opened: str | None = JID, **config: Any
    ) -> AsyncIterator[CrmClient]:
        """A client that runs; its socket serves, and `opened` is subscribed and complete."""
        async with CrmClient(self.config(**config)) as client:
            if opened is not None:
                client.open(opened)
            if connected:
                await until(lambda: client.connection.source is Source.WEBSOCKET)
                await self.served(client)
            yield client

    async def served(self, client: CrmClient, conversation_id: str = JID) -> None:
        """Wait until the client shows what is written now: it is subscribed."""
        if conversation_id not in client.snapshot()["typing"]:
            return
        text = f"anybody there? {next(self._numbers)}"
        await self.write(text, conversation_id)
        await until(lambda: text in bodies(client, conversation_id))

    # the customers

    async def write(
        self,
        text: str,
        jid: str = JID,
        *,
        key_id: str | None = None,
        second: int | None = None,
        instance: str = "sales-1",
        from_me: bool = False,
        name: str = "Maria",
    ) -> str:
        """Let a message enter; returns the provider's id."""
        body = {
            "instance": instance,
            "remoteJid": jid,
            "text": text,
            "fromMe": from_me,
            "pushName": name,
            "second": second or int(time.time()),
        }
        if key_id is not None:
            body["keyId"] = key_id
        written: dict[str, str] = await self.engine.call("POST", "/messages", body)
        return written["keyId"]

    async def acknowledge(self, key_id: str, status: str, instance: str = "sales-1") -> None:
        """Let a status enter."""
        body = {"instance": instance, "keyId": key_id, "status": status}
        await self.engine.call("POST", "/statuses", body)

    async def push(self, event: str, data: object, conversation_id: str | None = JID) -> None:
        """Send any event at all to the subscribers of a conversation, or to the workspace."""
        body = {"event": event, "data": data, "workspaceId": "w-1"}
        if conversation_id is not None:
            body["conversationId"] = conversation_id
        await self.engine.call("POST", "/events", body)

    # what the servers see

    async def agents(self) -> list[dict[str, Any]]:
        """The agents' sockets at ChatEngine, each with its subscriptions."""
        listed: list[dict[str, Any]] = await self.engine.call("GET", "/connections")
        return [each for each in listed if "userId" in each]

    async def subscriptions(self) -> list[str]:
        """What is subscribed, by whomever."""
        return [each for agent in await self.agents() for each in agent["conversations"]]

    @property
    def channels(self) -> list[str]:
        """The channels at Supabase that get changes."""
        return [each.name for each in self.supabase.hub.channels() if each.is_subscribed]


@asynccontextmanager
async def running_world(**settings: Any) -> AsyncIterator[World]:
    """Run everything within the block."""
    async with running_fakes(replace(FAKES, **settings)) as fakes, ClientSession() as session:
        yield World(fakes, session)


def bodies(client: CrmClient, conversation_id: str = JID) -> list[str]:
    """The texts that are shown, newest first."""
    return [each.body for each in client.messages(conversation_id)]


def message(client: CrmClient, body: str, conversation_id: str = JID) -> Message:
    """The one message with that text."""
    (found,) = (each for each in client.messages(conversation_id) if each.body == body)
    return found


def tasks_of(part: str) -> list[asyncio.Task[object]]:
    """The tasks that run in a part of the client; the one that asks is none of them."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return [each for each in others if f"chatengine/client/{part}" in str(each)]
