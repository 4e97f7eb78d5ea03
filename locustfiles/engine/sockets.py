"""A subscriber's socket: connects, subscribes, comes back by itself, and accounts for it all.

Everything here runs on the engine's loop.
"""

import asyncio
import random
import ssl
from collections.abc import Callable, Iterable, Mapping
from time import monotonic_ns
from typing import Any, Final

import msgspec
from msgspec import Struct

from chatengine import events
from locustfiles.engine.accounting import Ending, Tally, Window, account
from locustfiles.engine.arrivals import PACKET_TYPES, Message, Route
from locustfiles.engine.connection import Connection, dial
from locustfiles.engine.errors import (
    ConnectFailed,
    ConnectionLost,
    ConnectRefused,
    SubscribeFailed,
)
from locustfiles.engine.receipts import Receipts
from locustfiles.engine.schedule import Stream
from locustfiles.engine.thread import Engine

__all__ = ["Listener", "Socket", "Target"]

Listener = Callable[[str, Any], None]
"""Called on the engine's thread with the name of an event and its first argument."""

_FIRST_DELAY_S: Final = 0.5
_LONGEST_DELAY_S: Final = 5.0  # so that a socket is back within 5 s of the server's (C-CONN-3)
_NOWHERE: Final[Route] = (-1, "", -1)
_REFUSED_DELAY_S: Final = 1.0  # a refused token is not hammered (C-CONN-6)


class Target(Struct, frozen=True):
    """The server as a socket needs it; `token` mints one for each attempt (C-CONN-5)."""

    url: str
    workspace_id: str
    token: Callable[[], str]
    timeout_s: float = 10.0
    tls: ssl.SSLContext | None = None


class Subscription:
    """A conversation as this socket has it open, over all its connections."""

    __slots__ = ("live", "receipts", "windows")

    def __init__(self) -> None:
        self.live = False
        self.windows: list[Window] = []
        self.receipts: dict[int, Receipts] = {}

    def begin(self, at_us: int) -> None:
        """The server acknowledged the subscription."""
        self.live = True
        self.windows.append(Window(at_us))

    def end(self, at_us: int, ending: Ending) -> None:
        """It is over: the connection is gone, or the user left.

        Leaving while disconnected is a window without length: it says until when the user waited.
        """
        if not self.live:
            if ending is Ending.DROPPED or not self.windows:
                return
            self.windows.append(Window(at_us))
        self.live = False
        self.windows[-1].end_us = at_us
        self.windows[-1].ending = ending


class Socket:
    """One agent's Socket.IO client. `run` tells this run's messages from those of others."""

    __slots__ = (
        "_arrivals",
        "_connection",
        "_engine",
        "_receipts",
        "_returning",
        "_route",
        "_run",
        "_subscriptions",
        "_target",
        "_wanted",
        "listener",
        "was_subscribed",
    )

    def __init__(self, engine: Engine, target: Target, run: int) -> None:
        self._engine = engine
        self._arrivals = engine.arrivals
        self._target = target
        self._run = run
        self._connection: Connection | None = None
        self._returning: asyncio.Task[None] | None = None
        self._subscriptions: dict[str, Subscription] = {}
        self._wanted: set[str] = set()
        # The route of the last arrival: mostly the next one's too, and two look-ups saved.
        self._route: Route = _NOWHERE
        self._receipts = Receipts()
        self.was_subscribed = False
        self.listener: Listener | None = None

    @property
    def is_connected(self) -> bool:
        """Whether CONNECT was answered and the connection has not been lost since."""
        return self._connection is not None

    # What the user asks

    async def connect(self) -> int:
        """Connect once; microseconds it took. Raises `ConnectFailed` or `ConnectRefused`.

        From then on a lost connection comes back by itself, until `close`; to ask for it meanwhile
        is to wait for that.
        """
        began = self._engine.clock.now_us()
        if self._returning is not None:
            await asyncio.wait([self._returning])
        if self._connection is None:
            await self._dial()
            self._engine.ledger.connect.record(self._engine.clock.now_us() - began)
        return self._engine.clock.now_us() - began

    async def subscribe(self, conversation_id: str) -> int:
        """Open a conversation; microseconds until its ack. Raises `SubscribeFailed`."""
        self._wanted.add(conversation_id)
        took = await self._subscribe(conversation_id)
        self._engine.ledger.subscribe.record(took)
        if not self.was_subscribed:
            self.was_subscribed = True
            self._engine.ledger.subscribed += 1
        return took

    async def unsubscribe(self, conversation_id: str) -> None:
        """Leave a conversation; without a connection it is just not subscribed again.

        Raises `SubscribeFailed` where the server does not acknowledge it.
        """
        self._wanted.discard(conversation_id)
        subscription = self._subscriptions.get(conversation_id)
        if subscription is not None:
            subscription.end(self._engine.clock.now_us(), Ending.LEFT)
        if self._connection is not None:
            timeout_s = self._target.timeout_s
            try:
                await self._connection.call(
                    events.UNSUBSCRIBE, conversation_id, timeout_s=timeout_s
                )
            except TimeoutError:
                raise SubscribeFailed(f"no ack of the leaving within {timeout_s:g} s") from None

    def emit(self, name: str, payload: Any) -> None:
        """Send an event. Raises `ConnectionLost` when there is no connection now."""
        if self._connection is None:
            raise ConnectionLost("the socket is not connected")
        self._connection.emit(name, payload)

    async def close(self) -> None:
        """End it: no connection, no timer and no attempt is left."""
        if self._returning is not None:
            self._returning.cancel()
            self._returning = None
        now = self._engine.clock.now_us()
        for subscription in self._subscriptions.values():
            subscription.end(now, Ending.LEFT)
        connection, self._connection = self._connection, None
        if connection is not None:
            self._engine.ledger.second(now).disconnects += 1
            await connection.close()

    def tally(self, streams: Mapping[str, Iterable[Stream]], settle_us: int) -> Tally:
        """What the published streams, by conversation, owed this socket, and what became of it."""
        total = Tally()
        for conversation_id, subscription in self._subscriptions.items():
            for stream in streams.get(conversation_id, ()):
                receipts = subscription.receipts.get(stream.id) or Receipts()
                total += account(subscription.windows, stream, receipts, settle_us)
        return total

    # What the connection brings

    def on_known(self, payload: bytes) -> bool:
        """Account for the `message` that came last, if this is it; the hot path of a load run.

        A neighbour here mostly got the same bytes just before; to compare them is cheaper than to
        hash them. What it does for each is written out where a call would cost a tenth of it all.
        """
        now_ns = monotonic_ns()
        message = self._arrivals.last
        if payload != message.event:
            return False
        receipts = self._receipts
        if message.sequence == receipts.next and message.route is self._route:
            receipts.next = message.following
            if message.settled > receipts.settled:
                receipts.settled = message.settled
            message.arrived.append(now_ns)
        else:
            self._account(message, now_ns)
        if self.listener is not None and message.content is not None:
            self.listener(events.MESSAGE, msgspec.json.decode(payload[PACKET_TYPES:])[1])
        return True

    def on_message(self, event: bytes) -> None:
        """Account for a `message` that is another than the last."""
        self._arrivals.turn_to(event, self._engine.began_us)
        self.on_known(event)

    def _account(self, message: Message, now_ns: int) -> None:
        """Account for an arrival that is not just the next of its stream."""
        ledger = self._engine.ledger
        content = message.content
        if content is None:
            ledger.error("a message event without the contract's shape")
        elif message.route is None or message.route[0] != self._run:
            ledger.foreign += 1
            self._check_workspace(content.workspace_id)
        elif message.route is not self._route and not self._follow(message.route):
            ledger.unexpected += 1
            self._check_workspace(content.workspace_id)
        else:
            receipts = self._receipts
            reordered = receipts.out_of_order
            if receipts.add(message.sequence, message.settled):
                message.arrived.append(now_ns)
                if receipts.out_of_order != reordered:
                    self._engine.second().out_of_order += 1
            else:
                self._engine.second().duplicates += 1

    def _follow(self, route: Route) -> bool:
        """Turn to the receipts of another stream; False where nobody subscribed to it."""
        _, conversation_id, stream = route
        subscription = self._subscriptions.get(conversation_id)
        if subscription is None:
            return False
        self._route = route
        self._receipts = subscription.receipts.setdefault(stream, Receipts())
        return True

    def _check_workspace(self, workspace_id: object) -> None:
        """Count what another workspace's socket should have got (S-ISO-1).

        Not for what was subscribed to: the conversations of a run are of one workspace each.
        """
        if workspace_id and workspace_id != self._target.workspace_id:
            self._engine.ledger.leaked += 1

    def on_event(self, name: str, arguments: list[Any]) -> None:
        """Count conversations, and hand everything to the listener."""
        if name == events.CONVERSATION:
            self._engine.ledger.conversations += 1
            if arguments and isinstance(arguments[0], dict):
                self._check_workspace(arguments[0].get("workspaceId"))
        if self.listener is not None:
            self.listener(name, arguments[0] if arguments else None)

    def on_lost(self, cause: str) -> None:
        """Begin to come back."""
        now = self._engine.clock.now_us()
        self._connection = None
        self._engine.ledger.second(now).disconnects += 1
        self._engine.ledger.error(f"connection lost: {cause}")
        for subscription in self._subscriptions.values():
            subscription.end(now, Ending.DROPPED)
        self._returning = self._engine.loop.create_task(self._return(now))

    # Connecting, and coming back

    async def _dial(self) -> None:
        target = self._target
        auth = {"token": target.token(), "workspaceId": target.workspace_id}
        try:
            self._connection = await dial(
                target.url, auth, self, timeout_s=target.timeout_s, tls=target.tls
            )
        except ConnectFailed:
            self._engine.second().connect_failures += 1
            raise
        self._engine.second().connects += 1

    async def _subscribe(self, conversation_id: str) -> int:
        if self._connection is None:
            raise SubscribeFailed("the socket is not connected")
        subscription = self._subscriptions.setdefault(conversation_id, Subscription())
        began = self._engine.clock.now_us()
        timeout_s = self._target.timeout_s
        try:
            answer = await self._connection.call(
                events.SUBSCRIBE, conversation_id, timeout_s=timeout_s
            )
        except TimeoutError:
            raise SubscribeFailed(f"no ack of the subscription within {timeout_s:g} s") from None
        if answer and isinstance(answer[0], dict) and answer[0].get("ok") is False:
            raise SubscribeFailed(f"the server refused the subscription: {answer[0].get('error')}")
        now = self._engine.clock.now_us()
        if conversation_id in self._wanted and not subscription.live:
            subscription.begin(now)
        return now - began

    async def _return(self, lost_us: int) -> None:
        """Reconnect with growing, jittered delays, for as long as the user wants it (C-CONN-3)."""
        delay = _FIRST_DELAY_S
        while self._connection is None:
            # Half to one and a half of it: a thousand sockets must not come back in step.
            await asyncio.sleep(delay * random.uniform(0.5, 1.5))
            try:
                await self._dial()
            except ConnectFailed as error:
                self._engine.ledger.error(str(error))
                least = _REFUSED_DELAY_S if isinstance(error, ConnectRefused) else 0
                delay = min(max(2 * delay, least / 0.5), _LONGEST_DELAY_S / 1.5)
        try:
            await self._subscribe_again()
        except ConnectionLost:
            return  # lost again: `on_lost` has begun another return
        self._engine.ledger.reconnects += 1
        self._engine.ledger.reconnect.record(self._engine.clock.now_us() - lost_us)

    async def _subscribe_again(self) -> None:
        for conversation_id in sorted(self._wanted):
            try:
                await self._subscribe(conversation_id)
            except SubscribeFailed as error:
                self._engine.ledger.error(str(error))
