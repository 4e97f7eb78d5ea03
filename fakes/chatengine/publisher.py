"""What goes out to clients: which event, to whom, and in which order.

Everything passes one line, first in, first out: what entered a conversation first reaches each of
its subscribers first (S-MSG-3), also while deliveries are delayed on purpose.
"""

import asyncio
from collections import deque
from typing import NamedTuple, assert_never

from msgspec import Struct
from socketio import AsyncServer

from chatengine import events
from chatengine.payloads import MessageStatus
from fakes.chatengine.faults import Faults
from fakes.chatengine.store import Change, ConversationRead, MessageAdded, StatusRaised
from fakes.logs import Log
from fakes.turns import Turn

__all__ = ["Publisher", "conversation_room", "workspace_room"]

_log = Log(__name__)


def workspace_room(workspace_id: str) -> str:
    """Return the room of every socket of a workspace."""
    return f"workspace {workspace_id}"


def conversation_room(workspace_id: str, conversation_id: str) -> str:
    """Return the room of a conversation's subscribers; no other pair of ids has the same."""
    return f"conversation {len(workspace_id)} {workspace_id} {conversation_id}"


class _Parcel(NamedTuple):
    due: float
    room: str
    event: str
    payload: object
    skip_sid: str | None


class Publisher:
    """Sends events to rooms and sockets; each call returns at once, `run` does the work."""

    def __init__(self, server: AsyncServer, faults: Faults, *, to_whole_workspace: bool) -> None:
        self._server = server
        self._faults = faults
        self._to_whole_workspace = to_whole_workspace
        self._line: deque[_Parcel] = deque()
        self._filled = asyncio.Event()

    def publish(self, change: Change) -> None:
        """Tell the clients concerned of a change in the store."""
        match change:
            case MessageAdded(message, conversation, early):
                if self._to_whole_workspace:
                    self.to_workspace(message.workspace_id, events.MESSAGE, message)
                else:
                    self._to_subscribers(change, events.MESSAGE, message)
                self.to_workspace(message.workspace_id, events.CONVERSATION, conversation)
                if early:
                    self._publish_status(change)
            case StatusRaised():
                self._publish_status(change)
            case ConversationRead():
                pass  # its sender alone is told, with `markedAsRead` (S-SND-4)
            case _:
                assert_never(change)

    def _publish_status(self, change: MessageAdded | StatusRaised) -> None:
        """Every acknowledgement becomes an event, one that came early too (S-STA-1, S-STA-3)."""
        status = MessageStatus(message_id=change.message.id, status=change.message.status)
        self._to_subscribers(change, events.MESSAGE_STATUS, status)

    def _to_subscribers(
        self, change: MessageAdded | StatusRaised, event: str, payload: Struct
    ) -> None:
        message = change.message
        self.to_conversation(message.workspace_id, message.conversation_id, event, payload)

    def to_conversation(
        self,
        workspace_id: str,
        conversation_id: str,
        event: str,
        payload: Struct,
        skip_sid: str | None = None,
    ) -> None:
        """Send to the conversation's subscribers of this workspace, but not to `skip_sid`."""
        self._put(conversation_room(workspace_id, conversation_id), event, payload, skip_sid)

    def to_workspace(self, workspace_id: str, event: str, payload: Struct) -> None:
        """Send to every socket of the workspace."""
        self._put(workspace_room(workspace_id), event, payload)

    def to_socket(self, sid: str, event: str, payload: Struct) -> None:
        """Send to one socket."""
        self._put(sid, event, payload)

    def to_room(self, room: str, event: str, payload: object) -> None:
        """Send anything to a room, or to the socket whose sid it is."""
        self._put(room, event, payload)

    def _put(self, room: str, event: str, payload: object, skip_sid: str | None = None) -> None:
        delay_s = self._faults.delays.deliveries_ms / 1000
        due = asyncio.get_running_loop().time() + delay_s
        self._line.append(_Parcel(due, room, event, payload, skip_sid))
        self._filled.set()

    async def run(self) -> None:
        """Send what is put in line, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._filled.wait()
            self._filled.clear()
            turn = Turn()
            while self._line:
                await turn.pause()
                if (early_s := self._line[0].due - loop.time()) > 0:
                    await asyncio.sleep(early_s)
                await self._send(self._line.popleft())

    async def _send(self, parcel: _Parcel) -> None:
        try:
            await self._server.emit(
                parcel.event, parcel.payload, room=parcel.room, skip_sid=parcel.skip_sid
            )
        except Exception as error:
            # Whatever one event is about, those behind it in line still go out (S-ERR-1).
            _log.warning("event not sent", event=parcel.event, error=type(error).__name__)
