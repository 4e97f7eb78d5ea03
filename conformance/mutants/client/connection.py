"""How a client gets its connection wrong (C-CONN)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from chatengine.client import socket
from chatengine.client.background import Background
from chatengine.client.client import CrmClient
from chatengine.client.config import ClientConfig, Transport
from chatengine.client.connection import End
from chatengine.client.core import shapes
from chatengine.client.core.fallback import Action, Fallback
from chatengine.client.core.shapes import ConnectionState
from chatengine.client.session import Session
from chatengine.client.socket import SocketSource
from chatengine.client.tokens import MintedTokens
from chatengine.client.wire import Wire
from conformance.mutants.mutant import Seams, mutant, property_of

_ENDED: Final = "ChatEngine ended the connection"


@mutant("C-CONN-1")
def connects_on_the_first_open(seams: Seams) -> None:
    """Connects when the first conversation is opened, not as soon as it is configured."""
    start, opened = SocketSource.start, Session.opened

    @seams.function(SocketSource, "start")
    def wait(self: SocketSource) -> None:
        """Wait for `opened`."""

    @seams.function(Session, "opened")
    def connect(self: Session, conversation_id: str) -> None:
        opened(self, conversation_id)
        if self._chatengine is not None:
            start(self._chatengine.socket)


@mutant("C-CONN-1", "C-CONN-2")
def keeps_the_configuration_it_began_with(seams: Seams) -> None:
    """Reads whether there is a ChatEngine once, at its start, as a build-time variable is read."""
    configure = CrmClient.configure

    @seams.function(CrmClient, "configure")
    async def as_before(self: CrmClient, config: ClientConfig) -> None:
        await configure(self, replace(config, chatengine=self._config.chatengine))


@mutant("C-CONN-1")
def connects_after_the_configuration_is_gone(seams: Seams) -> None:
    """Leaves a reconnect under way when ChatEngine is taken out of its configuration."""
    configure, left = CrmClient.configure, list[SocketSource]()

    @seams.function(CrmClient, "configure")
    async def not_quite(self: CrmClient, config: ClientConfig) -> None:
        before, tokens = self._config, self._tokens()
        await configure(self, config)
        if config.chatengine is None and before.chatengine is not None and tokens is not None:
            place, whose, timing = before.chatengine, before.workspace_id, before.timing
            left.append(SocketSource(place, whose, tokens, timing, _Deaf()))
            left[-1].start()


class _Deaf:
    """Hears a socket, and does nothing."""

    def connected(self) -> None: ...

    def lost(self, cause: str, refused: bool) -> None: ...

    def event(self, name: str, payload: object) -> None: ...


@mutant("C-CONN-2")
def enabled_means_connected(seams: Seams) -> None:
    """`isEnabled` says that ChatEngine is configured and connected, as the original has it."""
    view = property_of(Session, "connection")

    @seams.function(Session, "connection")
    def one_flag(self: Session) -> shapes.Connection:
        shown: shapes.Connection = view(self)
        return replace(shown, is_enabled=shown.is_connected)


@mutant("C-CONN-2")
def shows_a_lost_connection_for_three_seconds(seams: Seams) -> None:
    """Shows itself as connected for three more seconds after the connection is lost."""
    view, until_s = property_of(Session, "connection"), 0.0

    @seams.function(Session, "connection")
    def reluctant(self: Session) -> shapes.Connection:
        nonlocal until_s
        shown: shapes.Connection = view(self)
        now_s = asyncio.get_running_loop().time()
        if shown.is_connected:
            until_s = now_s + 3.0
        return replace(shown, is_connected=now_s < until_s)


@mutant("C-CONN-3")
def never_comes_back(seams: Seams) -> None:
    """Connects once, and leaves it at that when the connection is lost (`reconnection: false`)."""
    over = SocketSource._over

    @seams.function(SocketSource, "_over")
    async def once(
        self: SocketSource, transport: Transport, auth: dict[str, str], deadline_s: float
    ) -> End:
        end = await over(self, transport, auth, deadline_s)
        if self._joined_at_s is not None:
            await asyncio.Event().wait()
        return end


@mutant("C-CONN-3")
def gives_up_after_a_refusal(seams: Seams) -> None:
    """Takes a refusal for the last word: it does not try again, though it is still configured."""
    attempt = SocketSource._attempt

    @seams.function(SocketSource, "_attempt")
    async def discouraged(self: SocketSource, deadline_s: float) -> End:
        end = await attempt(self, deadline_s)
        if end.refused:
            self._ended(end)
            await asyncio.Event().wait()
        return end


@mutant("C-CONN-3")
def gives_up_after_five_attempts(seams: Seams) -> None:
    """Makes five attempts to reconnect and then no more (`reconnectionAttempts: 5`)."""
    attempt, failed = SocketSource._attempt, 0

    @seams.function(SocketSource, "_attempt")
    async def counted(self: SocketSource, deadline_s: float) -> End:
        nonlocal failed
        if failed == 5:
            await asyncio.Event().wait()
        end = await attempt(self, deadline_s)
        failed = failed + 1 if self._joined_at_s is None else 0
        return end


@mutant("C-CONN-3")
def waits_ever_longer(seams: Seams) -> None:
    """Doubles the pause between attempts without a bound."""

    @seams.function(SocketSource, "_pause_s")
    def unbounded(self: SocketSource, failures: int) -> float:
        first_s: float = self._timing.reconnect_delay_ms / 1000
        return first_s * float(2**failures) * (0.5 + 0.5 * self._random())


@mutant("C-CONN-3")
def reconnects_in_step(seams: Seams) -> None:
    """Doubles the pause between attempts without jitter: all clients come at one moment."""

    @seams.function(SocketSource, "_pause_s")
    def exact(self: SocketSource, failures: int) -> float:
        timing = self._timing
        doubled = timing.reconnect_delay_ms * float(2 ** min(failures, 30))
        return min(timing.reconnect_delay_max_ms, doubled) / 1000


@mutant("C-CONN-3")
def reconnects_without_backoff(seams: Seams) -> None:
    """Always pauses for as long as the first time, give or take."""
    pause_s = SocketSource._pause_s

    @seams.function(SocketSource, "_pause_s")
    def constant(self: SocketSource, failures: int) -> float:
        return pause_s(self, 0)


@mutant("C-CONN-4")
def stays_away_after_a_disconnect_by_the_server(seams: Seams) -> None:
    """Takes a disconnect by the server for the last word, as socket.io-client does by itself."""
    over = SocketSource._over

    @seams.function(SocketSource, "_over")
    async def obedient(
        self: SocketSource, transport: Transport, auth: dict[str, str], deadline_s: float
    ) -> End:
        end = await over(self, transport, auth, deadline_s)
        if end.cause == _ENDED:
            await asyncio.Event().wait()
        return end


@mutant("C-CONN-5")
def keeps_its_first_token(seams: Seams) -> None:
    """Mints one token when it starts and sends that with every attempt."""
    token = MintedTokens.token

    @seams.function(MintedTokens, "token")
    async def first(self: MintedTokens) -> str:
        return await token(self) if self._kept is None else self._kept.token


@mutant("C-CONN-6")
def hammers_a_refused_token(seams: Seams) -> None:
    """Treats a refused token as any loss: the next attempt follows after a tenth of a second."""
    seams.constant(socket, "_REFUSED_S", 0.0)


@mutant("C-CONN-6")
def says_no_reason(seams: Seams) -> None:
    """Shows a refusal as one more failed attempt, without a word on why."""
    ended = SocketSource._ended

    @seams.function(SocketSource, "_ended")
    def silent(self: SocketSource, end: End) -> None:
        ended(self, end)
        self._state, self._last_error = ConnectionState.CONNECTING, None


@mutant("C-CONN-7")
def leaves_its_socket_at_stop(seams: Seams) -> None:
    """Stops to listen, and leaves the socket as it is."""

    @seams.function(SocketSource, "stop")
    async def deaf(self: SocketSource) -> None:
        self._is_wanted = False
        self._state, self._last_error = ConnectionState.DISCONNECTED, None


@mutant("C-CONN-7")
def forgets_a_timer_at_stop(seams: Seams) -> None:
    """Stops the connection there is, but not the timer of the next attempt."""
    stop = SocketSource.stop

    @seams.function(SocketSource, "stop")
    async def incomplete(self: SocketSource) -> None:
        if self._connection is not None:
            await stop(self)
        self._is_wanted = False
        self._state, self._last_error = ConnectionState.DISCONNECTED, None


@mutant("C-CONN-7")
def polls_on_after_stop(seams: Seams) -> None:
    """Leaves what works in the background running when it is stopped."""

    @seams.function(Background, "stop")
    async def leave(self: Background) -> None:
        """Nothing is cancelled."""

    @seams.function(Fallback, "stop")
    def go_on(self: Fallback) -> tuple[Action, ...]:
        return ()


@mutant("C-CONN-8")
def trusts_tcp(seams: Seams) -> None:
    """Does not mind the heartbeat: only the end of the TCP connection is a loss."""
    _with_patience(seams, times=1000)


@mutant("C-CONN-8")
def waits_for_ten_heartbeats(seams: Seams) -> None:
    """Takes ten missed heartbeats for a loss, not the one of the protocol."""
    _with_patience(seams, times=10)


def _with_patience(seams: Seams, *, times: int) -> None:
    """Let the server be silent for so many times as long as it announced."""
    open = Wire.open

    @seams.function(Wire, "open")
    async def patient(
        self: Wire, url: str, path: str, transport: str, auth: Mapping[str, str]
    ) -> None:
        await open(self, url, path, transport, auth)
        self.eio.ping_interval *= times
        self.eio.ping_timeout *= times
