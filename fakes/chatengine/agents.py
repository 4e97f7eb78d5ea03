"""Who may connect, and who is connected (contract, sections 2 and 3)."""

import time
from typing import Final

from msgspec import Struct, field
from socketio import AsyncServer
from socketio.exceptions import ConnectionRefusedError as Refused

from chatengine.tokens import Claims, TokenError, TokenRules, verify
from fakes.chatengine.faults import Faults
from fakes.chatengine.publisher import workspace_room
from fakes.logs import Log

__all__ = ["Agent", "Agents", "user_of"]

_AGENT: Final = "agent"

_log = Log(__name__)


class Agent(Struct, frozen=True):
    """One socket of the CRM: its id, the workspace it belongs to, and whose it is.

    `sender` tells it from other senders: by the user, or by the socket where the token names none.
    `conversations` are those it is subscribed to.
    """

    sid: str
    workspace_id: str
    user_id: str
    sender: str
    conversations: set[str] = field(default_factory=set)


def user_of(claims: Claims) -> str:
    """Return the user's id; a token need not name one, and then it is "me" (section 2)."""
    return claims.subject or "me"


class Agents:
    """The connected sockets. A socket is in its workspace's room from before its first event.

    Who an agent is stays with the socket's session, and so is forgotten with it.
    """

    def __init__(self, server: AsyncServer, rules: TokenRules, faults: Faults) -> None:
        self._server = server
        self._rules = rules
        self._faults = faults
        server.on("connect", self._connect)

    async def get(self, sid: str) -> Agent | None:
        """Return the agent behind a socket, while it is connected."""
        try:
            session: dict[str, Agent] = await self._server.get_session(sid)
        except KeyError:
            return None
        return session.get(_AGENT)

    async def _connect(self, sid: str, environ: object, auth: object) -> None:
        refusal = self._faults.refuse_connect()
        if refusal is not None:
            raise Refused(refusal.message, {"code": refusal.code})
        try:
            claims = self._admit(auth)
        except TokenError as error:
            _log.warning("connection refused", code=error.code, reason=error.reason)
            raise Refused(error.reason, {"code": error.code}) from None
        sender = claims.subject or f"socket {sid}"
        agent = Agent(sid, claims.workspace_id, user_of(claims), sender)
        try:
            await self._server.save_session(sid, {_AGENT: agent})
            await self._server.enter_room(sid, workspace_room(claims.workspace_id))
        except (KeyError, ValueError):
            raise Refused("the socket has left", {"code": "gone"}) from None

    def _admit(self, auth: object) -> Claims:
        given = auth if isinstance(auth, dict) else {}
        claims = verify(given.get("token"), self._rules, now=time.time())
        if given.get("workspaceId") != claims.workspace_id:
            raise TokenError("forbidden", "token of another workspace")
        return claims
