"""Fakes behind a network that can fail, CRM clients of them, and the moments at which things show.

All in this process and on one loop: what is measured has the fakes' own time in it.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from chatengine.client import (
    ChatEngineConfig,
    ClientConfig,
    CrmClient,
    Source,
    SupabaseConfig,
    Timing,
    TokenConfig,
)
from chatengine.status import Status
from fakes.chatengine.store import Draft, Route
from fakes.environment import Instance, Secret
from fakes.together import Fake, FakesSettings, RunningFakes, running_fakes

__all__ = ["CONVERSATION", "GIVE_UP_S", "World", "running_world", "serves", "shows", "when"]

CONVERSATION: Final = "5511990000001@s.whatsapp.net"
GIVE_UP_S: Final = 30.0
"""What has not happened by then counts as having taken that long."""

_WORKSPACE: Final = "w-1"
_NUMBER: Final = "n-1"
_INSTANCE: Final = "sales-1"


class World:
    """The fakes, and what happens to them."""

    def __init__(self, fakes: RunningFakes, secret: str) -> None:
        self._fakes = fakes
        self._secret = secret
        route = Route(_INSTANCE, _NUMBER, CONVERSATION)
        fakes.chatengine.store.open(_WORKSPACE, route)

    def down(self, fake: Fake) -> None:
        """Reset what is connected to a server, and refuse what comes."""
        self._fakes.proxies[fake].refuse()
        self._fakes.proxies[fake].reset_all()

    def up(self, fake: Fake) -> None:
        """Let everybody through again."""
        self._fakes.proxies[fake].heal()

    def write(self, texts: Sequence[str]) -> None:
        """Let a customer write all of them, a hundred a second, the last one just now."""
        first = int(time.time()) - len(texts) // 100
        for number, text in enumerate(texts):
            key = f"3EB0{secrets.token_hex(8).upper()}"
            draft = Draft(
                id=f"evo-{key}",
                provider_id=key,
                sender_id=CONVERSATION,
                type="text",
                content=text,
                status=Status.DELIVERED,
                second=first + number // 100,
                from_customer=True,
            )
            self._fakes.chatengine.store.add(_WORKSPACE, CONVERSATION, draft)

    @asynccontextmanager
    async def clients(
        self, count: int, timing: Timing, *, chatengine: bool = True, supabase: bool = True
    ) -> AsyncIterator[list[CrmClient]]:
        """So many that run, each with the conversation open and served by its first source."""
        config = self._config(timing, chatengine, supabase)
        first = Source.WEBSOCKET if chatengine else Source.SUPABASE
        async with AsyncExitStack() as stack:
            found = []
            for _ in range(count):
                client = await stack.enter_async_context(CrmClient(config))
                client.open(CONVERSATION)
                found.append(client)
            for client in found:
                await when(client, serves(client, first))
            yield found

    def _config(self, timing: Timing, chatengine: bool, supabase: bool) -> ClientConfig:
        fakes = self._fakes
        assert fakes.supabase is not None
        key = fakes.supabase.anon_keys[_WORKSPACE]
        return ClientConfig(
            workspace_id=_WORKSPACE,
            user_id="u-1",
            chatengine=ChatEngineConfig(url=fakes.url_of("chatengine")) if chatengine else None,
            token=TokenConfig(secret=self._secret),
            supabase=SupabaseConfig(url=fakes.url_of("supabase"), anon_key=key)
            if supabase
            else None,
            timing=timing,
        )


@asynccontextmanager
async def running_world() -> AsyncIterator[World]:
    """Run everything within the block."""
    secret = secrets.token_hex()
    settings = FakesSettings(
        secret=Secret(secret),
        instances={_INSTANCE: Instance(_WORKSPACE, _NUMBER)},
        api_key=Secret(secrets.token_hex()),
        supabase_secret=Secret(secrets.token_hex()),
        proxied=frozenset(("chatengine", "supabase")),
    )
    async with running_fakes(settings) as fakes:
        yield World(fakes, secret)


def serves(client: CrmClient, source: Source) -> Callable[[], bool]:
    """Whether this source serves."""
    return lambda: client.connection.source is source


def shows(client: CrmClient, texts: Sequence[str]) -> Callable[[], bool]:
    """Whether the newest messages are these, all and in order."""
    wanted = list(reversed(texts))

    def look() -> bool:
        shown = client.messages(CONVERSATION)[: len(wanted)]
        return len(shown) == len(wanted) and [each.body for each in shown] == wanted

    return look


async def when(client: CrmClient, holds: Callable[[], bool]) -> float:
    """The moment (monotonic, s) at which it holds; after `GIVE_UP_S` whatever moment that is."""
    changed = asyncio.Event()
    end = client.on_change(lambda _: changed.set())
    try:
        async with asyncio.timeout(GIVE_UP_S):
            while not holds():
                changed.clear()
                await changed.wait()
    except TimeoutError:
        pass
    finally:
        end()
    return time.monotonic()
