"""How a channel is joined: what the client says, and every reason to refuse it.

The order is that of `RealtimeChannel.join` in Realtime's source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from fakes.supabase.faults import JoinRefused as RefusalFault
from fakes.supabase.keys import TokenProblem
from fakes.supabase.realtime import words
from fakes.supabase.realtime.channel import Channel

if TYPE_CHECKING:
    from fakes.supabase.realtime.frames import Frame
    from fakes.supabase.realtime.hub import Hub
    from fakes.supabase.realtime.socket import Socket

__all__ = ["PREFIX", "JoinConfig", "JoinRefused", "join"]

PREFIX: Final = "realtime:"


class JoinRefused(Exception):
    """A join that fails: the reason to answer, and whether the socket is closed after it."""

    def __init__(self, reason: str, *, disconnect: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.disconnect = disconnect


class JoinConfig(Struct, frozen=True):
    """What of a join's payload counts; `token` None: the client gave none."""

    postgres_changes: tuple[dict[str, Any], ...] = ()
    token: str | None = None
    broadcasts_to_self: bool = False
    acknowledges_broadcasts: bool = False
    presence: bool = False


def join(hub: Hub, socket: Socket, frame: Frame) -> Channel:
    """Join the channel that the frame asks for; raises `JoinRefused`."""
    if frame.topic == PREFIX:
        raise JoinRefused("TopicNameRequired: You must provide a topic name")
    config = _read(frame.payload)
    fault = hub.faults.take(RefusalFault, frame.topic.removeprefix(PREFIX))
    if fault is not None:
        raise JoinRefused(fault.reason)
    if not socket.is_user and hub.full:
        raise JoinRefused("ConnectionRateLimitReached: Too many connected users")
    if not hub.joins.take():
        reason = "ClientJoinRateLimitReached: Too many joins per second"
        raise JoinRefused(reason, disconnect=True)
    if len(socket.channels) >= hub.limits.channels:
        raise JoinRefused("ChannelRateLimitReached: Too many channels")
    token = config.token or socket.token
    try:
        claims = hub.verify(token)
    except TokenProblem as problem:
        raise JoinRefused(words.at_join(problem)) from None
    return Channel(hub, socket, frame, config, token, claims)


def _read(payload: object) -> JoinConfig:
    """Read the payload; what has a wrong type counts as absent, as in Realtime."""
    if not isinstance(payload, dict):
        raise JoinRefused("UnknownErrorOnChannel: expected a map")
    config = _object(payload, "config")
    broadcast, presence = _object(config, "broadcast"), _object(config, "presence")
    changes = config.get("postgres_changes")
    wanted = [each for each in changes if each is not None] if isinstance(changes, list) else []
    if not all(isinstance(each, dict) for each in wanted):
        raise JoinRefused("UnknownErrorOnChannel: expected a map")
    return JoinConfig(
        postgres_changes=tuple(wanted),
        token=_token(payload),
        broadcasts_to_self=_flag(broadcast, "self"),
        acknowledges_broadcasts=_flag(broadcast, "ack"),
        presence=_flag(presence, "enabled"),
    )


def _token(payload: dict[str, Any]) -> str | None:
    """Return the token of the join; a key of the new kind (`sb_...`) is none."""
    for name in ("user_token", "access_token"):
        token = payload.get(name)
        if isinstance(token, str) and token:
            return None if token.startswith("sb_") else token
    return None


def _object(given: dict[str, Any], name: str) -> dict[str, Any]:
    value = given.get(name)
    return value if isinstance(value, dict) else {}


def _flag(given: dict[str, Any], name: str) -> bool:
    return str(given.get(name)).lower() == "true"
