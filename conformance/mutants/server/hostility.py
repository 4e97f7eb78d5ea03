"""How a server lets one client's mistakes become others' trouble (S-ERR)."""

from __future__ import annotations

import os
from typing import Any

from aiohttp import web

from chatengine import events
from chatengine.packets.socketio import Packet
from chatengine.webhooks import parse
from conformance.mutants.mutant import Seams, mutant
from fakes.chatengine import commands, webhook
from fakes.chatengine.commands import CommandError, Commands
from fakes.chatengine.engineio.websocket import WebSocketTransport
from fakes.chatengine.publisher import Publisher
from fakes.chatengine.realtime.rooms import Member
from fakes.chatengine.realtime.server import RealtimeServer


@mutant("S-ERR-1")
def dies_of_a_wrong_type(seams: Seams) -> None:
    """Ends with an exception that nobody caught when a command's payload has a wrong type."""
    command = commands._command

    @seams.function(commands, "_command")
    def uncaught(kind: Any, payload: object) -> Any:
        try:
            return command(kind, payload)
        except CommandError:
            os._exit(1)


@mutant("S-ERR-1")
def dies_of_an_odd_webhook(seams: Seams) -> None:
    """Ends with an exception that nobody caught when a webhook has another shape."""

    @seams.function(webhook, "parse")
    def uncaught(body: object) -> Any:
        data = body.get("data") if isinstance(body, dict) else None
        items = data if isinstance(data, list) else [data]
        event = str(body.get("event")) if isinstance(body, dict) else ""
        if event.startswith("messages.") and not all(isinstance(each, dict) for each in items):
            os._exit(1)
        return parse(body)


@mutant("S-ERR-1")
def dies_of_a_hostile_webhook(seams: Seams) -> None:
    """Ends with an exception that nobody caught when a message's part is no object."""

    @seams.function(webhook, "parse")
    def uncaught(body: object) -> Any:
        data = body.get("data") if isinstance(body, dict) else None
        message = data.get("message") if isinstance(data, dict) else {}
        if not isinstance(message, dict | None):
            os._exit(1)
        return parse(body)


@mutant("S-ERR-1")
def dies_of_an_odd_path(seams: Seams) -> None:
    """Ends with an exception that nobody caught when a path cannot be decoded."""
    handle = web.Application._handle

    @seams.function(web.Application, "_handle")
    async def uncaught(self: web.Application, request: web.Request) -> web.StreamResponse:
        if "%00" in request.raw_path or "%ff" in request.raw_path:
            os._exit(1)
        return await handle(self, request)


@mutant("S-ERR-1")
def shares_its_errors(seams: Seams) -> None:
    """Sends the `error` of one socket to the whole workspace."""
    answer, publish = Commands._answer, Publisher.to_socket
    workspaces: dict[str, str] = {}

    @seams.function(Commands, "_answer")
    async def noted(
        self: Commands, name: str, work: Any, sid: str, *arguments: object
    ) -> dict[str, Any]:
        agent = await self._agents.get(sid)
        if agent is not None:
            workspaces[sid] = agent.workspace_id
        return await answer(self, name, work, sid, *arguments)

    @seams.function(Publisher, "to_socket")
    def to_all(self: Publisher, sid: str, event: str, payload: Any) -> None:
        if event == events.ERROR and sid in workspaces:
            self.to_workspace(workspaces[sid], event, payload)
        else:
            publish(self, sid, event, payload)


@mutant("S-ERR-1")
def relays_what_it_does_not_know(seams: Seams) -> None:
    """Relays an event that it does not know to everybody."""
    run_event = RealtimeServer._run_event
    known = (
        events.SUBSCRIBE,
        events.UNSUBSCRIBE,
        events.TYPING,
        events.SEND_MESSAGE,
        events.MARK_AS_READ,
    )

    @seams.function(RealtimeServer, "_run_event")
    async def relayed(self: RealtimeServer, member: Member, packet: Packet) -> None:
        event, *arguments = packet.data
        if event in known:
            await run_event(self, member, packet)
        else:
            await self.emit(str(event), tuple(arguments))


@mutant("S-ERR-1")
def hangs_up_on_an_unknown_event(seams: Seams) -> None:
    """Disconnects a socket that sends an event which it does not know."""
    run_event = RealtimeServer._run_event

    @seams.function(RealtimeServer, "_run_event")
    async def strict(self: RealtimeServer, member: Member, packet: Packet) -> None:
        if packet.data[0] in self.handlers.get("/", {}):
            await run_event(self, member, packet)
        else:
            await self.disconnect(member.sid)


@mutant("S-ERR-1")
def hangs_up_on_a_wrong_type(seams: Seams) -> None:
    """Disconnects a socket whose command has a wrong type."""
    answer = Commands._answer

    @seams.function(Commands, "_answer")
    async def strict(
        self: Commands, name: str, work: Any, sid: str, *arguments: object
    ) -> dict[str, Any]:
        answered = await answer(self, name, work, sid, *arguments)
        if not answered["ok"]:
            await self._server.disconnect(sid)
        return answered


@mutant("S-ERR-1")
def takes_half_a_command(seams: Seams) -> None:
    """Makes what it can of a command of wrong types, and relays that."""
    command = commands._command

    @seams.function(commands, "_command")
    def coerced(kind: Any, payload: object) -> Any:
        if isinstance(payload, dict):
            texts = {"content": str, "isTyping": bool}
            payload = payload | {
                name: to(payload.get(name)) for name, to in texts.items() if name in payload
            }
        return command(kind, payload)


@mutant("S-ERR-1")
def refuses_fields_that_it_does_not_know(seams: Seams) -> None:
    """Refuses a command that has a field more than it knows."""
    answer = Commands._answer
    known = {"type", "conversationId", "content", "messageId", "replyToMessageId", "isTyping"}

    @seams.function(Commands, "_answer")
    async def strict(
        self: Commands, name: str, work: Any, sid: str, *arguments: object
    ) -> dict[str, Any]:
        payload = arguments[0] if arguments else None
        if isinstance(payload, dict) and payload.keys() - known - {"timestamp"}:
            arguments = (None,)
        return await answer(self, name, work, sid, *arguments)


@mutant("S-ERR-1")
def dies_of_an_oversize_packet(seams: Seams) -> None:
    """Ends when a packet is larger than it takes, as a process that runs out of memory does."""
    fail = WebSocketTransport._fail

    @seams.function(WebSocketTransport, "_fail")
    def out_of_memory(self: WebSocketTransport, code: int) -> None:
        if code == 1009:
            os._exit(137)
        fail(self, code)


@mutant("S-ERR-1")
def dies_of_a_broken_packet(seams: Seams) -> None:
    """Ends with an exception that nobody caught when a packet cannot be read."""
    handle = RealtimeServer._handle_eio_message

    @seams.function(RealtimeServer, "_handle_eio_message")
    def uncaught(self: RealtimeServer, eio_sid: str, data: str | bytes) -> None:
        if data and str(data)[:1] not in "0123456":
            os._exit(1)
        handle(self, eio_sid, data)


@mutant("S-ERR-1")
def ends_over_a_long_id(seams: Seams) -> None:
    """Ends when a client names a conversation by an id of thousands of characters."""
    conversation_id = commands._conversation_id

    @seams.function(commands, "_conversation_id")
    def fatal(value: object) -> str:
        if isinstance(value, str) and len(value) > 5_000:
            os._exit(1)
        return conversation_id(value)
