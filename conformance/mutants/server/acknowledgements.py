"""How a server gets acknowledgements wrong (S-PRO-5)."""

from __future__ import annotations

import asyncio
from typing import Any

from chatengine.packets.socketio import Packet
from conformance.mutants.mutant import Seams, mutant
from fakes.chatengine.commands import Commands
from fakes.chatengine.realtime.rooms import Member
from fakes.chatengine.realtime.server import RealtimeServer


@mutant("S-PRO-5")
def acknowledges_nothing(seams: Seams) -> None:
    """Does what a command says, and acknowledges nothing."""
    run_event = RealtimeServer._run_event

    @seams.function(RealtimeServer, "_run_event")
    async def silent(self: RealtimeServer, member: Member, packet: Packet) -> None:
        await run_event(self, member, Packet(packet.type, packet.namespace, packet.data))


@mutant("S-PRO-5")
def acknowledges_everything(seams: Seams) -> None:
    """Acknowledges what did not ask for it."""
    run_event = RealtimeServer._run_event

    @seams.function(RealtimeServer, "_run_event")
    async def eager(self: RealtimeServer, member: Member, packet: Packet) -> None:
        ack_id = 0 if packet.id is None else packet.id
        await run_event(self, member, Packet(packet.type, packet.namespace, packet.data, ack_id))


@mutant("S-PRO-5")
def acknowledges_under_the_last_id(seams: Seams) -> None:
    """Acknowledges under the id that came last: of many under way most get none."""
    run_event, last = RealtimeServer._run_event, dict[str, int]()

    @seams.function(RealtimeServer, "_run_event")
    async def mixed_up(self: RealtimeServer, member: Member, packet: Packet) -> None:
        ack_id = packet.id
        if ack_id is not None:
            last[member.sid] = ack_id
            await asyncio.sleep(0.02)
            ack_id = last[member.sid]
        await run_event(self, member, Packet(packet.type, packet.namespace, packet.data, ack_id))


@mutant("S-PRO-5")
def acknowledges_failures_as_done(seams: Seams) -> None:
    """Acknowledges a command that failed with `{"ok": true}`."""
    answer = Commands._answer

    @seams.function(Commands, "_answer")
    async def polite(
        self: Commands, name: str, work: Any, sid: str, *arguments: object
    ) -> dict[str, Any]:
        await answer(self, name, work, sid, *arguments)
        return {"ok": True}


@mutant("S-PRO-5")
def acknowledges_with_a_bare_true(seams: Seams) -> None:
    """Acknowledges with `true`, where an object is due."""
    answer = Commands._answer

    @seams.function(Commands, "_answer")
    async def bare(self: Commands, name: str, work: Any, sid: str, *arguments: object) -> Any:
        answered = await answer(self, name, work, sid, *arguments)
        return True if answered["ok"] else answered
