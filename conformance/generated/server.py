"""The target of a ChatEngine server: an agent whose network fails, a colleague, and the history."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from typing import Any, Final, Literal

from chatengine import events, history
from chatengine.history import Received, Shown, ShownMessage, StatusReceived, name_of
from chatengine.moments import to_ms
from conformance.deadlines import Deadline, until
from conformance.generated import schedules as steps
from conformance.generated.blame import FENCE
from conformance.generated.schedules import CONVERSATIONS, StatusName, Step
from conformance.history import History
from conformance.journal import HARNESS, Journal
from conformance.probes.agent import Agent
from conformance.probes.webhook import Entered
from conformance.server.chat import Chat
from fakes.evolution.bodies import Content
from fakes.network.proxy import RunningProxy

__all__ = ["ServerTarget"]

_AGENT, _COLLEAGUE, _HISTORY = "agent", "colleague", "history"

_PATIENCE_S: Final = 10.0
"""For what the contract gives no figure: a healthy server does it in milliseconds."""

_TOLD_AS: Final[dict[StatusName, str]] = {
    "sent": "SERVER_ACK",
    "failed": "ERROR",
    "delivered": "DELIVERY_ACK",
    "read": "READ",
}

OpenChat = Callable[[], AbstractAsyncContextManager[Chat]]


class ServerTarget:
    """One server; each schedule has agents and conversations of its own. `close` ends what is left.

    The agent opens and leaves conversations, and its connection is lost; the colleague, past the
    network that fails, is subscribed to all of them. What HTTP serves is a client's: all of it open
    from the beginning. What is Supabase's does nothing, and a restart is a loss: what a server
    remembers of the time before is its own affair.
    """

    patience_s = _PATIENCE_S

    def __init__(self, open_chat: OpenChat) -> None:
        self._open_chat = open_chat
        self._stack = AsyncExitStack()
        self._journal = Journal()
        self._told = 0
        self._chat: Chat
        self._proxy: RunningProxy
        self._agent: _Listener | None = None
        self._colleague: _Listener
        self._users: dict[str, str] = {}
        self._conversations: list[str] = []
        self._wanted: set[int] = set()
        self._written: dict[int, Entered] = {}
        self._entered: dict[str, str] = {}
        self._touched: set[int] = set()
        self._is_up = True

    def now_us(self) -> int:
        """The journal's clock."""
        return self._journal.now_us()

    async def close(self) -> None:
        """Let everybody leave."""
        await self._stack.aclose()

    async def reset(self, *, fresh: bool) -> History:
        """Begin with other agents, in other conversations, at the same server."""
        await self._stack.aclose()
        self._journal, self._told = Journal(), 0
        self._chat = await self._stack.enter_async_context(self._open_chat())
        self._proxy = await self._chat.proxy()
        self._conversations = [self._chat.conversation() for _ in range(CONVERSATIONS)]
        self._users = {who: self._chat.name(who) for who in (_AGENT, _COLLEAGUE)}
        self._wanted.clear()
        self._written.clear()
        self._entered.clear()
        self._touched.clear()
        self._is_up, self._agent = True, None
        self._watches(_HISTORY, "client")
        for each in self._conversations:
            self._journal.add(history.Opened, _HISTORY, conversation=each)
        self._colleague = await self._connects(_COLLEAGUE, self._chat.server.url)
        for each in self._conversations:
            await self._subscribes(self._colleague, each)
        await self._comes_back()
        return self._news()

    async def do(self, step: Step) -> History:
        """Carry a step out; what a server cannot be asked does nothing."""
        match step:
            case steps.Write():
                await self._writes(step)
            case steps.Again(message=message):
                if message in self._written:
                    await self._chat.webhook.accepted(self._written[message].body)
            case steps.Status(message=message, status=status):
                await self._acknowledges(message, status)
            case steps.Send(message=message, conversation=conversation):
                await self._sends(message, conversation)
            case steps.Open(conversation=conversation):
                self._wanted.add(conversation)
                if self._agent is not None:
                    await self._subscribes(self._agent, self._conversations[conversation])
            case steps.Close(conversation=conversation):
                self._wanted.discard(conversation)
                if self._agent is not None:
                    await self._unsubscribes(self._agent, self._conversations[conversation])
            case _:
                await self._breaks(step)
        return self._news()

    async def settle(self, deadline: Deadline) -> History:
        """Bring the agent back, and write into every conversation."""
        await self._breaks(steps.Up())
        for number, conversation in enumerate(self._conversations):
            self._touched.add(number)
            name = self._chat.name(FENCE.rstrip("-"))
            await self._enters(self._entry(conversation, "the fence", name))
        return self._news()

    async def snapshot(self) -> History:
        """What was heard since the last look, and what the history holds."""
        for number in sorted(self._touched):
            found = await self._chat.history(self._conversations[number])
            shown = tuple(each for each in map(_as_shown, reversed(found)) if each is not None)
            self._journal.add(
                Shown, _HISTORY, conversation=self._conversations[number], messages=shown
            )
        return self._news()

    # who writes

    async def _writes(self, step: steps.Write) -> None:
        # A status that came early has said already which conversation the message is of.
        early = self._written.get(step.message)
        conversation = early.conversation if early else self._conversations[step.conversation]
        self._touched.add(self._conversations.index(conversation))
        key_id = early.key_id if early else None
        entered = self._entry(
            conversation, f"message {step.message}", key_id, ago_s=step.ago_s, by_us=step.by_us
        )
        self._written[step.message] = entered
        await self._enters(entered)

    def _entry(
        self,
        conversation: str,
        text: str,
        key_id: str | None = None,
        *,
        ago_s: int = 0,
        by_us: bool = False,
    ) -> Entered:
        second = int(time.time()) - ago_s
        return self._chat.webhook.entry(
            conversation, Content(text=text), key_id=key_id, second=second, from_me=by_us
        )

    async def _enters(self, entered: Entered) -> None:
        began_us = self.now_us()
        await self._chat.webhook.accepted(entered.body)
        self._has_entered(entered, began_us)

    def _has_entered(self, entered: Entered, began_us: int, client_id: str | None = None) -> None:
        self._entered[entered.id] = entered.conversation
        self._journal.add(
            history.Entered,
            HARNESS,
            began_us=began_us,
            message=entered.key_id,
            conversation=entered.conversation,
            workspace=self._chat.here.workspace_id,
            client_id=client_id,
        )

    async def _acknowledges(self, message: int, status: StatusName) -> None:
        if message not in self._written:
            self._written[message] = self._entry(self._conversations[0], f"message {message}")
        entered, began_us = self._written[message], self.now_us()
        await self._chat.webhook.acknowledges(entered, _TOLD_AS[status])
        self._journal.add(
            history.StatusEntered,
            HARNESS,
            began_us=began_us,
            message=entered.key_id,
            status=status,
        )

    async def _sends(self, message: int, number: int) -> None:
        """Send into a conversation that is known, and wait until the provider's answer is told.

        What becomes of a send that is not told is a check's of its own (S-SND-1).
        """
        if self._agent is None or number not in self._touched or not self._chat.sees_sends:
            return
        await self._is_told(number)
        conversation, began_us = self._conversations[number], self.now_us()
        client_id, text = self._chat.name("c"), self._chat.name(f"sent: {message}")
        self._journal.add(
            history.Sent, self._agent.name, conversation=conversation, client_id=client_id
        )
        await self._chat.sends(self._agent, conversation, text, client_id=client_id)
        with suppress(TimeoutError):
            deadline = Deadline(self.patience_s)
            await until(lambda: self._colleague.got(events.MESSAGE, content=text), deadline)
            (send, *_) = await self._chat.provider.sends(text)
            sent = self._entry(conversation, text, send.key_id, by_us=True)
            self._written[message] = sent
            self._has_entered(sent, began_us, client_id)

    async def _is_told(self, number: int) -> None:
        """Wait for what was written there: a server may handle a webhook after its answer, and
        meanwhile a send.
        """
        conversation = self._conversations[number]
        wanted = {message for message, place in self._entered.items() if place == conversation}

        def told() -> bool:
            heard = self._colleague.got(events.MESSAGE, lambda it: str(it.get("id")) in wanted)
            return len({each["id"] for each in heard}) == len(wanted)

        with suppress(TimeoutError):
            await until(told, Deadline(self.patience_s))

    # what goes wrong

    async def _breaks(self, step: Step) -> None:
        match step:
            case steps.Lose() | steps.Restart() | steps.Expire():
                await self._goes(step)
                if self._is_up:
                    await self._comes_back()
            case steps.Down(server="chatengine"):
                self._is_up = False
                await self._goes(step)
            case steps.Up(server="chatengine"):
                self._is_up = True
                await self._comes_back()
            case _:
                pass

    async def _goes(self, step: Step) -> None:
        """The agent's connection is lost, in one of the ways."""
        agent, self._agent = self._agent, None
        if agent is None:
            return
        self._journal.add(history.Dropped, agent.name)
        match step:
            case steps.Lose(how="fin"):
                self._proxy.cut_all()
            case steps.Lose(how="half-open"):
                self._proxy.half_open()
            case steps.Lose(how="rst") | steps.Down() | steps.Restart():
                self._proxy.reset_all()
            case _:
                await agent.leave()

    async def _comes_back(self) -> None:
        if self._agent is None:
            self._agent = await self._connects(_AGENT, self._proxy.url)
            for each in sorted(self._wanted):
                await self._subscribes(self._agent, self._conversations[each])

    # agents

    async def _connects(self, who: str, url: str) -> _Listener:
        chat = self._chat
        listener = _Listener(who, self._users[who], chat, self._journal)
        self._stack.push_async_callback(listener.leave)
        await listener.connect(url, chat.auth(user=listener.user_id), "websocket")
        self._watches(who, "socket")
        return listener

    def _watches(self, who: str, kind: Literal["client", "socket"]) -> None:
        here, now_us = self._chat.here.workspace_id, self.now_us()
        actor = history.Actor(at_us=now_us, who=who, workspace=here, kind=kind)
        self._journal.records.append(actor)

    async def _subscribes(self, agent: Agent, conversation: str) -> None:
        began_us = self.now_us()
        await agent.subscribe(conversation)
        self._journal.add(
            history.Subscribed, agent.name, began_us=began_us, conversation=conversation
        )

    async def _unsubscribes(self, agent: Agent, conversation: str) -> None:
        began_us = self.now_us()
        await agent.unsubscribe(conversation)
        self._journal.add(
            history.Unsubscribed, agent.name, began_us=began_us, conversation=conversation
        )

    def _news(self) -> History:
        """The records that were not told before."""
        told, self._told = self._told, len(self._journal.records)
        return self._journal.records[told:]


class _Listener(Agent):
    """An agent that keeps what it hears in the history."""

    def __init__(self, who: str, user: str, chat: Chat, journal: Journal) -> None:
        super().__init__(who, user, chat.here.workspace_id, chat.trace, chat.deadline)
        self._journal = journal

    def _take(self, event: str, *payload: Any) -> None:
        super()._take(event, *payload)
        told = payload[0] if payload and isinstance(payload[0], dict) else {}
        if event == events.MESSAGE and told.get("id"):
            self._journal.add(
                Received,
                self.name,
                message=_provider_id(told),
                conversation=str(told.get("conversationId")),
                status=told.get("status"),
                client_id=_metadata(told).get("clientMessageId"),
            )
        elif event == events.MESSAGE_STATUS and told.get("messageId"):
            message, status = str(told["messageId"]), str(told.get("status"))
            self._journal.add(StatusReceived, self.name, message=message, status=status)


def _as_shown(told: Any) -> ShownMessage | None:
    """A message of the history; None for what no other check lets pass."""
    try:
        return ShownMessage(
            id=told["id"],
            status=told.get("status") or "",
            created_ms=to_ms(told["createdAt"]),
            external_id=_provider_id(told),
            client_id=_metadata(told).get("clientMessageId"),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _provider_id(told: dict[str, Any]) -> str:
    """The name that all know a message by, whatever else its id may be."""
    return str(_metadata(told).get("providerMessageId") or name_of(str(told["id"])))


def _metadata(told: dict[str, Any]) -> dict[str, Any]:
    found = told.get("metadata")
    return found if isinstance(found, dict) else {}
