"""The events a client sends (contract, section 2): each done and acknowledged, or refused.

A command that fails is answered twice over: with `{"ok": false, "error"}` to a client that asked
for an acknowledgement, and with an `error` event. Nothing a client sends ends its socket or is
seen by another one, but for what the command is for (S-ERR-1).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

from socketio import AsyncServer

from chatengine import events, moments
from chatengine.payloads import (
    LONGEST_ID,
    MarkAsRead,
    MarkedAsRead,
    MessageSent,
    PayloadError,
    SendMessage,
    ServerError,
    Typing,
    TypingCommand,
    Wire,
    read,
)
from fakes.chatengine.agents import Agent, Agents
from fakes.chatengine.faults import Faults
from fakes.chatengine.outbox import Order, Outbox, SendFailedError, SendRefusedError
from fakes.chatengine.publisher import Publisher, conversation_room
from fakes.chatengine.store import Store

__all__ = ["CommandError", "Commands"]

_MOST_OPEN: Final = 10_000
"""Conversations that one socket may have open at once."""

_Work = Callable[..., Awaitable[None]]
W = TypeVar("W", bound=Wire)


class CommandError(Exception):
    """A command that is refused; `code` is for machines, `message` one sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Commands:
    """Answers the clients' events; adding it to a server is making one."""

    def __init__(
        self,
        server: AsyncServer,
        agents: Agents,
        store: Store,
        outbox: Outbox,
        publisher: Publisher,
        faults: Faults,
    ) -> None:
        self._server = server
        self._agents = agents
        self._store = store
        self._outbox = outbox
        self._publisher = publisher
        self._faults = faults
        commands: dict[str, _Work] = {
            events.SUBSCRIBE: self._subscribe,
            events.UNSUBSCRIBE: self._unsubscribe,
            events.TYPING: self._type,
            events.SEND_MESSAGE: self._send_message,
            events.MARK_AS_READ: self._mark_as_read,
        }
        for name, work in commands.items():
            server.on(name, partial(self._answer, name, work))

    async def _answer(self, name: str, work: _Work, sid: str, *arguments: object) -> dict[str, Any]:
        """Do the work and return the acknowledgement, which goes out where one was asked for."""
        payload = arguments[0] if arguments else None
        answer: dict[str, Any] = {"ok": True}
        try:
            agent = await self._agents.get(sid)
            if agent is None:
                raise _gone()
            await work(agent, payload)
        except CommandError as error:
            answer = {"ok": False, "error": {"code": error.code, "message": error.message}}
            self._publisher.to_socket(sid, events.ERROR, _server_error(name, error, payload))
        if self._faults.delays.acks_ms:
            await asyncio.sleep(self._faults.delays.acks_ms / 1000)
        return answer

    async def _subscribe(self, agent: Agent, payload: object) -> None:
        conversation_id = _conversation_id(payload)
        if conversation_id in agent.conversations:
            return
        if len(agent.conversations) >= _MOST_OPEN:
            raise CommandError("limit", f"more than {_MOST_OPEN} conversations are open")
        room = conversation_room(agent.workspace_id, conversation_id)
        try:
            await self._server.enter_room(agent.sid, room)
        except ValueError:
            raise _gone() from None  # it left between its command and this
        agent.conversations.add(conversation_id)

    async def _unsubscribe(self, agent: Agent, payload: object) -> None:
        conversation_id = _conversation_id(payload)
        room = conversation_room(agent.workspace_id, conversation_id)
        await self._server.leave_room(agent.sid, room)
        agent.conversations.discard(conversation_id)

    async def _type(self, agent: Agent, payload: object) -> None:
        command = _command(TypingCommand, payload)
        typing = Typing(
            conversation_id=_conversation_id(command.conversation_id),
            user_id=agent.user_id,
            is_typing=command.is_typing,
        )
        self._publisher.to_conversation(
            agent.workspace_id, typing.conversation_id, events.TYPING, typing, skip_sid=agent.sid
        )

    async def _send_message(self, agent: Agent, payload: object) -> None:
        command = _command(SendMessage, payload)
        order = Order(
            workspace_id=agent.workspace_id,
            user_id=agent.user_id,
            sender=agent.sender,
            conversation_id=_conversation_id(command.conversation_id),
            type="text",
            content=command.content,
            client_id=command.message_id,
            reply_to=command.reply_to_message_id,
        )
        try:
            message = await self._outbox.send(order)
        except SendRefusedError as error:
            raise CommandError("refused", str(error)) from None
        except SendFailedError as error:
            raise CommandError("failed", str(error)) from None
        sent = MessageSent(
            conversation_id=message.conversation_id,
            message_id=message.id,
            timestamp=message.created_at,
            client_message_id=command.message_id,
        )
        self._publisher.to_socket(agent.sid, events.MESSAGE_SENT, sent)

    async def _mark_as_read(self, agent: Agent, payload: object) -> None:
        command = _command(MarkAsRead, payload)
        conversation_id = _conversation_id(command.conversation_id)
        self._store.mark_read(agent.workspace_id, conversation_id)
        marked = MarkedAsRead(
            conversation_id=conversation_id,
            timestamp=moments.from_ms(int(time.time() * 1000)),
        )
        self._publisher.to_socket(agent.sid, events.MARKED_AS_READ, marked)


def _gone() -> CommandError:
    return CommandError("gone", "the socket is not connected")


def _command(kind: type[W], payload: object) -> W:
    """Read a command's payload; raises `CommandError` for one of the wrong shape."""
    try:
        return read(kind, payload)
    except PayloadError as error:
        raise CommandError("invalid", str(error)) from None


def _conversation_id(value: object) -> str:
    """Check an opaque id; raises `CommandError`."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID:
        reason = f"conversationId is not a text of 1 to {LONGEST_ID} characters"
        raise CommandError("invalid", reason)
    return value


def _server_error(name: str, error: CommandError, payload: object) -> ServerError:
    """Say which command failed, and about which conversation and message, if it can be told."""
    named = payload if isinstance(payload, dict) else {"conversationId": payload}
    return ServerError(
        type=name,
        message=error.message,
        conversation_id=_quotable(named.get("conversationId")),
        client_message_id=_quotable(named.get("messageId")),
    )


def _quotable(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= LONGEST_ID else None
