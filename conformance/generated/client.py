"""The target of a CRM client: behind its adapter, between fakes and a network that fails."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Final

from chatengine.history import Entered, Held, Shown
from chatengine.moments import to_ms
from chatengine.payloads import Message, to_wire
from chatengine.status import Status
from conformance.deadlines import Deadline, until
from conformance.generated import schedules as steps
from conformance.generated.blame import FENCE, NO_SOCKET
from conformance.generated.schedules import Server, Step
from conformance.history import History
from conformance.journal import HARNESS, Journal
from conformance.outcomes import CouldNotRun
from conformance.targets.adapter import Adapter
from conformance.targets.client import PATIENCE_S, ClientUnderTest
from conformance.targets.protocol import ClientConfig, Snapshot, Timing
from conformance.world import World, WorldSettings, Written, running_world
from fakes.network.proxy import RunningProxy

__all__ = ["ClientTarget"]

_CLIENT: Final = "client"
_INSTANCE, _WORKSPACE, _NUMBER = "sales-1", "w-1", "n-1"

_WORLD: Final = WorldSettings(ping_interval_ms=1000, ping_timeout_ms=1000)
"""A dead connection that nobody ends is noticed within 2 s, and no more than that is waited for."""

_TIMING: Final = Timing(
    reconnect_delay_ms=50, reconnect_delay_max_ms=250, fallback_after_ms=100, poll_interval_ms=250
)
"""A schedule has many losses, and the time of a search is mostly spent in coming back from them."""

_RESTART_S: Final = 0.1
"""How long a server that restarts is gone: a client that comes back at once meets nobody."""

_CONNECTED_S: Final = 10.0
"""For the first connection; the contract promises 5 s for one that comes back (C-CONN-3)."""

_WATCHED_S: Final = 1.0
"""From opening a conversation to being told of it. Nothing is judged by it; where nobody serves, it
is waited for in vain."""

_STORED_S: Final = 5.0
_MOST_MESSAGES: Final = 10_000

_FILTER: Final = re.compile(r"conversation_id=eq\.(.+)")


class ClientTarget:
    """One process of the client, in a world of its own for each schedule; `close` ends both."""

    patience_s = PATIENCE_S

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._adapter: Adapter
        self._client: ClientUnderTest
        self._is_running = False
        self._spare: asyncio.Task[Adapter] | None = None
        self._stack = AsyncExitStack()
        self._journal = Journal()
        self._world: World
        self._config: ClientConfig
        self._down: set[Server] = set()
        self._was_away = False
        self._opened: Counter[int] = Counter()
        self._copies: dict[int, tuple[str, object]] = {}
        self._fences = 0

    def now_us(self) -> int:
        """The journal's clock."""
        return self._journal.now_us()

    async def close(self) -> None:
        """End the client, and what is around it."""
        if self._is_running:
            await self._adapter.close()
        if self._spare is not None:
            await (await self._spare).close()
        await self._stack.aclose()

    async def reset(self, *, fresh: bool) -> History:
        """Start the client afresh in another world, in another process if asked.

        Raises `CouldNotRun` where the adapter cannot be started, or breaks off, or does not
        connect; `NotApplicable` for a client that has no socket, or no fallback: what it owes its
        user across a gap is another thing.
        """
        if self._is_running and not fresh:
            await self._client.stop()
        await self._stack.aclose()
        if fresh or not self._is_running:
            await self._start_process(needs_another=self._is_running)
        self._journal = Journal()
        self._world = await self._stack.enter_async_context(running_world(_WORLD, self._journal))
        self._client = await ClientUnderTest.greet(self._adapter, self._journal, _CLIENT)
        self._client.needs("websocket", "supabase")
        self._down.clear()
        self._opened.clear()
        self._copies.clear()
        self._was_away = False
        self._config = self._world.config(timing=_TIMING)
        await self._client.start(self._config)
        try:
            await until(self._is_back, Deadline(_CONNECTED_S))
        except TimeoutError:
            raise CouldNotRun(
                "The schedules need a connected client, and did not get it."
            ) from None
        return self._since(0)

    async def _start_process(self, *, needs_another: bool) -> None:
        """Take the process that stands by, and have another one start meanwhile if wanted."""
        if self._is_running:
            self._is_running = False
            await self._adapter.close()
        spare, self._spare = self._spare, None
        self._adapter = await (spare or Adapter.start(self._command))
        self._is_running = True
        if needs_another:
            self._spare = asyncio.create_task(Adapter.start(self._command))

    async def do(self, step: Step) -> History:
        """Carry a step out; what needs a capability that is not claimed is left out."""
        before = len(self._journal.records)
        match step:
            case steps.Write():
                await self._write(step)
            case steps.Again(message=message):
                if message in self._copies:
                    conversation_id, copy = self._copies[message]
                    await self._world.push("message", copy, conversation_id)
            case steps.Status():
                await self._acknowledge(step)
            case steps.Send(message=message, conversation=conversation):
                if self._client.claims("send"):
                    text, client_id = f"sent: {message}", f"send-{message}"
                    await self._client.send(_jid(conversation), text, client_id)
            case steps.Open(conversation=conversation):
                self._opened[conversation] += 1
                await self._client.open(_jid(conversation))
                await self._is_watched(_jid(conversation))
            case steps.Close(conversation=conversation):
                if self._opened[conversation]:
                    self._opened[conversation] -= 1
                    await self._client.close(_jid(conversation))
            case _:
                await self._break(step)
        return self._since(before)

    async def settle(self, deadline: Deadline) -> History:
        """Make all good, wait until the client is back, and write into what is open."""
        before = len(self._journal.records)
        self._bring_back("chatengine")
        self._bring_back("supabase")
        with suppress(TimeoutError):
            await until(self._is_back, deadline)
        if self._was_away:
            # Events add or update entries of its list (C-CNV-1), and of a gap only messages and
            # statuses have to be fetched (C-FBK-4): what it missed, its list need not know of.
            self._journal.watch(_CLIENT, self._config)
            self._was_away = False
        for conversation in +self._opened:
            self._fences += 1
            await self._enters(f"{FENCE}{self._fences}", conversation, "the fence")
        return self._since(before)

    async def snapshot(self) -> History:
        """What the client shows, and what the servers hold for it."""
        shown = Journal()
        shown.shown(_CLIENT, await self._adapter.ask("snapshot", Snapshot))
        there = {record.conversation for record in shown.records if isinstance(record, Shown)}
        for conversation in map(_jid, +self._opened):
            if conversation not in there:
                shown.add(Shown, _CLIENT, conversation=conversation, messages=())
        if not await self._world.agents():
            shown.note(_CLIENT, NO_SOCKET)
        held = tuple(await self._world.subscriptions())
        shown.add(Held, _CLIENT, conversations=held)
        shown.add(Held, _CLIENT, conversations=tuple(self._channels()), by="supabase")
        return shown.records

    # who writes

    async def _write(self, step: steps.Write) -> None:
        stored = await self._enters(
            _key(step.message),
            step.conversation,
            f"message {step.message}",
            ago_s=step.ago_s,
            by_us=step.by_us,
        )
        self._copies[step.message] = stored.conversation_id, to_wire(stored)

    async def _enters(
        self, key_id: str, conversation: int, text: str, *, ago_s: int = 0, by_us: bool = False
    ) -> Message:
        """Let a message enter as by the webhook, under a name that a status may have had before."""
        began_us = self.now_us()
        body = {
            "instance": _INSTANCE,
            "remoteJid": _jid(conversation),
            "keyId": key_id,
            "text": text,
            "fromMe": by_us,
            "second": int(time.time()) - ago_s,
        }
        await self._world.engine.call("POST", "/messages", body)
        # What may be the echo of a send under way is stored when that is settled.
        stored = await until(lambda: self._stored(key_id, _jid(conversation)), Deadline(_STORED_S))
        self._journal.add(
            Entered,
            HARNESS,
            began_us=began_us,
            message=key_id,
            conversation=_jid(conversation),
            workspace=_WORKSPACE,
            number=_NUMBER,
            created_ms=to_ms(stored.created_at),
            body=text,
        )
        return stored

    def _stored(self, key_id: str, conversation_id: str) -> Message | None:
        store = self._world.fakes.chatengine.store
        kept = store.messages(_WORKSPACE, conversation_id, since_ms=None, limit=_MOST_MESSAGES)
        return next((each for each in kept if each.id == f"evo-{key_id}"), None)

    async def _acknowledge(self, step: steps.Status) -> None:
        """Let a status enter; one that ChatEngine keeps to itself is pushed all the same.

        A status that is behind is nothing to a server that keeps the contract, but an old event
        may be under way when the new one comes (C-STA-1).
        """
        key_id = _key(step.message)
        named = Written(id=f"evo-{key_id}", key_id=key_id, conversation_id="", text="")
        conversation_id, _ = self._copies.get(step.message, ("", None))
        stored = self._stored(key_id, conversation_id)
        await self._world.acknowledge(named, step.status)
        if stored is not None and not _is_higher(step.status, stored.status):
            payload = {"messageId": stored.id, "status": step.status}
            await self._world.push("messageStatus", payload, conversation_id)

    # what goes wrong

    async def _break(self, step: Step) -> None:
        self._was_away |= step != steps.Down("supabase") and not isinstance(step, steps.Up)
        match step:
            case steps.Lose(how=how) if how != "half-open":
                await self._world.lose(how)
            case steps.Lose():
                self._world.fall_silent()
                self._down.add("chatengine")
            case steps.Down(server=server):
                self._world.take_down(self._proxy(server))
                self._down.add(server)
            case steps.Up(server=server):
                self._bring_back(server)
            case steps.Restart():
                await self._restart()
            case steps.Expire():
                refusal = {"code": "unauthorized", "message": "the token has expired", "count": 1}
                await self._world.engine.call("PUT", "/faults/refusal", refusal)
                await self._world.lose("server close")

    async def _restart(self) -> None:
        await self._world.lose("server close")
        if "chatengine" not in self._down:
            self._world.take_down()
            await asyncio.sleep(_RESTART_S)
            self._world.bring_back()

    def _bring_back(self, server: Server) -> None:
        if server in self._down:
            self._world.bring_back(self._proxy(server))
            self._down.remove(server)

    def _proxy(self, server: Server) -> RunningProxy:
        return self._world.network if server == "chatengine" else self._world.supabase_network

    # what there is to see

    async def _is_back(self) -> bool:
        """Whether the socket serves, and will tell of what is open."""
        if not self._client.claims("websocket"):
            return True
        subscribed = set(await self._world.subscriptions())
        snapshot = await self._adapter.ask("snapshot", Snapshot)
        return snapshot.connection.is_connected and subscribed >= set(map(_jid, +self._opened))

    async def _is_watched(self, conversation_id: str) -> None:
        """Give whoever serves its time to be asked for it: a client need not load what was there
        before it looked, and what is written on the way to the subscription may be just that.
        """

        async def look() -> bool:
            subscribed = conversation_id in await self._world.subscriptions()
            return subscribed or self._world.hears_of(conversation_id)

        with suppress(TimeoutError):
            await until(look, Deadline(_WATCHED_S))

    def _channels(self) -> list[str]:
        """The conversations that channels at Supabase tell of, each as often as channels do."""
        found: list[str] = []
        for channel in self._world.supabase.hub.channels():
            filters = {str(each.get("filter")) for each in channel.config.postgres_changes}
            found += [match[1] for each in sorted(filters) if (match := _FILTER.fullmatch(each))]
        return found

    def _since(self, before: int) -> History:
        return self._journal.records[before:]


def _is_higher(name: str, before: str) -> bool:
    status, lower = Status.parse(name), Status.parse(before)
    return status is not None and lower is not None and status > lower


def _key(message: int) -> str:
    return f"message-{message}"


def _jid(conversation: int) -> str:
    return f"551199000000{conversation}@s.whatsapp.net"
