"""The Supabase client and the fake Supabase, with the fault proxy between them where asked for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from chatengine.client.config import SupabaseConfig, Timing
from chatengine.client.supabase import RealtimeSource, SupabaseRest, conversation_topic
from fakes.environment import Instance
from fakes.network import Address, ProxySettings, Rule, RunningProxy, Schedule, running_proxy
from fakes.supabase import RunningSupabase, SupabaseSettings, running_supabase
from fakes.supabase import Timing as FakeTiming
from tests.chatengine.client.supabase.heard import Heard
from tests.waiting import until

__all__ = ["AT_ONCE", "AWKWARD", "JID", "TOPIC", "World", "running"]

JID = "5511999999999@s.whatsapp.net"
AWKWARD = 'a,b"c(d)'
TOPIC = f"messages-{JID}"

INSTANCES = {"sales-1": Instance("w-1", "n-1"), "support-1": Instance("w-2", "n-2")}

AT_ONCE = FakeTiming(system_delay_ms=5, failed_join_ms=5, refused_handshake_ms=0, poll_ms=5)

QUICK = Timing(
    reconnect_delay_ms=20,
    reconnect_delay_max_ms=100,
    connect_timeout_ms=500,
    join_timeout_ms=400,
    heartbeat_ms=100,
)


class World:
    """A source watching one conversation of w-1, the reads beside it, and the fake."""

    def __init__(
        self,
        fake: RunningSupabase,
        proxy: RunningProxy,
        source: RealtimeSource,
        rest: SupabaseRest,
        heard: Heard,
    ) -> None:
        self.fake = fake
        self.proxy = proxy
        self.source = source
        self.rest = rest
        self.heard = heard

    def write(self, body: str, *, conversation: str = JID, workspace: str = "w-1") -> str:
        """Store a message; its row's id."""
        row = {"conversation_id": conversation, "workspace_id": workspace, "body": body}
        (written,) = self.fake.database.insert("messages", [row])
        return str(written["id"])

    @property
    def bodies(self) -> list[Any]:
        """The bodies of the rows that came, in order."""
        return [row["body"] for row in self.heard.rows]

    async def serves(self, *topics: str) -> None:
        await until(lambda: self.source.serving == frozenset(topics or (TOPIC,)), within_s=10)

    def drop(self) -> None:
        """Cut every connection, without a word."""
        for socket in tuple(self.fake.hub.sockets.values()):
            socket.abort()

    async def hears(self, what: str, times: int = 1) -> None:
        await until(lambda: [told for told, _ in self.heard.told].count(what) >= times)


@asynccontextmanager
async def running(
    *,
    timing: FakeTiming = AT_ONCE,
    key: str | None = None,
    token: Callable[[RunningSupabase], Awaitable[str]] | None = None,
    rules: tuple[Rule, ...] | None = None,
) -> AsyncIterator[World]:
    """A source that watches one conversation; no channel is left on the fake at the end.

    With `rules` it is reached through a proxy that breaks them.
    """
    settings = SupabaseSettings(instances=INSTANCES, timing=timing)
    async with AsyncExitStack() as stack:
        fake = await stack.enter_async_context(running_supabase(settings))
        between = ProxySettings(
            target=Address("127.0.0.1", fake.port), schedule=Schedule(rules or ())
        )
        proxy = await stack.enter_async_context(running_proxy(between))
        config = SupabaseConfig(
            url=fake.url if rules is None else proxy.url,
            anon_key=key or fake.anon_keys["w-1"],
        )
        access = None if token is None else lambda: token(fake)
        heard = Heard()
        source = RealtimeSource(config, QUICK, heard, access, random=lambda: 0.0)
        rest = SupabaseRest(config, QUICK, access)
        source.start()
        source.watch(*conversation_topic(JID))
        try:
            yield World(fake, proxy, source, rest, heard)
        finally:
            await source.stop()
            await rest.close()
            proxy.heal()
        await until(lambda: not fake.hub.sockets)
