"""How a server gets wrong who hears of what (S-SUB, S-TYP, S-REC-1, S-CON)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from chatengine import events
from chatengine.packets.socketio import Packet
from conformance.mutants.mutant import Seams, mutant
from fakes.chatengine import commands, publisher
from fakes.chatengine.agents import Agent, Agents
from fakes.chatengine.commands import CommandError, Commands
from fakes.chatengine.publisher import Publisher, conversation_room, workspace_room
from fakes.chatengine.realtime.rooms import Member
from fakes.chatengine.realtime.server import RealtimeServer
from fakes.chatengine.store import MessageAdded, StatusRaised

_Change = MessageAdded | StatusRaised


@mutant("S-SUB-1")
def subscribes_to_known_conversations_alone(seams: Seams) -> None:
    """Refuses a subscription to a conversation in which nobody has written yet."""
    subscribe = Commands._subscribe

    @seams.function(Commands, "_subscribe")
    async def known_alone(self: Commands, agent: Agent, payload: object) -> None:
        if self._store.conversation(agent.workspace_id, str(payload)) is None:
            raise CommandError("unknown", "no such conversation")
        await subscribe(self, agent, payload)


@mutant("S-SUB-1")
def keeps_one_subscription(seams: Seams) -> None:
    """Lets a socket leave its conversation when it subscribes to another one."""
    subscribe = Commands._subscribe

    @seams.function(Commands, "_subscribe")
    async def one(self: Commands, agent: Agent, payload: object) -> None:
        for each in agent.conversations - {payload}:
            await self._unsubscribe(agent, each)
        await subscribe(self, agent, payload)


@mutant("S-SUB-1")
def knows_phone_numbers_alone(seams: Seams) -> None:
    """Refuses a subscription to what is no phone number's JID: groups, and `@lid`."""
    subscribe = Commands._subscribe

    @seams.function(Commands, "_subscribe")
    async def numbers_alone(self: Commands, agent: Agent, payload: object) -> None:
        if not str(payload).endswith("@s.whatsapp.net"):
            raise CommandError("invalid", "no such conversation")
        await subscribe(self, agent, payload)


@mutant("S-SUB-1")
def subscribes_when_asked_for_an_answer(seams: Seams) -> None:
    """Subscribes a socket within its acknowledgement: where none is asked for, not at all."""
    run_event = RealtimeServer._run_event

    @seams.function(RealtimeServer, "_run_event")
    async def acknowledged_alone(self: RealtimeServer, member: Member, packet: Packet) -> None:
        if packet.id is not None or packet.data[0] != events.SUBSCRIBE:
            await run_event(self, member, packet)


@mutant("S-SUB-2")
def tells_the_whole_workspace(seams: Seams) -> None:
    """Sends each message to every socket of the workspace, whatever it is subscribed to."""
    to_subscribers = Publisher._to_subscribers

    @seams.function(Publisher, "_to_subscribers")
    def to_all(self: Publisher, change: _Change, event: str, payload: Struct) -> None:
        if event == events.MESSAGE:
            self.to_workspace(change.message.workspace_id, event, payload)
        else:
            to_subscribers(self, change, event, payload)


@mutant("S-SUB-2")
def tells_everybody_of_statuses(seams: Seams) -> None:
    """Sends `messageStatus` to the whole workspace."""
    to_subscribers = Publisher._to_subscribers

    @seams.function(Publisher, "_to_subscribers")
    def to_all(self: Publisher, change: _Change, event: str, payload: Struct) -> None:
        if event == events.MESSAGE_STATUS:
            self.to_workspace(change.message.workspace_id, event, payload)
        else:
            to_subscribers(self, change, event, payload)


@mutant("S-SUB-3")
def never_ends_a_subscription(seams: Seams) -> None:
    """Acknowledges an unsubscribe, and goes on sending."""

    @seams.function(Commands, "_unsubscribe")
    async def polite(self: Commands, agent: Agent, payload: object) -> None:
        """The room is not left."""


@mutant("S-SUB-3")
def subscribes_once_for_ever(seams: Seams) -> None:
    """Remembers that a socket was subscribed: after an unsubscribe it cannot subscribe again."""

    @seams.function(Commands, "_unsubscribe")
    async def remembered(self: Commands, agent: Agent, payload: object) -> None:
        room = conversation_room(agent.workspace_id, str(payload))
        await self._server.leave_room(agent.sid, room)


@mutant("S-SUB-4")
def counts_subscriptions(seams: Seams) -> None:
    """Sends one copy for each time that a socket subscribed."""
    subscribe, to_conversation = Commands._subscribe, Publisher.to_conversation
    again: dict[tuple[str, str], int] = {}

    @seams.function(Commands, "_subscribe")
    async def counted(self: Commands, agent: Agent, payload: object) -> None:
        if payload in agent.conversations:
            key = agent.sid, conversation_room(agent.workspace_id, str(payload))
            again[key] = again.get(key, 0) + 1
        await subscribe(self, agent, payload)

    @seams.function(Publisher, "to_conversation")
    def copies(
        self: Publisher,
        workspace_id: str,
        conversation_id: str,
        event: str,
        payload: Struct,
        skip_sid: str | None = None,
    ) -> None:
        to_conversation(self, workspace_id, conversation_id, event, payload, skip_sid)
        for (sid, room), times in again.items():
            if room == conversation_room(workspace_id, conversation_id):
                for _ in range(times):
                    self.to_socket(sid, event, payload)


@mutant("S-SUB-4")
def needs_an_unsubscribe_for_each_subscribe(seams: Seams) -> None:
    """Ends a subscription when it was unsubscribed as often as it was subscribed."""
    subscribe, unsubscribe = Commands._subscribe, Commands._unsubscribe
    times: dict[tuple[str, object], int] = {}

    @seams.function(Commands, "_subscribe")
    async def count_up(self: Commands, agent: Agent, payload: object) -> None:
        times[agent.sid, str(payload)] = times.get((agent.sid, str(payload)), 0) + 1
        await subscribe(self, agent, payload)

    @seams.function(Commands, "_unsubscribe")
    async def count_down(self: Commands, agent: Agent, payload: object) -> None:
        left = max(0, times.get((agent.sid, str(payload)), 0) - 1)
        times[agent.sid, str(payload)] = left
        if not left:
            await unsubscribe(self, agent, payload)


@mutant("S-TYP-1")
def echoes_typing(seams: Seams) -> None:
    """Relays typing to its sender too."""
    to_conversation = Publisher.to_conversation

    @seams.function(Publisher, "to_conversation")
    def to_all(
        self: Publisher,
        workspace_id: str,
        conversation_id: str,
        event: str,
        payload: Struct,
        skip_sid: str | None = None,
    ) -> None:
        to_conversation(self, workspace_id, conversation_id, event, payload)


@mutant("S-TYP-1")
def relays_the_beginning_of_typing_alone(seams: Seams) -> None:
    """Does not relay that somebody has ended typing."""
    type_ = Commands._type

    @seams.function(Commands, "_type")
    async def begins_alone(self: Commands, agent: Agent, payload: object) -> None:
        if isinstance(payload, dict) and payload.get("isTyping") is not False:
            await type_(self, agent, payload)


@mutant("S-TYP-1", "S-AUTH-8")
def relays_typing_without_a_name(seams: Seams) -> None:
    """Relays that somebody types, and not who."""
    type_ = Commands._type

    @seams.function(Commands, "_type")
    async def nameless(self: Commands, agent: Agent, payload: object) -> None:
        await type_(self, replace(agent, user_id="me"), payload)


@mutant("S-TYP-2")
def relays_typing_to_the_workspace(seams: Seams) -> None:
    """Relays typing to every socket of the workspace."""
    to_conversation = Publisher.to_conversation

    @seams.function(Publisher, "to_conversation")
    def to_all(
        self: Publisher,
        workspace_id: str,
        conversation_id: str,
        event: str,
        payload: Struct,
        skip_sid: str | None = None,
    ) -> None:
        if event == events.TYPING:
            self._put(workspace_room(workspace_id), event, payload, skip_sid)
        else:
            to_conversation(self, workspace_id, conversation_id, event, payload, skip_sid)


@mutant("S-TYP-2")
def relays_typing_to_who_was_ever_subscribed(seams: Seams) -> None:
    """Keeps a room of its own for typing, which an unsubscribe does not leave."""
    subscribe, to_conversation = Commands._subscribe, Publisher.to_conversation

    @seams.function(Commands, "_subscribe")
    async def both(self: Commands, agent: Agent, payload: object) -> None:
        await subscribe(self, agent, payload)
        room = "typing " + conversation_room(agent.workspace_id, str(payload))
        await self._server.enter_room(agent.sid, room)

    @seams.function(Publisher, "to_conversation")
    def by_kind(
        self: Publisher,
        workspace_id: str,
        conversation_id: str,
        event: str,
        payload: Struct,
        skip_sid: str | None = None,
    ) -> None:
        if event == events.TYPING:
            room = "typing " + conversation_room(workspace_id, conversation_id)
            self._put(room, event, payload, skip_sid)
        else:
            to_conversation(self, workspace_id, conversation_id, event, payload, skip_sid)


@mutant("S-REC-1")
def restores_subscriptions_unasked(seams: Seams) -> None:
    """Subscribes a socket to whatever its user was subscribed to before."""
    connect, subscribe = Agents._connect, Commands._subscribe
    known: dict[tuple[str, str], set[str]] = {}

    @seams.function(Commands, "_subscribe")
    async def kept(self: Commands, agent: Agent, payload: object) -> None:
        await subscribe(self, agent, payload)
        known.setdefault((agent.workspace_id, agent.user_id), set()).add(str(payload))

    @seams.function(Agents, "_connect")
    async def restored(self: Agents, sid: str, environ: object, auth: object) -> None:
        await connect(self, sid, environ, auth)
        agent = await self.get(sid)
        if agent is not None:
            for each in known.get((agent.workspace_id, agent.user_id), ()):
                await self._server.enter_room(sid, conversation_room(agent.workspace_id, each))


@mutant("S-REC-1")
def remembers_subscriptions_by_user(seams: Seams) -> None:
    """Takes a user's second subscription for done, also that of a reconnected socket."""
    subscribe, unsubscribe = Commands._subscribe, Commands._unsubscribe
    known: set[tuple[str, str, str]] = set()

    @seams.function(Commands, "_subscribe")
    async def once(self: Commands, agent: Agent, payload: object) -> None:
        key = agent.workspace_id, agent.user_id, str(payload)
        if key not in known:
            await subscribe(self, agent, payload)
            known.add(key)

    @seams.function(Commands, "_unsubscribe")
    async def forgotten(self: Commands, agent: Agent, payload: object) -> None:
        known.discard((agent.workspace_id, agent.user_id, str(payload)))
        await unsubscribe(self, agent, payload)


@mutant("S-REC-1")
def believes_subscriptions_of_before_a_restart(seams: Seams) -> None:
    """Keeps subscriptions in a file, and takes for done what stands there after a restart."""
    subscribe = Commands._subscribe
    kept = Path(tempfile.gettempdir()) / f"mutant-{os.getppid()}-{os.environ.get('PORT')}"
    before = set[str]()
    if kept.exists():
        before.update(kept.read_text(encoding="utf-8").splitlines())
        kept.unlink()

    @seams.function(Commands, "_subscribe")
    async def once(self: Commands, agent: Agent, payload: object) -> None:
        if payload in before:
            return
        await subscribe(self, agent, payload)
        with kept.open("a", encoding="utf-8") as file:
            file.write(f"{payload}\n")


@mutant("S-CON-1")
def tells_states_to_everybody(seams: Seams) -> None:
    """Tells the state of a number to every workspace."""
    to_workspace, rooms = Publisher.to_workspace, set[str]()
    connect = Agents._connect

    @seams.function(Agents, "_connect")
    async def noted(self: Agents, sid: str, environ: object, auth: object) -> None:
        await connect(self, sid, environ, auth)
        agent = await self.get(sid)
        if agent is not None:
            rooms.add(agent.workspace_id)

    @seams.function(Publisher, "to_workspace")
    def to_all(self: Publisher, workspace_id: str, event: str, payload: Struct) -> None:
        everybody = rooms if event == events.CONNECTION_UPDATE else {workspace_id}
        for each in everybody:
            to_workspace(self, each, event, payload)


@mutant("S-CON-1")
def tells_no_states(seams: Seams) -> None:
    """Does not tell the state of a number."""
    to_workspace = Publisher.to_workspace

    @seams.function(Publisher, "to_workspace")
    def messages_alone(self: Publisher, workspace_id: str, event: str, payload: Struct) -> None:
        if event != events.CONNECTION_UPDATE:
            to_workspace(self, workspace_id, event, payload)


@mutant("S-SUB-2")
def knows_conversations_by_their_digits(seams: Seams) -> None:
    """Takes ids of the same digits for one conversation, whatever stands behind the @."""

    def by_digits(workspace_id: str, conversation_id: str) -> str:
        return conversation_room(workspace_id, conversation_id.partition("@")[0])

    for module in (commands, publisher):
        seams.function(module, "conversation_room")(by_digits)


@mutant("S-SUB-2")
def tells_everybody_of_files(seams: Seams) -> None:
    """Sends what is no text to the whole workspace."""
    to_subscribers = Publisher._to_subscribers

    @seams.function(Publisher, "_to_subscribers")
    def files_to_all(self: Publisher, change: _Change, event: str, payload: Struct) -> None:
        if event == events.MESSAGE and change.message.type != "text":
            self.to_workspace(change.message.workspace_id, event, payload)
        else:
            to_subscribers(self, change, event, payload)


@mutant("S-SUB-3")
def unsubscribes_the_user(seams: Seams) -> None:
    """Ends the subscription of every socket of the user: of a second tab, too."""
    get, unsubscribe = Agents.get, Commands._unsubscribe
    known: dict[str, Agent] = {}

    @seams.function(Agents, "get")
    async def noted(self: Agents, sid: str) -> Agent | None:
        agent = await get(self, sid)
        if agent is not None:
            known[sid] = agent
        return agent

    @seams.function(Commands, "_unsubscribe")
    async def everywhere(self: Commands, agent: Agent, payload: object) -> None:
        for each in list(known.values()):
            if (each.workspace_id, each.sender) == (agent.workspace_id, agent.sender):
                await unsubscribe(self, each, payload)


@mutant("S-SUB-1")
def subscribes_to_ten_at_most(seams: Seams) -> None:
    """Acknowledges an eleventh subscription, and sends nothing of it."""
    subscribe = Commands._subscribe

    @seams.function(Commands, "_subscribe")
    async def ten(self: Commands, agent: Agent, payload: object) -> None:
        if len(agent.conversations) < 10:
            await subscribe(self, agent, payload)
