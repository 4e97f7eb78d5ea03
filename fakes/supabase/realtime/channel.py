"""A joined channel: its subscriptions, its token, and what the client says in it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, Literal

from fakes.supabase.faults import SystemDelayed
from fakes.supabase.keys import TokenProblem
from fakes.supabase.realtime import words
from fakes.supabase.realtime.bindings import MalformedBinding, binding_id, read_binding
from fakes.supabase.realtime.frames import Frame, reply
from fakes.supabase.realtime.subscriptions import SubscriptionRefused, subscribe

if TYPE_CHECKING:
    import msgspec

    from fakes.supabase.keys import Claims
    from fakes.supabase.realtime.hub import Hub
    from fakes.supabase.realtime.joins import JoinConfig
    from fakes.supabase.realtime.socket import Socket

__all__ = ["Channel"]

_LOOK_AT_TOKEN_S: Final = 300
"""How often a token is looked at, if it does not expire earlier (`confirm_token`)."""


class Channel:
    """A channel of one socket. What it says goes through the socket's mailbox, in order."""

    def __init__(
        self,
        hub: Hub,
        socket: Socket,
        frame: Frame,
        config: JoinConfig,
        token: str,
        claims: Claims,
    ) -> None:
        self.topic = frame.topic
        self.name = frame.topic.removeprefix("realtime:")
        self.join_ref = frame.join_ref
        self.config = config
        self.claims = claims
        self._hub = hub
        self._socket = socket
        self._token = token
        self._timers: dict[Literal["subscribe", "token"], asyncio.TimerHandle] = {}

    @property
    def socket_id(self) -> str:
        """The id of its socket."""
        return self._socket.id

    @property
    def is_subscribed(self) -> bool:
        """Whether it gets changes."""
        return self._hub.feed.is_subscribed(self)

    def answer(self) -> dict[str, Any]:
        """Return what a successful join answers: each binding as the client gave it, and its id."""
        changes = [each | {"id": binding_id(each)} for each in self.config.postgres_changes]
        return {"postgres_changes": changes}

    def start(self) -> None:
        """Begin, once the join is answered."""
        if self.config.presence:
            self._push("presence_state", {})
        self._subscribe_soon()
        self._look_at_token_in_time()

    # what the client says

    def handle(self, frame: Frame) -> None:
        """Take what the client says in the channel; what is unknown is ignored."""
        match frame.event:
            case "phx_leave":
                self._socket.push(reply(frame, "ok", {}))
                self._end("phx_close")
            case "access_token":
                self._renew(frame.payload)
            case "broadcast":
                self._broadcast(frame)
            case "presence":
                reason = "Presence is not part of this fake"
                self._socket.push(reply(frame, "error", {"reason": reason}))

    def _renew(self, payload: object) -> None:
        """Take a new token; there is no reply, but `system` says when it holds."""
        token = payload.get("access_token") if isinstance(payload, dict) else None
        if not isinstance(token, str) or token.startswith("sb_") or token == self._token:
            return
        self._token = token
        try:
            self.claims = self._hub.verify(token)
        except TokenProblem as problem:
            self.shut_down(words.in_channel(problem))
            return
        self._look_at_token_in_time()
        self._subscribe_soon()

    def _broadcast(self, frame: Frame) -> None:
        for channel in self._hub.channels(self.topic):
            if channel is not self or self.config.broadcasts_to_self:
                channel._socket.push(Frame(self.topic, "broadcast", frame.payload))
        if self.config.acknowledges_broadcasts:
            self._socket.push(reply(frame, "ok", {}))

    # its subscriptions

    def _subscribe_soon(self) -> None:
        """Subscribe after the delay; until then, changes are lost to it."""
        if not self.config.postgres_changes:
            return
        fault = self._hub.faults.take(SystemDelayed, self.name)
        delay_ms = self._hub.timing.system_delay_ms if fault is None else fault.ms
        self._later("subscribe", delay_ms / 1000, self._subscribe)

    def _subscribe(self) -> None:
        """Subscribe to everything asked for, or to nothing; either way the channel stays."""
        hub = self._hub
        try:
            subscriptions = [
                each
                for parameters in self.config.postgres_changes
                for each in subscribe(
                    read_binding(parameters),
                    binding_id(parameters),
                    hub.database,
                    hub.policy,
                    self.claims,
                )
            ]
        except (MalformedBinding, SubscriptionRefused) as error:
            self._system("postgres_changes", "error", str(error))
            return
        hub.feed.subscribe(self, self.claims, tuple(subscriptions))
        self._system("postgres_changes", "ok", "Subscribed to PostgreSQL")

    def deliver(self, ids: list[int], data: msgspec.Raw) -> None:
        """Pass a change on; it carries no refs."""
        self._socket.push(Frame(self.topic, "postgres_changes", {"ids": ids, "data": data}))

    # its token

    def _look_at_token_in_time(self) -> None:
        left_s = self.claims.expires_at - int(time.time())
        self._later("token", min(_LOOK_AT_TOKEN_S, left_s), self._look_at_token)

    def _look_at_token(self) -> None:
        try:
            self._hub.verify(self._token)
        except TokenProblem as problem:
            self.shut_down(words.in_channel(problem))
        else:
            self._look_at_token_in_time()

    def expire(self) -> None:
        """Do as if the token had just run out."""
        self.shut_down(words.in_channel(TokenProblem("expired")))

    # its end

    def shut_down(self, message: str) -> None:
        """Say why, and close."""
        self._system("system", "error", message)
        self._end("phx_close")

    def close(self) -> None:
        """Close without a word."""
        self._end("phx_close")

    def crash(self) -> None:
        """End as a channel ends whose process died; the clients join again."""
        self._end("phx_error")

    def forget(self) -> None:
        """Be gone, as the socket is: nobody is left to be told."""
        for timer in self._timers.values():
            timer.cancel()
        self._hub.feed.unsubscribe(self)
        self._socket.channels.pop(self.topic, None)

    def _end(self, event: Literal["phx_close", "phx_error"]) -> None:
        self.forget()
        self._socket.push(Frame(self.topic, event, {}, self.join_ref, self.join_ref))

    # its means

    def _system(self, extension: str, status: Literal["ok", "error"], message: str) -> None:
        payload = {
            "extension": extension,
            "status": status,
            "message": message,
            "channel": self.name,
        }
        self._push("system", payload)

    def _push(self, event: str, payload: dict[str, Any]) -> None:
        self._socket.push(Frame(self.topic, event, payload, None, self.join_ref))

    def _later(self, name: Literal["subscribe", "token"], delay_s: float, act: Any) -> None:
        if (pending := self._timers.pop(name, None)) is not None:
            pending.cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(max(0.0, delay_s), act)
