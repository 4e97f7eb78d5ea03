"""How a server lets workspaces see each other (S-ISO)."""

from __future__ import annotations

from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace

from chatengine.payloads import Conversation, Message
from chatengine.status import Status
from chatengine.tokens import Claims
from conformance.mutants.mutant import Seams, mutant
from fakes.chatengine import commands, publisher
from fakes.chatengine.agents import Agent, Agents
from fakes.chatengine.api import Api
from fakes.chatengine.commands import Commands
from fakes.chatengine.memory_store import MemoryStore
from fakes.chatengine.publisher import Publisher
from fakes.chatengine.store import Draft


@mutant("S-ISO-1")
def names_rooms_by_conversation_alone(seams: Seams) -> None:
    """Names a conversation's room by its id: two workspaces with one customer share it."""

    @seams.function(publisher, "conversation_room")
    def shared(workspace_id: str, conversation_id: str) -> str:
        return f"conversation {conversation_id}"

    @seams.function(commands, "conversation_room")
    def shared_too(workspace_id: str, conversation_id: str) -> str:
        return f"conversation {conversation_id}"


@mutant("S-ISO-1")
def lets_a_socket_name_its_room(seams: Seams) -> None:
    """Joins a socket to whatever room it names, a workspace's among them."""
    subscribe = Commands._subscribe

    @seams.function(Commands, "_subscribe")
    async def any_room(self: Commands, agent: Agent, payload: object) -> None:
        await subscribe(self, agent, payload)
        named = str(payload).removeprefix("workspace").lstrip(":-/_ .")
        await self._server.enter_room(agent.sid, publisher.workspace_room(named))


@mutant("S-ISO-1")
def tells_conversations_to_everybody(seams: Seams) -> None:
    """Sends `conversation` to every socket of the server."""
    to_workspace, connect = Publisher.to_workspace, Agents._connect
    everybody: set[str] = set()

    @seams.function(Agents, "_connect")
    async def noted(self: Agents, sid: str, environ: object, auth: object) -> None:
        await connect(self, sid, environ, auth)
        agent = await self.get(sid)
        if agent is not None:
            everybody.add(agent.workspace_id)

    @seams.function(Publisher, "to_workspace")
    def to_all(self: Publisher, workspace_id: str, event: str, payload: Struct) -> None:
        for each in everybody if event == "conversation" else {workspace_id}:
            to_workspace(self, each, event, payload)


@mutant("S-ISO-2")
def answers_any_workspaces_messages(seams: Seams) -> None:
    """Answers the messages of a conversation to whoever knows its id."""
    messages = MemoryStore.messages

    @seams.function(MemoryStore, "messages")
    def of_any(
        self: MemoryStore,
        workspace_id: str,
        conversation_id: str,
        *,
        since_ms: int | None,
        limit: int,
    ) -> list[Message]:
        for each in (workspace_id, *self._workspaces):
            found = messages(self, each, conversation_id, since_ms=since_ms, limit=limit)
            if found:
                return found
        return []


@mutant("S-ISO-2")
def answers_any_workspaces_context(seams: Seams) -> None:
    """Answers the context of a message to whoever knows its id."""
    message = MemoryStore.message

    @seams.function(MemoryStore, "message")
    def of_any(self: MemoryStore, workspace_id: str, message_id: str) -> Message | None:
        found = [message(self, each, message_id) for each in (workspace_id, *self._workspaces)]
        return next(filter(None, found), None)


@mutant("S-ISO-2")
def lists_all_workspaces(seams: Seams) -> None:
    """Lists the conversations of every workspace."""
    conversations = MemoryStore.conversations

    @seams.function(MemoryStore, "conversations")
    def of_all(self: MemoryStore, workspace_id: str) -> list[Conversation]:
        return [found for each in self._workspaces for found in conversations(self, each)]


@mutant("S-ISO-2")
def believes_the_workspace_of_a_query(seams: Seams) -> None:
    """Answers of the workspace that the query names, where it names one."""
    authorize = Api._authorize

    @seams.function(Api, "_authorize")
    def as_asked(self: Api, request: web.Request) -> Claims:
        claims = authorize(self, request)
        named = request.query.get("workspaceId")
        return Claims(named or claims.workspace_id, claims.subject, claims.expires_at)


@mutant("S-ISO-1")
def keeps_one_store_for_all(seams: Seams) -> None:
    """Knows messages by their id alone: of two workspaces with one id the second has none."""
    add, known = MemoryStore.add, dict[str, Message]()

    @seams.function(MemoryStore, "add")
    def by_id(self: MemoryStore, workspace_id: str, conversation_id: str, draft: Draft) -> Message:
        if draft.id not in known:
            known[draft.id] = add(self, workspace_id, conversation_id, draft)
        return known[draft.id]


@mutant("S-ISO-1")
def sends_to_whoever_shares_the_customer(seams: Seams) -> None:
    """Relays typing and statuses to the subscribers of that customer in any workspace."""
    to_conversation, connect = Publisher.to_conversation, Agents._connect
    workspaces: set[str] = set()

    @seams.function(Agents, "_connect")
    async def noted(self: Agents, sid: str, environ: object, auth: object) -> None:
        await connect(self, sid, environ, auth)
        agent = await self.get(sid)
        if agent is not None:
            workspaces.add(agent.workspace_id)

    @seams.function(Publisher, "to_conversation")
    def to_all(
        self: Publisher,
        workspace_id: str,
        conversation_id: str,
        event: str,
        payload: Struct,
        skip_sid: str | None = None,
    ) -> None:
        for each in {workspace_id} if event == "message" else workspaces:
            to_conversation(self, each, conversation_id, event, payload, skip_sid)


@mutant("S-ISO-1")
def keeps_early_statuses_for_everybody(seams: Seams) -> None:
    """Keeps a status that came early for the message of that id, of whichever workspace."""
    add, raise_status = MemoryStore.add, MemoryStore.raise_status
    early: dict[str, Status] = {}

    @seams.function(MemoryStore, "raise_status")
    def noted(self: MemoryStore, workspace_id: str, provider_id: str, status: Status) -> None:
        early[provider_id] = max(status, early.get(provider_id, status))
        raise_status(self, workspace_id, provider_id, status)

    @seams.function(MemoryStore, "add")
    def applied(
        self: MemoryStore, workspace_id: str, conversation_id: str, draft: Draft
    ) -> Message:
        status = max(draft.status, early.pop(draft.provider_id or "", draft.status))
        return add(self, workspace_id, conversation_id, replace(draft, status=status))
